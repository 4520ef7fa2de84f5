"""One contract for every strategy, then what each proposes."""

import json
import random
import statistics
from dataclasses import replace

import pytest

from trainables.estimators import ESTIMATORS
from tuner.rows import Proposal, TrialRow
from tuner.searches import GridSearch, HalvingSearch, SequentialSearch
from tuner.spec import parse_spec
from tuner.strategies import Continue, Decision, Signal, strategy_for
from tuner.strategies.confirmed import Confirmed
from tuner.strategies.controlled import Controlled
from tuner.strategies.grid import Grid
from tuner.strategies.sequential import Sequential

INTERVALS = 9  # of one epoch


def spec(**changes):
    search = {"strategy": "grid", "tau_f": [0.0, 0.5, 1.0], "tau_b": {"low": 0.5, "high": 1.5, "step": 0.5}}
    rest = {
        "learning_rates": [0.01, 0.001],
        "seeds": 3,
        "epochs": INTERVALS,
        "reports": INTERVALS,
        "baselines": ["identity", "softmax", "gumbel"],
    }
    return parse_spec({"name": "s", "task": "sbn", "dataset": "digits", "search": search, **rest, **changes})


def sequential(**changes):
    search = {"strategy": "sequential", "tau_f": [0.0, 0.5, 1.0, 1.5], "tau_b": [0.3, 1.0, 2.0], "tau_b_start": 1.0}
    return spec(search=search | changes.pop("search", {}), **changes)


def between(strategy, **changes):
    search = {"strategy": strategy, "tau_f": {"low": 0.0, "high": 1.0}, "tau_b": {"low": 0.1, "high": 2.0}, "trials": 7}
    return spec(search=search | {"batch": 3} | changes.pop("search", {}), **changes)


def halving(**changes):
    search = {"strategy": "halving", "tau_f": [0.0, 0.5, 1.0], "tau_b": [0.3, 0.5, 1.0, 2.0]}
    return spec(search=search | changes.pop("search", {}), **changes)


def pbt(**changes):
    search = {"strategy": "pbt", "tau_f": {"low": 0.0, "high": 1.0}, "tau_b": {"low": 0.1, "high": 2.0}, "trials": 8}
    return spec(search=search | {"rounds": 3} | changes.pop("search", {}), **changes)


LISTED = (GridSearch, SequentialSearch, HalvingSearch)  # what they propose is known before
SPECS = {
    "grid": spec(),
    "grid without baselines": spec(baselines=[]),
    "grid, confirmed": spec(confirm_seeds=2),
    "sequential": sequential(),
    "sequential from a value of its own": sequential(search={"tau_b_start": 0.7}, baselines=[]),
    "sequential, confirmed": sequential(confirm_seeds=2),
    "grid, confirmed and controlled": spec(confirm_seeds=2, control="rescaled"),
    "sequential, controlled": sequential(control="rescaled"),
    "tpe": between("tpe", search={"trials": 12}),
    "tpe, confirmed": between("tpe", confirm_seeds=2),
    "gp": between("gp", learning_rates=[0.001]),
    "halving": halving(),
    "halving, confirmed": halving(confirm_seeds=2, search={"eta": 2, "rungs": 2}),
    "pbt": pbt(),
    "pbt, confirmed": pbt(confirm_seeds=2, baselines=[]),
}


def running(proposal, number):
    configuration = {name: getattr(proposal, name) for name in ("role", "estimator", "tau_f", "tau_b", "lr", "variant")}
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
        assert len(asked) < 3000, "it would never end"
        unfinished = [t for t in history if t.state == "running"]
        if answer is Signal.DONE and not unfinished:
            return history, asked
        if isinstance(answer, Decision):
            decide(history, answer)
        elif isinstance(answer, Continue):
            go_on(history, answer, n)
        elif isinstance(answer, list):
            history += [running(p, len(history) + i) for i, p in enumerate(answer)]
        if len(unfinished) >= at_once or isinstance(answer, Signal):
            ended = order(unfinished)
            history[ended.number] = train(ended, make(), finish)


