"""Fixtures of the service's tests."""

import secrets
from contextlib import closing

import pytest

from tuner.ledger.store import Ledger


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(request, tmp_path):
    """A new ledger in each of the two databases."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/ledger.db"
    else:
        url = request.getfixturevalue("postgresql").create(f"service_{secrets.token_hex(8)}")
    with closing(Ledger(url)) as opened:
        yield opened
