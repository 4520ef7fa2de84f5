"""Strategies that use the results of earlier trials: samplers between bounds, halving, population based
training.
"""

import random
import statistics
from dataclasses import replace

import pytest

from tests.support.playing import (
    any_first,
    between,
    decide,
    diverge,
    halving,
    pbt,
    play,
    spec,
    succeed,
    train,
)
from tests.support.rows import running
from tuner.errors import UserError
from tuner.ledger.rows import TrialState
from tuner.strategies import Signal, space, strategy_for

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

    whole = batch_by_batch(studied, finish)
    history, on = ([t for t in whole if t.method.on_diagonal == there] for there in (False, True))
    assert (len(history), len(on)) == (30, 30)
    first, last = history[:10], history[-15:]
    assert statistics.median(t.mean for t in last) < statistics.median(t.mean for t in first)
    assert any(t.tau_f == 0.0 for t in history)
    assert min(t.mean for t in history) < 0.1
    assert min(t.mean for t in on) < 0.28  # of tau + (tau - 0.5)^2, whose least is 0.25


@pytest.mark.parametrize("strategy", ["tpe", "gp"])
def test_what_diverged_is_avoided(strategy):
    studied = between(strategy, search={"trials": 50, "batch": 5}, baselines=[], learning_rates=[0.001])
    history = batch_by_batch(studied, lambda t: diverge(t) if t.tau_b > 0.5 else succeed(t, t.tau_b))
    for on in (False, True):
        diverged = [t.tau_b > 0.5 for t in history if t.method.on_diagonal == on]
        assert len(diverged) == 50
        assert sum(diverged[-30:]) < 30 / 3  # 46 % of either space diverges


NARROW = {"low": 0.7, "high": 0.70003}  # three digits have one value between them


def narrow(strategy, trials):  # trials off the diagonal, and as many on it
    rounds = {"rounds": 2} if strategy == "pbt" else {}
    search = {"strategy": strategy, "tau_f": NARROW, "tau_b": NARROW, "trials": trials} | rounds
    return spec(search=search, baselines=[], learning_rates=[0.001])


@pytest.mark.parametrize("strategy", ["tpe", "gp", "pbt"])
@pytest.mark.parametrize("trials", [6, 24])
def test_a_narrow_range_has_as_many_trials_as_are_asked_for(strategy, trials):
    history, _ = play(lambda: strategy_for(narrow(strategy, trials)), 4)
    pairs = {(t.tau_f, t.tau_b) for t in history}
    assert len(pairs) == len(history) == 2 * trials
    assert sum(tau_f == tau_b for tau_f, tau_b in pairs) == trials
    assert all(0.7 <= tau <= 0.70003 and len(repr(tau)) <= 10 for pair in pairs for tau in pair)


@pytest.mark.parametrize("strategy", ["tpe", "gp", "pbt"])
def test_a_space_without_another_configuration_says_so(strategy, monkeypatch):
    monkeypatch.setattr(space, "readable", lambda _value, low, *_: low)  # all values are one
    with pytest.raises(UserError, match="the search has made 0 of its 6 trials and finds no other"):
        play(lambda: strategy_for(narrow(strategy, 6)), 4)


# --- halving ---


def losses(trial):
    """Worse with tau_b; what separates neighbours is far above the noise over seeds."""
    loss = 10.0 * (trial.tau_b or 5.0) + (trial.tau_f or 0.0) + 100 * trial.lr
    return replace(
        trial, state=TrialState.SUCCEEDED, objective=tuple(loss + 1e-6 * seed for seed in range(3))
    )