def train(trial, strategy, finish=succeed):
    """What becomes of a running trial: it pauses at the next rung, or ends."""
    rung = strategy.rung(trial.role, trial.intervals)
    ended = finish(trial)
    if rung is None:
        return replace(ended, intervals=INTERVALS, epoch=float(INTERVALS))
    trained = replace(ended, intervals=rung, epoch=float(rung), source=None)
    if ended.state != "succeeded":
        return trained
    return replace(trained, state="queued", objective=None, metrics={"val_loss": list(ended.objective)})


def decide(history, answer):
    """Does what the ledger does."""
    assert answer.go_on or answer.stop
    assert not {c.number for c in answer.go_on} & {*answer.stop}
    for number in (*(c.number for c in answer.go_on), *answer.stop):
        assert (history[number].state, history[number].source) == ("queued", None)
    before = list(history)
    for c in answer.go_on:
        assert before[c.source].intervals == before[c.number].intervals
        changes = {name: getattr(c.proposal, name) for name in ("tau_f", "tau_b", "lr", "variant")}
        history[c.number] = replace(history[c.number], source=c.source, **changes)
    for number, reason in answer.stop.items():
        assert reason
        history[number] = replace(history[number], state="stopped", reason=reason)


def go_on(history, answer, n):
    """Does what the ledger does."""
    chosen = [history[number] for number in answer.numbers]
    assert 1 <= len(chosen) <= n
    assert {t.state for t in chosen} == {"queued"}
    assert all(t.source is not None for t in chosen)
    assert len({t.intervals for t in chosen}) == 1
    for t in chosen:
        history[t.number] = replace(t, state="running")


@pytest.fixture(params=SPECS, name="studied")
def _studied(request):
    return SPECS[request.param]


def searched(history):
    return sorted(t.proposal.key for t in history if t.role in ("search", "baseline"))


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
        assert {type(p.role), type(p.estimator), type(p.lr)} == {str, float}
        assert {type(p.tau_f), type(p.tau_b)} <= {float, type(None)}
        assert p.role in ("search", "baseline", "confirm", "control")
        assert p.estimator in ("decoupled", *studied.baselines)
        assert p.lr in studied.learning_rates
        if p.role == "control":
            assert (p.estimator, p.tau_f) == ("decoupled", 1.0)
        elif isinstance(search, LISTED):
            assert {p.tau_f, p.tau_b} <= taus
            assert p.role != "search" or (p.tau_f in search.forward and p.tau_b in search.backward)
        elif p.estimator == "decoupled":
            assert search.tau_f.low <= p.tau_f <= search.tau_f.high
            assert search.tau_b.low <= p.tau_b <= search.tau_b.high
        else:
            assert {p.tau_f, p.tau_b} <= taus
    for _, tau_f, tau_b, lr in (segment for t in history for segment in t.schedule):
        assert search.tau_f.low <= tau_f <= search.tau_f.high
        assert search.tau_b.low <= tau_b <= search.tau_b.high
        assert lr in studied.learning_rates
        row = ESTIMATORS[p.estimator]
        assert tuple(name for name in ("tau_f", "tau_b") if getattr(p, name) is not None) == row.temperatures
        assert not row.tied or p.tau_f == p.tau_b


def never_proposed(studied, finish):
    """Trials of a second stage that needs a success in the first."""
    without = studied.search.strategy == "sequential" and finish in (diverge, fail)
    return (len(studied.search.backward) - 1) * len(studied.learning_rates) if without else 0


@pytest.mark.parametrize("n", [1, 4, 1000])
@pytest.mark.parametrize("order", [first_first, last_first, any_first])
@pytest.mark.parametrize("finish", [succeed, unlucky, diverge, fail])
def test_the_whole_search_is_proposed_once_whatever_happens(studied, n, order, finish):
    history, _ = play(lambda: strategy_for(studied), n, finish=finish, order=order)
    keys = [t.proposal.key for t in history]
    assert len(set(keys)) == len(keys)
    assert len(searched(history)) == studied.trials_total - never_proposed(studied, finish)
    if isinstance(studied.search, LISTED):
        assert searched(history) == searched(play(lambda: strategy_for(studied), 1, finish=finish)[0])


