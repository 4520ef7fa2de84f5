"""Fixtures of tests that drive a study by hand."""

from contextlib import closing

import pytest

from tests.support.ledgers import STUDY
from tuner.ledger.store import Ledger


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(f"sqlite:///{tmp_path}/ledger.db")) as opened:
        yield opened


@pytest.fixture
def lease(ledger):
    return ledger.acquire(ledger.create_study(**STUDY), {})
