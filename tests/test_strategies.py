"""One contract for every strategy, then what each proposes."""

import random
from dataclasses import replace

import pytest

from trainables.estimators import ESTIMATORS
from tuner.rows import Proposal, TrialRow
from tuner.spec import parse_spec
from tuner.strategies import Signal, strategy_for
from tuner.strategies.confirmed import Confirmed
from tuner.strategies.grid import Grid


def spec(**changes):
    search = {"strategy": "grid", "tau_f": [0.0, 0.5, 1.0], "tau_b": {"low": 0.5, "high": 1.5, "step": 0.5}}
    rest = {"learning_rates": [0.01, 0.001], "seeds": 3, "epochs": 1, "baselines": ["identity", "softmax", "gumbel"]}
    return parse_spec({"name": "s", "task": "sbn", "dataset": "digits", "search": search, **rest, **changes})


SPECS = {
    "grid": spec(),
    "grid without baselines": spec(baselines=[]),
    "grid, confirmed": spec(confirm_seeds=2),
}


def running(proposal, number):
    configuration = {name: getattr(proposal, name) for name in ("role", "estimator", "tau_f", "tau_b", "lr")}
    return TrialRow(
        id=number + 1, number=number, **configuration, state="running", reason=None, population="p", attempts=1, seeds=(0, 1, 2),
        metrics={}, objective=None, started_at=None, finished_at=None,
    )  # fmt: skip


def succeed(trial, loss=1.0):
    return replace(trial, state="succeeded", objective=(loss,) * len(trial.seeds))


def diverge(trial):
    return replace(trial, state="diverged", objective=(0.0, None, 0.0))


def fail(trial):
    return replace(trial, state="failed", reason="the worker process died")


def unlucky(trial):
    return (succeed, diverge, fail)[trial.number % 3](trial)


def last_first(unfinished):
    return unfinished[-1]


def first_first(unfinished):
    return unfinished[0]


def any_first(unfinished):
    return random.Random(len(unfinished)).choice(unfinished)


def play(make, n, *, finish=succeed, order=first_first, at_once=5):
    """Plays a study to its end. Returns the history, and what was answered to which history on the way."""
    history, asked = [], []
    while True:
        answer = make().suggest(history, n)
        asked.append((list(history), answer))
        assert answer != []
        assert len(history) < 1000, "it would never end"
        unfinished = [t for t in history if not t.terminal]
        if answer is Signal.DONE and not unfinished:
            return history, asked
        if isinstance(answer, list):
            history += [running(p, len(history) + i) for i, p in enumerate(answer)]
        if len(unfinished) >= at_once or not isinstance(answer, list):
            ended = order(unfinished)
            history[ended.number] = finish(ended)


@pytest.fixture(params=SPECS, name="studied")
def _studied(request):
    return SPECS[request.param]


def searched(history):
    return sorted(t.proposal.key for t in history if t.role != "confirm")


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
    taus = {None, *studied.search.forward, *studied.search.backward}
    for p in (t.proposal for t in history):
        assert {type(p.role), type(p.estimator), type(p.lr)} == {str, float}
        assert {type(p.tau_f), type(p.tau_b)} <= {float, type(None)}
        assert p.role in ("search", "baseline", "confirm")
        assert p.estimator in ("decoupled", *studied.baselines)
        assert p.lr in studied.learning_rates
        assert {p.tau_f, p.tau_b} <= taus
        assert p.role != "search" or (p.tau_f in studied.search.forward and p.tau_b in studied.search.backward)
        row = ESTIMATORS[p.estimator]
        assert tuple(name for name in ("tau_f", "tau_b") if getattr(p, name) is not None) == row.temperatures
        assert not row.tied or p.tau_f == p.tau_b


@pytest.mark.parametrize("n", [1, 4, 1000])
@pytest.mark.parametrize("order", [first_first, last_first, any_first])
@pytest.mark.parametrize("finish", [succeed, unlucky, diverge, fail])
def test_the_whole_search_is_proposed_once_whatever_happens(studied, n, order, finish):
    history, _ = play(lambda: strategy_for(studied), n, finish=finish, order=order)
    keys = [t.proposal.key for t in history]
    assert len(set(keys)) == len(keys)
    assert len(searched(history)) == studied.trials_total
    assert searched(history) == searched(play(lambda: strategy_for(studied), 1)[0])


def test_values_that_differ_by_rounding_are_one_value():
    noisy = spec(search={"strategy": "grid", "tau_f": [0.1, 0.1 + 0.2], "tau_b": [0.1, 0.3]}, baselines=["softmax"])
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
        assert answer is not Signal.WAIT or not all(t.terminal for t in history)


def test_done_is_the_end(studied):
    history, asked = play(lambda: strategy_for(studied), 4)
    ends = [answer is Signal.DONE for _, answer in asked]
    assert ends == sorted(ends)
    for n in (1, 1000):
        assert strategy_for(studied).suggest(history, n) is Signal.DONE


# --- grid ---