def test_the_same_spec_makes_the_same_proposals_and_another_spec_others(studied):
    first, second = (play(lambda: strategy_for(studied), 4, finish=unlucky, order=any_first)[0] for _ in range(2))
    assert first == second
    if not isinstance(studied.search, LISTED):
        other = studied.model_copy(update={"epochs": 2})
        third, _ = play(lambda: strategy_for(other), 4, finish=unlucky, order=any_first)
        assert searched(third) != searched(first)
        renamed = studied.model_copy(update={"name": "another", "population": 3})
        assert play(lambda: strategy_for(renamed), 4, finish=unlucky, order=any_first)[0] == first


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
        assert answer is not Signal.WAIT or any(t.state == "running" for t in history)


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


# --- sequential ---

FIRST = {(tau_f, 1.0) for tau_f in (0.0, 0.5, 1.0, 1.5)}
OBJECTIVES = {  # (tau_f, lr) -> objective of the first stage
    (0.0, 0.01): 5.0, (0.5, 0.01): 4.0, (1.0, 0.01): 8.0, (1.5, 0.01): 6.0,
    (0.0, 0.001): 9.0, (0.5, 0.001): 5.0, (1.0, 0.001): 3.0, (1.5, 0.001): 5.0,
}  # fmt: skip
SELECTED = {"minimize": 1.0, "maximize": 0.0}  # at 0.001 both, though 1.0 is the worst at 0.01


def make_sequential(direction="minimize"):
    return Sequential(sequential(), sequential().search, direction)


def by_objectives(trial):
    if trial.role == "search" and trial.tau_b == 1.0:
        return succeed(trial, OBJECTIVES[trial.tau_f, trial.lr])
    return succeed(trial, 0.0 if trial.number % 2 else 100.0)  # better and worse than all of the first stage


def stage_of(proposals):
    return {(p.tau_f, p.tau_b) for p in proposals if p.role == "search"}


def first_stage(ended):
    """A history in which the first stage and the baselines have ended."""
    proposals = make_sequential().suggest([], 1000)
    return [ended(running(p, i)) for i, p in enumerate(proposals)]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("n", [1, 3, 1000])
def test_the_second_stage_is_at_the_best_tau_f_of_the_first(direction, n):
    history, _ = play(lambda: make_sequential(direction), n, finish=by_objectives, order=last_first)
    searched = [(t.tau_f, t.tau_b, t.lr) for t in history if t.role == "search"]
    pairs = FIRST | {(SELECTED[direction], 0.3), (SELECTED[direction], 2.0)}
    assert sorted(searched) == sorted((tau_f, tau_b, lr) for tau_f, tau_b in pairs for lr in (0.01, 0.001))
    assert [(tau_f, tau_b) for tau_f, tau_b, _ in searched[:8]] == sorted(FIRST) * 2


def test_the_first_stage_and_the_baselines_wait_for_nothing():
    asked = make_sequential().suggest([], 1000)
    assert stage_of(asked) == FIRST
    # identity, and softmax and gumbel at every positive temperature of either axis: 0.3, 0.5, 1, 1.5 and 2
    assert sum(p.role == "baseline" for p in asked) == (1 + 5 + 5) * 2


def test_the_second_stage_waits_for_the_last_trial_of_the_first_and_for_no_baseline():
    history = [running(p, i) for i, p in enumerate(make_sequential().suggest([], 1000))]
    for trial in reversed([t for t in history if t.role == "search"]):
        assert make_sequential().suggest(history, 1000) is Signal.WAIT
        history[trial.number] = by_objectives(trial)
    proposals = make_sequential().suggest(history, 1000)
    assert {(p.role, p.tau_f, p.tau_b) for p in proposals} == {("search", 1.0, 0.3), ("search", 1.0, 2.0)}
    assert not any(t.terminal for t in history if t.role == "baseline")


def test_trials_of_the_second_stage_do_not_wait_for_each_other():
    history = first_stage(by_objectives)
    for _ in range(4):  # tau_b of 0.3 and 2 at both learning rates
        (proposal,) = make_sequential().suggest(history, 1)
        history.append(running(proposal, len(history)))
    assert make_sequential().suggest(history, 1) is Signal.DONE


