"""Settings of the optimiser that a spec lists: all of them are tried, and what follows the search keeps
the best.
"""

from collections import Counter
from dataclasses import replace

import pytest

from tests.support.playing import between, halving, pbt, play, sequential, spec, succeed
from tuner.ledger.rows import Role
from tuner.strategies import strategy_for

LISTS = {"weight_decay": [0.0, 0.1], "clip_norm": [None, 1.0]}
CHOICES = {(("clip_norm", norm), ("weight_decay", decay)) for norm in (None, 1.0) for decay in (0.0, 0.1)}
BETAS = {"betas": [[0.9, 0.999], [0.5, 0.9]]}
BEST = (("clip_norm", 1.0), ("weight_decay", 0.1))


def chosen(trials):
    return Counter(t.variant.optimizer for t in trials)


@pytest.mark.parametrize(
    "make",
    [spec, sequential, halving, pbt, lambda **more: between("tpe", search={"trials": 12}, **more)],
    ids=["grid", "sequential", "halving", "pbt", "tpe"],
)
def test_every_combination_is_tried_and_counted(make):
    studied = make(optimizer=LISTS, learning_rates=[0.01])
    history, _ = play(lambda: strategy_for(studied), 5)
    keys = [t.proposal.key for t in history]
    assert len({*keys}) == len(keys) == studied.trials_total
    assert {*chosen(t for t in history if t.role is Role.SEARCH)} <= CHOICES
    identity = chosen(t for t in history if t.estimator == "identity")
    assert identity == dict.fromkeys(CHOICES, 1)
    assert {*chosen(history)} == CHOICES


def test_a_grid_has_every_pair_with_every_combination():
    history, _ = play(lambda: strategy_for(spec(optimizer=LISTS)), 100)
    searched = [t for t in history if t.role is Role.SEARCH]
    assert set(chosen(searched).values()) == {9 * 2}  # pairs and learning rates
    assert len({(t.tau_f, t.tau_b, t.lr, t.variant) for t in searched}) == 4 * 9 * 2


def test_a_sampler_learns_which_setting_is_good():
    def finish(trial):
        return succeed(trial, 1.0 if dict(trial.variant.optimizer)["betas"] == (0.5, 0.9) else 3.0)

    studied = between("tpe", search={"trials": 24}, optimizer=BETAS, learning_rates=[0.01], baselines=[])
    history, _ = play(lambda: strategy_for(studied), 1, finish=finish, at_once=1)
    late = chosen(history[12:])
    assert late[("betas", (0.5, 0.9)),] > late[("betas", (0.9, 0.999)),]


def test_what_follows_a_search_keeps_the_settings_of_the_best():
    def finish(trial):
        near = abs((trial.tau_f or 0.0) - 0.5) + abs((trial.tau_b or 1.0) - 0.5)
        return succeed(trial, near + (trial.variant.optimizer != BEST))

    optimizer = {"weight_decay": [0.0, 0.1], "warmup": [0.0, 0.2]}
    best = (("warmup", 0.2), ("weight_decay", 0.1))

    def finish_without_clipping(trial):
        near = abs((trial.tau_f or 0.0) - 1.0) + abs((trial.tau_b or 1.0) - 0.5)
        return succeed(trial, near + (trial.variant.optimizer != best))

    studied = spec(optimizer=LISTS, confirm_seeds=2, extend=True, refine=True)
    history, _ = play(lambda: strategy_for(studied), 7, finish=finish)
    after = [t for t in history if t.role in (Role.EXTENSION, Role.REFINEMENT, Role.CONFIRM)]
    assert {Role.REFINEMENT, Role.CONFIRM} <= {t.role for t in after}
    assert chosen(after) == {BEST: len(after)}
    controlled = spec(optimizer=optimizer, confirm_seeds=2, control="rescaled")
    history, _ = play(lambda: strategy_for(controlled), 7, finish=finish_without_clipping)
    (control,) = (t for t in history if t.role is Role.CONTROL)
    assert (control.variant.optimizer, control.variant.logit_scale) == (best, 1.0)


def test_who_takes_anothers_place_takes_its_settings():
    def finish(trial):
        ended = succeed(trial, 1.0 if trial.variant.optimizer == BEST else 3.0)
        return replace(ended, objective=tuple(v + 0.01 * k for k, v in enumerate(ended.objective)))

    studied = pbt(optimizer=LISTS, learning_rates=[0.01], baselines=[])
    history, _ = play(lambda: strategy_for(studied), 8, finish=finish)
    assert chosen(history)[BEST] > studied.search.trials // 4
    took = [t for t in history if t.schedule]
    assert took
    assert all(t.variant.optimizer == BEST for t in took)
