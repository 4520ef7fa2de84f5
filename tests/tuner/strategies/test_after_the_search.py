"""What follows a search: confirmation on fresh seeds, and the rescaling control."""

from dataclasses import replace

import pytest

from tests.support.playing import diverge, fail, first_first, last_first, play, spec, succeed
from tests.support.rows import MINIMIZE, OBJECTIVES, running
from tuner.ledger.methods import Segment, Variant
from tuner.ledger.rows import Proposal
from tuner.strategies import Signal, strategy_for
from tuner.strategies.confirmation import Confirmed
from tuner.strategies.grid import Grid
from tuner.strategies.rescaling_control import Controlled

# --- confirmation ---


def confirmed(search, objective, looks=1, decided=lambda _: True):
    return Confirmed(search, objective, looks=looks, decided=decided)


LOSSES = {  # (estimator, tau_f, tau_b) -> loss at the learning rate 0.01; elsewhere 5 to 6
    ("decoupled", 0.5, 1.0): 1.0,
    ("decoupled", 1.0, 1.0): 2.0,
    ("softmax", 1.0, 1.0): 2.0,
    ("gumbel", None, 1.5): 2.0,
    ("identity", None, None): 3.0,
    ("gumbel", None, 0.5): 7.0,
    ("softmax", 1.5, 1.5): 8.0,
    ("decoupled", 1.0, 0.5): 9.0,
    ("decoupled", 0.0, 0.5): 1.5,
    ("decoupled", 0.0, 1.5): 8.5,
}
BEST = {  # off the diagonal, argmax, on the diagonal (which softmax ST is, too), and of every other baseline
    "minimize": {
        ("decoupled", 0.5, 1.0, 0.01),
        ("decoupled", 0.0, 0.5, 0.01),
        ("decoupled", 1.0, 1.0, 0.01),
        ("gumbel", None, 1.5, 0.01),
        ("identity", None, None, 0.01),
    },
    "maximize": {
        ("decoupled", 1.0, 0.5, 0.01),
        ("decoupled", 0.0, 1.5, 0.01),
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
    history, _ = play(lambda: confirmed(Grid(spec()), OBJECTIVES[direction]), n, finish=scored)
    chosen = [(t.estimator, t.tau_f, t.tau_b, t.lr) for t in history if t.role == "confirm"]
    assert len(chosen) == len(BEST[direction])
    assert set(chosen) == BEST[direction]


def test_confirmation_waits_for_the_last_trial_of_the_search():
    strategy = confirmed(Grid(spec()), MINIMIZE)
    history = [running(p, i) for i, p in enumerate(Grid(spec()).suggest([], 1000))]
    for trial in reversed(history):
        assert strategy.suggest(history, 1000) is Signal.WAIT
        history[trial.number] = scored(trial)
    assert {p.role for p in strategy.suggest(history, 1000)} == {"confirm"}


def test_confirmations_do_not_wait_for_each_other():
    strategy = confirmed(Grid(spec()), MINIMIZE)
    history = [scored(running(p, i)) for i, p in enumerate(Grid(spec()).suggest([], 1000))]
    for _ in range(5):
        (proposal,) = strategy.suggest(history, 1)
        history.append(running(proposal, len(history)))
    assert strategy.suggest(history, 1) is Signal.DONE


def test_the_outcome_of_a_confirmation_selects_nothing():
    strategy = confirmed(Grid(spec()), MINIMIZE)
    history, _ = play(lambda: strategy, 1000, finish=scored)
    worse = [replace(t, objective=(99.0,) * 3) if t.role == "confirm" else t for t in history]
    assert strategy.suggest(worse, 1000) is Signal.DONE


@pytest.mark.parametrize("end", [diverge, fail])
def test_what_did_not_succeed_is_not_confirmed(end):
    best = ("decoupled", 0.5, 1.0)

    def finish(trial):
        return end(trial) if (trial.estimator, trial.tau_f, trial.tau_b) == best else scored(trial)

    history, _ = play(lambda: confirmed(Grid(spec()), MINIMIZE), 1000, finish=finish)
    chosen = [t.proposal for t in history if t.role == "confirm"]
    assert len(chosen) == 5
    assert best not in [(p.estimator, p.tau_f, p.tau_b) for p in chosen]


def test_a_search_without_success_ends_without_confirmation():
    history, _ = play(lambda: confirmed(Grid(spec()), MINIMIZE), 1000, finish=fail)
    assert {t.role for t in history} == {"search", "baseline"}


def test_softmax_is_the_diagonal_where_the_grid_has_none():
    apart = spec(
        search={"strategy": "grid", "tau_f": [0.0], "tau_b": [0.5, 1.0]},
        learning_rates=[0.01],
        baselines=["softmax"],
    )
    history, _ = play(lambda: confirmed(Grid(apart), MINIMIZE), 1000, finish=scored)
    chosen = [t.proposal for t in history if t.role == "confirm"]
    assert chosen == [
        Proposal("confirm", "decoupled", 0.0, 0.5, 0.01),
        Proposal("confirm", "softmax", 1.0, 1.0, 0.01),
    ]


# --- control ---


def at_best(tau_f):
    """Finishes trials so that the best pair off the diagonal is (tau_f, 1.5) at the learning rate 0.01."""
    return lambda t: succeed(
        t, 0.5 if (t.role, t.tau_f, t.tau_b, t.lr) == ("search", tau_f, 1.5, 0.01) else 2.0
    )


@pytest.mark.parametrize("confirm_seeds", [0, 2])
@pytest.mark.parametrize("n", [1, 1000])
@pytest.mark.parametrize("order", [first_first, last_first])
def test_the_best_pair_is_controlled_once_at_a_forward_temperature_of_1(confirm_seeds, n, order):
    studied = spec(confirm_seeds=confirm_seeds, control="rescaled")
    history, asked = play(lambda: strategy_for(studied), n, finish=at_best(0.5), order=order)
    (control,) = (t.proposal for t in history if t.role == "control")
    assert control == Proposal("control", "decoupled", 1.0, 3.0, 0.01, Variant(logit_scale=2.0))
    for _, answer in asked:
        if isinstance(answer, list) and control in answer:
            assert answer == [control]  # a population of its own: its seeds may be other ones
    without = play(
        lambda: strategy_for(spec(confirm_seeds=confirm_seeds)), n, finish=at_best(0.5), order=order
    )[0]
    assert [t.proposal for t in without] == [t.proposal for t in history if t.role != "control"]
    fresh = studied.fresh_seeds("ab12", 0) if confirm_seeds else studied.search_seeds
    assert studied.seeds_of("control", "ab12") == fresh


def test_the_control_waits_for_the_search_but_not_for_the_confirmation():
    strategy = Controlled(confirmed(Grid(spec()), MINIMIZE), MINIMIZE)
    history = [running(p, i) for i, p in enumerate(Grid(spec()).suggest([], 1000))]
    for trial in reversed(history):
        assert strategy.suggest(history, 1000) is Signal.WAIT
        history[trial.number] = at_best(0.5)(trial)
    confirmations = strategy.suggest(history, 1000)
    assert {p.role for p in confirmations} == {"confirm"}
    history += [running(p, len(history) + i) for i, p in enumerate(confirmations)]
    assert [p.role for p in strategy.suggest(history, 1000)] == ["control"]


def test_a_control_alone_waits_for_the_search():
    strategy = Controlled(Grid(spec()), MINIMIZE)
    history = [at_best(0.5)(running(p, i)) for i, p in enumerate(Grid(spec()).suggest([], 1000))]
    history[-1] = running(history[-1].proposal, history[-1].number)
    assert strategy.suggest(history, 1000) is Signal.WAIT


def test_argmax_has_no_control():
    argmax = spec(search={"strategy": "grid", "tau_f": 0.0, "tau_b": [0.5, 1.5]}, control="rescaled")
    history, _ = play(lambda: strategy_for(argmax), 1000, finish=at_best(0.0))
    assert {t.role for t in history} == {"search", "baseline"}


@pytest.mark.parametrize("end", [diverge, fail])
def test_a_search_without_success_has_no_control(end):
    history, _ = play(lambda: strategy_for(spec(control="rescaled")), 1000, finish=end)
    assert {t.role for t in history} == {"search", "baseline"}


SCHEDULED = Variant(schedule=(Segment(0.0, 0.5, 1.5, 0.01), Segment(4.0, 1.0, 1.5, 0.01)))


def test_a_pair_whose_temperatures_change_in_training_has_no_control():
    strategy = Controlled(Grid(spec()), MINIMIZE)
    history = [at_best(0.5)(running(p, i)) for i, p in enumerate(Grid(spec()).suggest([], 1000))]
    best = next(t for t in history if t.mean == 0.5)
    history.append(replace(best, number=len(history), objective=(0.1,) * 3, variant=SCHEDULED))
    assert strategy.suggest(history, 1000) is Signal.DONE


def test_a_controls_outcome_selects_nothing():
    studied = spec(confirm_seeds=2, control="rescaled")
    history, _ = play(lambda: strategy_for(studied), 1000, finish=at_best(0.5))
    better = [replace(t, objective=(-9.0,) * 3) if t.role == "control" else t for t in history]
    assert strategy_for(studied).suggest(better, 1000) is Signal.DONE