@pytest.mark.parametrize("tau_b_start", [0.7, 1.0])
def test_what_the_first_stage_ran_is_not_run_again(tau_b_start):
    studied = sequential(search={"tau_b_start": tau_b_start}, learning_rates=[0.01], baselines=[])
    history, _ = play(lambda: strategy_for(studied), 2)
    assert len({(t.tau_f, t.tau_b) for t in history}) == len(history) == {0.7: 4 + 3, 1.0: 4 + 2}[tau_b_start]
    assert {t.tau_b for t in history if t.tau_f == 0.0} == {0.3, tau_b_start, 1.0, 2.0}


@pytest.mark.parametrize("end", [diverge, fail])
def test_a_tau_f_that_did_not_succeed_is_not_selected(end):
    history = first_stage(lambda t: end(t) if t.tau_f == 1.0 and t.role == "search" else by_objectives(t))
    assert stage_of(make_sequential().suggest(history, 1000)) == {(0.5, 0.3), (0.5, 2.0)}


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_tau_f_whose_objective_is_no_number_is_not_selected(value, direction):
    history = first_stage(lambda t: succeed(t, value) if t.tau_f == SELECTED[direction] else by_objectives(t))
    second_best = {"minimize": 0.5, "maximize": 1.0}[direction]
    assert stage_of(make_sequential(direction).suggest(history, 1000)) == {(second_best, 0.3), (second_best, 2.0)}


@pytest.mark.parametrize("end", [diverge, fail, lambda t: succeed(t, float("nan"))])
def test_without_any_success_in_the_first_stage_there_is_no_second(end):
    history = first_stage(lambda t: end(t) if t.role == "search" else succeed(t))
    assert make_sequential().suggest(history, 1000) is Signal.DONE


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("numbered", [1, -1])
def test_of_equals_the_smallest_tau_f_is_selected(direction, numbered):
    history = first_stage(lambda t: succeed(t, 3.0 if t.tau_f in (0.5, 1.0) else {"minimize": 4.0, "maximize": 2.0}[direction]))
    numbers = [t.number for t in history][::numbered]
    history = [replace(t, number=number) for t, number in zip(history[::numbered], numbers, strict=True)]
    assert stage_of(make_sequential(direction).suggest(history, 1000)) == {(0.5, 0.3), (0.5, 2.0)}


def test_baselines_select_no_tau_f():
    history = first_stage(lambda t: succeed(t, 100.0) if (t.role, t.tau_f) == ("baseline", 1.0) else by_objectives(t))
    assert 1.0 in [t.tau_b for t in history if t.mean == 100.0]  # softmax ST, at tau_b_start
    assert stage_of(make_sequential("maximize").suggest(history, 1000)) == {(0.0, 0.3), (0.0, 2.0)}


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


def test_the_confirmation_follows_the_second_stage():
    history, _ = play(lambda: Confirmed(make_sequential(), "minimize"), 1000, finish=by_objectives)
    off = next(t for t in history if t.role == "confirm" and t.off_diagonal)
    assert (off.tau_f, off.tau_b) in {(1.0, 0.3), (1.0, 2.0)}
    assert [t.role == "confirm" for t in history] == sorted(t.role == "confirm" for t in history)


def test_softmax_is_the_diagonal_where_the_grid_has_none():
    apart = spec(search={"strategy": "grid", "tau_f": [0.0], "tau_b": [0.5, 1.0]}, learning_rates=[0.01], baselines=["softmax"])
    history, _ = play(lambda: Confirmed(Grid(apart), "minimize"), 1000, finish=scored)
    confirmed = [t.proposal for t in history if t.role == "confirm"]
    assert confirmed == [Proposal("confirm", "decoupled", 0.0, 0.5, 0.01), Proposal("confirm", "softmax", 1.0, 1.0, 0.01)]


# --- control ---


def at_best(tau_f):
    """Finishes trials so that the best pair off the diagonal is (tau_f, 1.5) at the learning rate 0.01."""
    return lambda t: succeed(t, 0.5 if (t.role, t.tau_f, t.tau_b, t.lr) == ("search", tau_f, 1.5, 0.01) else 2.0)


