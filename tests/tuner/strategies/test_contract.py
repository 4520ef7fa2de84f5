"""The contract that every strategy must keep."""

from functools import cache

import pytest

from tests.support.playing import (
    SPECS,
    any_first,
    diverge,
    fail,
    first_first,
    last_first,
    play,
    spec,
    succeed,
    unlucky,
)
from trainables.estimators import ESTIMATORS
from tuner.ledger.rows import Role
from tuner.spec.search import ListedSearch
from tuner.strategies import Signal, strategy_for


@pytest.fixture(params=SPECS, name="name")
def _name(request):
    return request.param


@pytest.fixture(name="studied")
def _studied(name):
    return SPECS[name]


def searched(history):
    return sorted(t.proposal.key for t in history if t.role in ("search", "baseline"))


@cache
def searched_one_by_one(name, finish):
    """What is searched where one trial is asked for at a time, and the first that began ends first."""
    return searched(play(lambda: strategy_for(SPECS[name]), 1, finish=finish)[0])


@pytest.mark.parametrize("n", [1, 4, 1000])
def test_proposals_are_new_and_at_most_n(studied, n):
    _, asked = play(lambda: strategy_for(studied), n)
    for history, answer in asked:
        if isinstance(answer, list):
            assert 1 <= len(answer) <= n
            keys = [p.key for p in answer]
            assert len({*keys, *(t.proposal.key for t in history)}) == len(keys) + len(history)


def test_proposals_are_plain_and_within_the_spec(studied):
    history, _ = play(lambda: strategy_for(studied), 7)
    search = studied.search
    taus = {None, *search.forward, *search.backward, *studied.baseline_temperatures}
    for p in (t.proposal for t in history):
        assert {type(p.role), type(p.estimator), type(p.lr)} == {Role, str, float}
        assert {type(p.tau_f), type(p.tau_b)} <= {float, type(None)}
        assert p.estimator in ("decoupled", *studied.baselines)
        assert p.lr in studied.learning_rates
        row = ESTIMATORS[p.estimator]
        assert tuple(name for name in ("tau_f", "tau_b") if getattr(p, name) is not None) == row.temperatures
        assert not row.tied or p.tau_f == p.tau_b
        if p.role == "control":
            assert (p.estimator, p.tau_f) == ("decoupled", 1.0)
        elif p.role in ("extension", "refinement", "confirm"):
            assert (p.tau_f or 0) >= 0
            assert p.tau_b is None or p.tau_b > 0
        elif isinstance(search, ListedSearch):
            assert {p.tau_f, p.tau_b} <= taus
            assert p.role != "search" or (p.tau_f in search.forward and p.tau_b in search.backward)
        elif p.method.on_diagonal and p.role == "search":
            assert search.diagonal.low <= p.tau_b <= search.diagonal.high
        elif p.estimator == "decoupled":
            assert search.tau_f.low <= p.tau_f <= search.tau_f.high
            assert search.tau_b.low <= p.tau_b <= search.tau_b.high
        else:
            assert {p.tau_f, p.tau_b} <= taus
    for on, (_, tau_f, tau_b, lr) in ((t.method.on_diagonal, part) for t in history for part in t.schedule):
        forward, backward = [search.diagonal] * 2 if on else (search.tau_f, search.tau_b)
        assert forward.low <= tau_f <= forward.high
        assert backward.low <= tau_b <= backward.high
        assert lr in studied.learning_rates


def never_proposed(studied, finish):
    """Trials of a second stage that needs a success in the first."""
    without = studied.search.strategy == "sequential" and finish in (diverge, fail)
    return (len(studied.search.backward) - 1) * len(studied.learning_rates) if without else 0


@pytest.mark.parametrize("n", [1, 4, 1000])
@pytest.mark.parametrize("order", [first_first, last_first, any_first])
@pytest.mark.parametrize("finish", [succeed, unlucky, diverge, fail])
def test_the_whole_search_is_proposed_once_whatever_happens(name, studied, n, order, finish):
    history, _ = play(lambda: strategy_for(studied), n, finish=finish, order=order)
    keys = [t.proposal.key for t in history]
    assert len(set(keys)) == len(keys)
    assert len(searched(history)) == studied.trials_total - never_proposed(studied, finish)
    if isinstance(studied.search, ListedSearch):
        assert searched(history) == searched_one_by_one(name, finish)


def test_the_same_spec_makes_the_same_proposals_and_another_spec_others(studied):
    first, second = (
        play(lambda: strategy_for(studied), 4, finish=unlucky, order=any_first)[0] for _ in range(2)
    )
    assert first == second
    if not isinstance(studied.search, ListedSearch):
        other = studied.model_copy(update={"epochs": 2})
        third, _ = play(lambda: strategy_for(other), 4, finish=unlucky, order=any_first)
        assert searched(third) != searched(first)
        beside = {"name": "another", "members_per_population": 3, "max_hours": 5.0, "margin": "2 %"}
        renamed = studied.model_copy(update=beside)
        assert play(lambda: strategy_for(renamed), 4, finish=unlucky, order=any_first)[0] == first


def test_values_that_differ_by_rounding_are_one_value():
    noisy = spec(
        search={"strategy": "grid", "tau_f": [0.1, 0.1 + 0.2], "tau_b": [0.1, 0.3]}, baselines=["softmax"]
    )
    history, _ = play(lambda: strategy_for(noisy), 1000)
    keys = [t.proposal.key for t in history]
    assert len(set(keys)) == len(keys)
    assert sum(t.off_diagonal for t in history) == 2 * len(noisy.learning_rates)


@pytest.mark.parametrize("n", [1, 4])
def test_a_study_resumes_from_any_point_of_its_history(studied, n):
    lasting = strategy_for(studied)
    _, asked = play(lambda: lasting, n, finish=unlucky, order=any_first)
    for history, answer in asked:
        assert strategy_for(studied).suggest(history, n) == answer


def test_only_what_runs_is_waited_for(studied):
    _, asked = play(lambda: strategy_for(studied), 3, order=last_first)
    for history, answer in asked:
        assert answer is not Signal.WAIT or any(t.state == "running" for t in history)


def test_done_is_the_end(studied):
    history, asked = play(lambda: strategy_for(studied), 4)
    ends = [answer is Signal.DONE for _, answer in asked]
    assert ends == sorted(ends)
    for n in (1, 1000):
        assert strategy_for(studied).suggest(history, n) is Signal.DONE