def test_the_grid_has_every_pair_and_every_baseline_at_every_learning_rate():
    history, _ = play(lambda: Grid(spec()), 1000)
    counts = {}
    for t in history:
        counts[t.role, t.estimator] = counts.get((t.role, t.estimator), 0) + 1
    positive = [0.5, 1.0, 1.5]  # of both temperatures together
    assert counts == {
        ("search", "decoupled"): 3 * 3 * 2,
        ("baseline", "identity"): 2,
        ("baseline", "softmax"): len(positive) * 2,
        ("baseline", "gumbel"): len(positive) * 2,
    }
    assert {(t.tau_f, t.tau_b) for t in history if t.estimator == "softmax"} == {(tau, tau) for tau in positive}
    assert {(t.tau_f, t.tau_b) for t in history if t.estimator == "gumbel"} == {(None, tau) for tau in positive}
    assert {(t.tau_f, t.tau_b) for t in history if t.estimator == "identity"} == {(None, None)}


def test_the_grid_fills_the_holes_of_a_history():
    wanted = Grid(spec()).suggest([], 1000)
    history = [succeed(running(p, i)) for i, p in enumerate(wanted[1::2])]
    assert Grid(spec()).suggest(history, 1000) == wanted[::2]


def test_the_grid_never_waits():
    _, asked = play(lambda: Grid(spec()), 4)
    assert Signal.WAIT not in [answer for _, answer in asked]


# --- confirmation ---

LOSSES = {  # (estimator, tau_f, tau_b) -> loss at the learning rate 0.01; elsewhere 5 to 6
    ("decoupled", 0.5, 1.0): 1.0,
    ("decoupled", 1.0, 1.0): 2.0,
    ("softmax", 1.0, 1.0): 2.0,
    ("gumbel", None, 1.5): 2.0,
    ("identity", None, None): 3.0,
    ("gumbel", None, 0.5): 7.0,
    ("softmax", 1.5, 1.5): 8.0,
    ("decoupled", 1.0, 0.5): 9.0,
}
BEST = {  # off the diagonal, on the diagonal (which softmax ST is, too), and of every other baseline
    "minimize": {
        ("decoupled", 0.5, 1.0, 0.01),
        ("decoupled", 1.0, 1.0, 0.01),
        ("gumbel", None, 1.5, 0.01),
        ("identity", None, None, 0.01),
    },
    "maximize": {
        ("decoupled", 1.0, 0.5, 0.01),
        ("softmax", 1.5, 1.5, 0.01),
        ("gumbel", None, 0.5, 0.01),
        ("identity", None, None, 0.001),
    },
}


def scored(trial):
    loss = LOSSES.get((trial.estimator, trial.tau_f, trial.tau_b)) if trial.lr == 0.01 else None
    return succeed(trial, 5 + trial.number / 100 if loss is None else loss)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("n", [1, 3, 1000])
def test_the_best_of_every_method_is_confirmed_once(direction, n):
    history, _ = play(lambda: Confirmed(Grid(spec()), direction), n, finish=scored)
    confirmed = [(t.estimator, t.tau_f, t.tau_b, t.lr) for t in history if t.role == "confirm"]
    assert len(confirmed) == 4
    assert set(confirmed) == BEST[direction]


def test_confirmation_waits_for_the_last_trial_of_the_search():
    strategy = Confirmed(Grid(spec()), "minimize")
    history = [running(p, i) for i, p in enumerate(Grid(spec()).suggest([], 1000))]
    for trial in reversed(history):
        assert strategy.suggest(history, 1000) is Signal.WAIT
        history[trial.number] = scored(trial)
    assert {p.role for p in strategy.suggest(history, 1000)} == {"confirm"}


def test_confirmations_do_not_wait_for_each_other():
    strategy = Confirmed(Grid(spec()), "minimize")
    history = [scored(running(p, i)) for i, p in enumerate(Grid(spec()).suggest([], 1000))]
    for _ in range(4):
        (proposal,) = strategy.suggest(history, 1)
        history.append(running(proposal, len(history)))
    assert strategy.suggest(history, 1) is Signal.DONE


def test_the_outcome_of_a_confirmation_selects_nothing():
    strategy = Confirmed(Grid(spec()), "minimize")
    history, _ = play(lambda: strategy, 1000, finish=scored)
    worse = [replace(t, objective=(99.0,) * 3) if t.role == "confirm" else t for t in history]
    assert strategy.suggest(worse, 1000) is Signal.DONE


@pytest.mark.parametrize("end", [diverge, fail])
def test_what_did_not_succeed_is_not_confirmed(end):
    best = ("decoupled", 0.5, 1.0)

    def finish(trial):
        return end(trial) if (trial.estimator, trial.tau_f, trial.tau_b) == best else scored(trial)

    history, _ = play(lambda: Confirmed(Grid(spec()), "minimize"), 1000, finish=finish)
    confirmed = [t.proposal for t in history if t.role == "confirm"]
    assert len(confirmed) == 4
    assert best not in [(p.estimator, p.tau_f, p.tau_b) for p in confirmed]


def test_a_search_without_success_ends_without_confirmation():
    history, _ = play(lambda: Confirmed(Grid(spec()), "minimize"), 1000, finish=fail)
    assert {t.role for t in history} == {"search", "baseline"}


def test_softmax_is_the_diagonal_where_the_grid_has_none():
    apart = spec(search={"strategy": "grid", "tau_f": [0.0], "tau_b": [0.5, 1.0]}, learning_rates=[0.01], baselines=["softmax"])
    history, _ = play(lambda: Confirmed(Grid(apart), "minimize"), 1000, finish=scored)
    confirmed = [t.proposal for t in history if t.role == "confirm"]
    assert confirmed == [Proposal("confirm", "decoupled", 0.0, 0.5, 0.01), Proposal("confirm", "softmax", 1.0, 1.0, 0.01)]