@pytest.mark.parametrize("confirm_seeds", [0, 2])
@pytest.mark.parametrize("n", [1, 1000])
@pytest.mark.parametrize("order", [first_first, last_first])
def test_the_best_pair_is_controlled_once_at_a_forward_temperature_of_1(confirm_seeds, n, order):
    studied = spec(confirm_seeds=confirm_seeds, control="rescaled")
    history, asked = play(lambda: strategy_for(studied), n, finish=at_best(0.5), order=order)
    (control,) = (t.proposal for t in history if t.role == "control")
    assert control == Proposal("control", "decoupled", 1.0, 3.0, 0.01, json.dumps({"logit_scale": 2.0}))
    for _, answer in asked:
        if isinstance(answer, list) and control in answer:
            assert answer == [control]  # a population of its own: its seeds may be other ones
    without = play(lambda: strategy_for(spec(confirm_seeds=confirm_seeds)), n, finish=at_best(0.5), order=order)[0]
    assert [t.proposal for t in without] == [t.proposal for t in history if t.role != "control"]
    assert studied.seeds_of("control") == (studied.fresh_seeds if confirm_seeds else studied.search_seeds)


def test_the_control_waits_for_the_search_but_not_for_the_confirmation():
    strategy = Controlled(Confirmed(Grid(spec()), "minimize"), "minimize")
    history = [running(p, i) for i, p in enumerate(Grid(spec()).suggest([], 1000))]
    for trial in reversed(history):
        assert strategy.suggest(history, 1000) is Signal.WAIT
        history[trial.number] = at_best(0.5)(trial)
    confirmations = strategy.suggest(history, 1000)
    assert {p.role for p in confirmations} == {"confirm"}
    history += [running(p, len(history) + i) for i, p in enumerate(confirmations)]
    assert [p.role for p in strategy.suggest(history, 1000)] == ["control"]


def test_a_control_alone_waits_for_the_search():
    strategy = Controlled(Grid(spec()), "minimize")
    history = [at_best(0.5)(running(p, i)) for i, p in enumerate(Grid(spec()).suggest([], 1000))]
    history[-1] = running(history[-1].proposal, history[-1].number)
    assert strategy.suggest(history, 1000) is Signal.WAIT


def test_a_best_pair_at_argmax_has_no_control():
    history, _ = play(lambda: strategy_for(spec(confirm_seeds=2, control="rescaled")), 1000, finish=at_best(0.0))
    assert {t.role for t in history} == {"search", "baseline", "confirm"}


@pytest.mark.parametrize("end", [diverge, fail])
def test_a_search_without_success_has_no_control(end):
    history, _ = play(lambda: strategy_for(spec(control="rescaled")), 1000, finish=end)
    assert {t.role for t in history} == {"search", "baseline"}


def test_a_pair_whose_temperatures_change_in_training_has_no_control():
    strategy = Controlled(Grid(spec()), "minimize")
    history = [at_best(0.5)(running(p, i)) for i, p in enumerate(Grid(spec()).suggest([], 1000))]
    best = next(t for t in history if t.mean == 0.5)
    history.append(replace(best, number=len(history), objective=(0.1,) * 3, variant='{"schedule": []}'))
    assert strategy.suggest(history, 1000) is Signal.DONE


def test_a_controls_outcome_selects_nothing():
    studied = spec(confirm_seeds=2, control="rescaled")
    history, _ = play(lambda: strategy_for(studied), 1000, finish=at_best(0.5))
    better = [replace(t, objective=(-9.0,) * 3) if t.role == "control" else t for t in history]
    assert strategy_for(studied).suggest(better, 1000) is Signal.DONE


# --- between bounds ---


def batch_by_batch(studied, finish):
    """The history of a study in which every batch ends before the next is asked for."""
    history = []
    while (answer := strategy_for(studied).suggest(history, 1000)) is not Signal.DONE:
        history += [finish(running(p, len(history) + i)) for i, p in enumerate(answer)]
    return history