def test_halving_keeps_the_best_of_every_method_rung_by_rung():
    studied = halving(learning_rates=[0.01])
    history, _ = play(lambda: strategy_for(studied), 4, finish=losses, order=any_first)
    # Off the diagonal 6 trials have noise, of which 2 go on from the first rung and 1 from the second; 4 are
    # argmax, of which 1 goes on.
    for argmax, expected in ((False, [9, 3, 1, 1, 1, 1]), (True, [9, 1, 1, 1])):
        off = [t for t in history if t.off_diagonal and t.method.is_argmax == argmax]
        assert [t.intervals for t in sorted(off, key=lambda t: losses(t).mean)] == expected
    for estimator in ("identity", "softmax", "gumbel"):
        there = sorted((t for t in history if t.estimator == estimator), key=lambda t: losses(t).mean)
        assert [t.state for t in there] == ["succeeded", *["stopped"] * (len(there) - 1)]
        assert all("dropped at rung" in t.reason for t in there[1:])


def test_who_misses_the_cut_by_noise_is_spared_up_to_half_as_many():
    studied = halving(learning_rates=[0.01], baselines=[])

    def noisy(trial):  # every difference to another trial has mean near 0 and a large spread over seeds
        shift = random.Random(trial.number).uniform(-1, 1)
        return replace(
            trial, state=TrialState.SUCCEEDED, objective=(1 + shift, 1 - shift, 1 + 1e-9 * trial.number)
        )

    history, _ = play(lambda: strategy_for(studied), 4, finish=noisy)
    assert sum(t.off_diagonal and t.intervals > 1 for t in history) == 3 + 1


# --- population based training ---


def test_only_the_worst_quarter_takes_the_past_of_the_best_and_a_future_of_its_own():
    studied = pbt(baselines=[], learning_rates=[0.01, 0.001])
    strategy = strategy_for(studied)
    history = [running(p, i) for i, p in enumerate(strategy.suggest([], 8))]
    history += [running(p, 8 + i) for i, p in enumerate(strategy.suggest(history, 8))]  # on the diagonal
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


def test_the_diagonal_has_a_population_of_its_own_whose_schedules_stay_on_it():
    studied = pbt(baselines=[], learning_rates=[0.01])

    def finish(trial):  # low temperatures are better, and no two trials alike
        return succeed(trial, (trial.schedule or ((0, 0, trial.tau_b),))[-1][2])

    history, _ = play(lambda: strategy_for(studied), 8, finish=finish)
    assert [t.method.on_diagonal for t in history] == [False] * 8 + [True] * 8
    assert all(t.source is None or history[t.source].method.on_diagonal == (t.number >= 8) for t in history)
    for population in (history[:8], history[8:]):
        assert any(t.schedule for t in population)
    assert all(tau_f == tau_b for t in history[8:] for _, tau_f, tau_b, _ in t.schedule)


# --- the diagonal between bounds ---


@pytest.mark.parametrize("strategy", ["tpe", "gp"])
def test_the_baseline_softmax_is_the_beginning_of_the_diagonals_trials(strategy):
    studied = between(
        strategy, search={"trials": 12, "batch": 4}, baselines=["softmax"], learning_rates=[0.01]
    )
    history = batch_by_batch(studied, lambda t: succeed(t, abs(t.tau_b - 0.4)))
    on = [t for t in history if t.method.on_diagonal]
    assert len(on) == sum(t.off_diagonal for t in history) == 12
    first = len(studied.baseline_temperatures)
    assert [t.role for t in on] == ["baseline"] * first + ["search"] * (12 - first)
    assert len({t.method for t in on}) == 12
    assert min(abs(t.tau_b - 0.4) for t in on) < min(abs(t - 0.4) for t in studied.baseline_temperatures)


@pytest.mark.parametrize("strategy", ["tpe", "gp", "pbt"])
def test_a_study_of_before_the_diagonal_was_searched_gets_it_when_it_is_resumed(strategy):
    studied = {"pbt": pbt, "tpe": lambda **c: between("tpe", **c), "gp": lambda **c: between("gp", **c)}[
        strategy
    ](baselines=[], learning_rates=[0.01])
    whole, _ = play(lambda: strategy_for(studied), 1000)
    before = [t for t in whole if not t.method.on_diagonal]
    before = [replace(t, number=i) for i, t in enumerate(before)]
    answer = strategy_for(studied).suggest(before, 1000)
    assert {p.role for p in answer} == {"search"}
    assert all(p.tau_f == p.tau_b for p in answer)
