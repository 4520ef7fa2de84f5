"""Fixtures of the ledger's tests."""

import pytest

from tests.support.ledgers import create


@pytest.fixture
def study(ledger):
    """A study of the ledger, which nobody has driven yet."""
    return create(ledger)