@pytest.mark.parametrize("strategy", ["tpe", "gp"])
def test_a_sampler_finds_the_better_half_of_the_space_and_argmax(strategy):
    studied = between(strategy, search={"trials": 30, "batch": 6}, baselines=[], learning_rates=[0.001])

    def finish(trial):
        return succeed(trial, trial.tau_f + (trial.tau_b - 0.5) ** 2)

    history = batch_by_batch(studied, finish)
    assert len(history) == 30
    first, last = history[:10], history[-15:]
    assert statistics.median(t.mean for t in last) < statistics.median(t.mean for t in first)
    assert any(t.tau_f == 0.0 for t in history)
    assert min(t.mean for t in history) < 0.1


@pytest.mark.parametrize("strategy", ["tpe", "gp"])
def test_what_diverged_is_avoided(strategy):
    studied = between(strategy, search={"trials": 50, "batch": 5}, baselines=[], learning_rates=[0.001])
    history = batch_by_batch(studied, lambda t: diverge(t) if t.tau_b > 0.5 else succeed(t, t.tau_b))
    diverged = [t.tau_b > 0.5 for t in history]
    assert sum(diverged[-30:]) < 30 / 3  # 46 % of the space diverges


# --- halving ---


def losses(trial):
    """Worse with tau_b; what separates neighbours is far above the noise over seeds."""
    loss = 10.0 * (trial.tau_b or 5.0) + (trial.tau_f or 0.0) + 100 * trial.lr
    return replace(trial, state="succeeded", objective=tuple(loss + 1e-6 * seed for seed in range(3)))


def test_halving_keeps_the_best_of_every_method_rung_by_rung():
    studied = halving(learning_rates=[0.01])
    history, _ = play(lambda: strategy_for(studied), 4, finish=losses, order=any_first)
    off = sorted((t for t in history if t.off_diagonal), key=lambda t: losses(t).mean)
    assert [t.intervals for t in off] == [9] + [3] * 2 + [1] * 7  # 10 trials: 3 go on from the first rung, 1 from the second
    for estimator in ("identity", "softmax", "gumbel"):
        there = sorted((t for t in history if t.estimator == estimator), key=lambda t: losses(t).mean)
        assert [t.state for t in there] == ["succeeded", *["stopped"] * (len(there) - 1)]
        assert all("dropped at rung" in t.reason for t in there[1:])


def test_who_misses_the_cut_by_noise_is_spared_up_to_half_as_many():
    studied = halving(learning_rates=[0.01], baselines=[])

    def noisy(trial):  # every difference to another trial has mean near 0 and a large spread over seeds
        shift = random.Random(trial.number).uniform(-1, 1)
        return replace(trial, state="succeeded", objective=(1 + shift, 1 - shift, 1 + 1e-9 * trial.number))

    history, _ = play(lambda: strategy_for(studied), 4, finish=noisy)
    assert sum(t.off_diagonal and t.intervals > 1 for t in history) == 3 + 1


# --- population based training ---


def test_only_the_worst_quarter_takes_the_past_of_the_best_and_a_future_of_its_own():
    studied = pbt(baselines=[], learning_rates=[0.01, 0.001])
    strategy = strategy_for(studied)
    history = [running(p, i) for i, p in enumerate(strategy.suggest([], 8))]
    history = [train(t, strategy, lambda t: succeed(t, float(t.number))) for t in history]
    answer = strategy.suggest(history, 8)
    assert [(c.number, c.source) for c in answer.go_on[:6]] == [(n, n) for n in range(6)]
    assert all(c.proposal == history[c.number].proposal for c in answer.go_on[:6])
    for c in answer.go_on[6:]:
        assert c.source in (0, 1)
        source = history[c.source]
        decide(history, replace(answer, go_on=[c]))
        changed = history[c.number]
        assert (changed.tau_f, changed.tau_b, changed.lr) == (source.tau_f, source.tau_b, source.lr)
        assert changed.schedule[0] == (0.0, source.tau_f, source.tau_b, source.lr)
        assert len(changed.schedule) == 2
        assert changed.schedule[1][0] == source.epoch
        assert changed.schedule[1][1:3] != changed.schedule[0][1:3]
        assert changed.off_diagonal


def test_equals_do_not_copy_each_other():
    history, _ = play(lambda: strategy_for(pbt(baselines=[])), 8)
    assert not any(t.schedule for t in history)
