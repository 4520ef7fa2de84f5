"""A method that lost its database is run again for as long as its patience lasts, and is told the attempt."""

import pytest

from tuner.errors import AwayError, UserError
from tuner.ledger.retry import Attempt, retried, retried_with_attempt


class Store:
    """Loses its database so many times."""

    def __init__(self, losses, patience_s=60.0):
        self.losses, self.patience_s, self.attempts, self.runs = losses, patience_s, [], 0

    def lose(self):
        if self.losses:
            self.losses -= 1
            raise AwayError("away")

    @retried
    def read(self, what, *, times=1):
        self.runs += 1
        self.lose()
        return [what] * times

    @retried_with_attempt
    def write(self, attempt, what):
        self.attempts.append(attempt)
        self.read("something else")  # a retry within does not count for this one
        self.lose()
        return what

    @retried
    def refuse(self):
        self.runs += 1
        raise UserError("no")


@pytest.fixture(autouse=True)
def short_pauses(monkeypatch):
    monkeypatch.setattr("tuner.ledger.retry.FIRST_PAUSE_S", 0.001)


def test_a_method_is_run_until_it_succeeds():
    store = Store(losses=3)
    assert store.read("row", times=2) == ["row", "row"]
    assert store.runs == 4


def test_a_method_that_has_to_know_is_told_which_attempt_it_is():
    store = Store(losses=0)
    assert store.write("row") == "row"
    assert [a.repeated for a in store.attempts] == [False]
    store.attempts.clear()
    store.read = lambda _: None
    store.losses = 2
    assert store.write("row") == "row"
    assert store.attempts == [Attempt(1), Attempt(2), Attempt(3)]
    assert [a.repeated for a in store.attempts] == [False, True, True]


def test_a_retry_of_what_a_method_calls_is_no_attempt_of_the_method():
    store = Store(losses=2)
    assert store.write("row") == "row"
    assert (store.attempts, store.runs) == ([Attempt(1)], 3)


@pytest.mark.parametrize("patience_s", [0.0, 0.5])
def test_patience_ends_with_the_last_error(patience_s):
    store = Store(losses=10_000, patience_s=patience_s)
    with pytest.raises(AwayError, match="away"):
        store.read("row")
    assert store.runs == 1 if patience_s == 0 else store.runs > 1


def test_an_error_that_does_not_pass_is_raised_at_once():
    store = Store(losses=0)
    with pytest.raises(UserError, match="no"):
        store.refuse()
    assert store.runs == 1
