"""The proposals of the grid and of the sequential protocol."""

from dataclasses import replace

import pytest

from tests.support import rows
from tests.support.playing import diverge, fail, last_first, play, sequential, spec, succeed
from tests.support.rows import running
from tuner.strategies import Signal, strategy_for
from tuner.strategies.confirmation import Confirmed
from tuner.strategies.grid import Grid
from tuner.strategies.sequential import Sequential

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
    assert {(t.tau_f, t.tau_b) for t in history if t.estimator == "softmax"} == {
        (tau, tau) for tau in positive
    }
    assert {(t.tau_f, t.tau_b) for t in history if t.estimator == "gumbel"} == {
        (None, tau) for tau in positive
    }
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
    return Sequential(sequential(), sequential().search, rows.OBJECTIVES[direction])


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
    assert stage_of(make_sequential(direction).suggest(history, 1000)) == {
        (second_best, 0.3),
        (second_best, 2.0),
    }


@pytest.mark.parametrize("end", [diverge, fail, lambda t: succeed(t, float("nan"))])
def test_without_any_success_in_the_first_stage_there_is_no_second(end):
    history = first_stage(lambda t: end(t) if t.role == "search" else succeed(t))
    assert make_sequential().suggest(history, 1000) is Signal.DONE


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("numbered", [1, -1])
def test_of_equals_the_smallest_tau_f_is_selected(direction, numbered):
    history = first_stage(
        lambda t: succeed(t, 3.0 if t.tau_f in (0.5, 1.0) else {"minimize": 4.0, "maximize": 2.0}[direction])
    )
    numbers = [t.number for t in history][::numbered]
    history = [replace(t, number=number) for t, number in zip(history[::numbered], numbers, strict=True)]
    assert stage_of(make_sequential(direction).suggest(history, 1000)) == {(0.5, 0.3), (0.5, 2.0)}


def test_baselines_select_no_tau_f():
    history = first_stage(
        lambda t: succeed(t, 100.0) if (t.role, t.tau_f) == ("baseline", 1.0) else by_objectives(t)
    )
    assert 1.0 in [t.tau_b for t in history if t.mean == 100.0]  # softmax ST, at tau_b_start
    assert stage_of(make_sequential("maximize").suggest(history, 1000)) == {(0.0, 0.3), (0.0, 2.0)}


def test_the_confirmation_follows_the_second_stage():
    history, _ = play(
        lambda: Confirmed(make_sequential(), rows.MINIMIZE, looks=1, decided=lambda _: True),
        1000,
        finish=by_objectives,
    )
    off = next(t for t in history if t.role == "confirm" and t.off_diagonal and t.tau_f)
    assert (off.tau_f, off.tau_b) in {(1.0, 0.3), (1.0, 2.0)}
    assert [t.role == "confirm" for t in history] == sorted(t.role == "confirm" for t in history)
