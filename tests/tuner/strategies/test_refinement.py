"""Extension of ranges at whose end an optimum lies, and refinement of optima."""

import math
import random
from dataclasses import replace

import pytest

from tests.support.playing import diverge, play, spec, succeed
from tests.support.rows import MINIMIZE
from tuner.evidence.selection import select, select_as_printed
from tuner.ledger.rows import PRINTED
from tuner.spec.counts import EXTENSIONS
from tuner.strategies import strategy_for

GRID = {"strategy": "grid", "tau_f": [0.0, 0.1, 0.3, 1.0], "tau_b": [0.1, 0.3, 1.0]}


def studied(**changes):
    return spec(
        **{"search": GRID, "learning_rates": [0.001], "confirm_seeds": 3, "extend": True, "refine": True}
        | {"baselines": ["softmax", "gumbel"]}
        | changes
    )


def bowl(at, *, noise=0.0, ratio=1.0, ridge=0.0):
    """Finishes trials on a smooth surface whose optimum is at (at, at), on the diagonal; argmax is behind."""

    def finish(trial):
        tau_f = max(trial.tau_f if trial.tau_f is not None else 1.0, 0.01)
        x, y = math.log(tau_f / at), math.log((trial.tau_b or 1.0) / at)
        loss = 1 + 0.1 * (x * x / ratio + y * y + 2 * ridge * x * y / math.sqrt(ratio))
        if trial.estimator not in ("decoupled", "softmax"):
            loss += 1
        seeds = ((seed * 7919 + round(1000 * (x + 3 * y))) % 101 / 50 - 1 for seed in range(3))
        return replace(succeed(trial), objective=tuple(loss + noise * wobble for wobble in seeds))

    return finish


def played(finish, **changes):
    return play(lambda: strategy_for(studied(**changes)), 1000, finish=finish)[0]


def taus(history, role, estimator="softmax"):
    return sorted(t.tau_b for t in history if t.role == role and t.estimator == estimator)


def test_a_diagonal_whose_best_is_its_lowest_value_is_extended_downwards_until_it_is_not():
    history = played(bowl(0.03), refine=False)
    assert taus(history, "extension") == [0.0192, 0.0333, 0.0577]  # by sqrt(3), one beyond the optimum
    assert select(history, MINIMIZE).diagonal.tau_b == 0.0333


def test_a_range_is_extended_where_what_is_selected_is_at_its_end_and_the_best_mean_is_not():
    """One pair inside is lucky; by the surface the best is the highest tau_b."""

    def finish(trial):
        tau_f, tau_b = trial.tau_f or 0.01, trial.tau_b or 1.0
        loss = 1 + 0.06 * (math.log(tau_f / 0.1) ** 2 + math.log(tau_b / 8.0) ** 2)
        lucky = (trial.tau_f, trial.tau_b) == (0.1, 0.7)
        noise = random.Random(f"{tau_f} {tau_b} 5")
        seeds = (loss + noise.uniform(-0.2, 0.2) - 0.4 * lucky for _ in range(3))
        return replace(succeed(trial), objective=tuple(seeds))

    values = {"tau_f": [0.1, 0.3, 1.0], "tau_b": [0.3, 0.5, 0.7, 1.0, 1.5, 2.0]}
    history = played(finish, search={"strategy": "grid"} | values, refine=False, baselines=[])
    off = [t for t in history if t.off_diagonal and t.role in (*PRINTED, "extension")]
    assert min((t for t in off if t.role in PRINTED), key=lambda t: t.mean).tau_b == 0.7
    chosen = select(history, MINIMIZE).off_diagonal
    assert 2.0 <= chosen.tau_b < max(t.tau_b for t in off)


def test_a_range_is_extended_by_no_more_than_four_steps():
    history = played(bowl(1e-3), refine=False)
    assert len(taus(history, "extension")) == EXTENSIONS
    lowest = played(bowl(1e-9), refine=False)
    assert min(t.tau_b for t in lowest if t.tau_b) == pytest.approx(0.1 / 3**2, rel=0.01)


def test_every_method_is_extended_at_either_end():
    history = played(bowl(3.0), refine=False)
    assert taus(history, "extension")[-1] > 3
    assert max(t.tau_b for t in history if t.role == "extension" and t.off_diagonal) > 1
    assert taus(history, "extension", "gumbel") != []


def test_argmax_is_no_edge_of_the_forward_temperature():
    history = played(bowl(0.2), refine=False)
    assert min(t.tau_f for t in history if t.off_diagonal) == 0.0
    extended = [t for t in history if t.role == "extension"]
    assert extended != []
    assert all(t.tau_f != 0 for t in extended)


def test_the_diagonal_is_refined_around_its_best_value_until_the_neighbours_are_near():
    history = played(bowl(0.17), extend=False)
    on = sorted({t.tau_b for t in history if t.role in (*PRINTED, "refinement") and t.method.on_diagonal})
    best = select(history, MINIMIZE).diagonal.tau_b
    assert best == pytest.approx(0.17, rel=0.1)
    place = on.index(best)
    assert on[place + 1] / best <= 1.35
    assert best / on[place - 1] <= 1.35


def test_the_diagonal_has_no_more_trials_than_there_are_off_it():
    for at in (0.05, 0.17, 0.5):
        history = [t for t in played(bowl(at, noise=1e-3)) if t.role != "confirm"]
        on = {t.method for t in history if t.method.on_diagonal and t.role == "refinement"}
        printed_on = {t.method for t in history if t.method.on_diagonal and t.role in PRINTED}
        off = [t for t in history if t.off_diagonal and t.tau_f]
        assert len(on) + len(printed_on) <= max(len(off), len(printed_on))


def test_what_the_best_pair_points_at_is_tried_on_the_diagonal():
    def finish(trial):  # the best pair is (1.0, 0.3); on the diagonal all are alike
        here = 0.5 if (trial.tau_f, trial.tau_b) == (1.0, 0.3) else 1.0
        return replace(succeed(trial), objective=(here, here + 1e-3, here - 1e-3))

    apart = {"strategy": "grid", "tau_f": [0.1, 1.0], "tau_b": [0.1, 0.3]}
    refined = taus(played(finish, extend=False, search=apart, baselines=[]), "refinement")
    assert {0.3, 0.548, 1.0} <= {*refined}  # tau_b, sqrt(0.3 * 1.0), tau_f


def test_without_extension_and_refinement_the_search_is_all_there_is():
    roles = {t.role for t in played(bowl(0.03), extend=False, refine=False)}
    assert roles == {"search", "baseline", "confirm"}


def test_without_a_confirmation_nothing_follows_the_search():
    assert {t.role for t in played(bowl(0.03), confirm_seeds=0)} == {"search", "baseline"}


def test_what_the_search_alone_selects_is_confirmed_beside_it():
    history = played(bowl(0.17))
    confirmed = {t.method for t in history if t.role == "confirm"}
    for choose in (select, select_as_printed):
        chosen = choose([t for t in history if t.role != "confirm"], MINIMIZE)
        assert {chosen.off_diagonal.method, chosen.diagonal.method} <= confirmed


@pytest.mark.parametrize("ratio", [1, 8, 64])
@pytest.mark.parametrize("ridge", [-0.8, 0.0, 0.8])
@pytest.mark.parametrize("at", [0.17, 0.4, 0.7])
def test_an_optimum_on_the_diagonal_between_searched_values_is_found_there(at, ratio, ridge):
    """Without noise: the best pair off the diagonal is not better than the diagonal, once that is refined."""
    finish = bowl(at, ratio=ratio, ridge=ridge)
    history = [t for t in played(finish) if t.role != "confirm"]
    chosen, printed = select(history, MINIMIZE), select_as_printed(history, MINIMIZE)
    assert chosen.diagonal.mean <= printed.diagonal.mean
    assert chosen.diagonal.mean - 1 < 0.01  # of a surface that rises by 0.1 a unit


def test_where_what_was_tried_between_diverged_its_neighbourhood_is_tried():
    """Else the diagonal has a hole where its optimum is, and some pair off it is nearer to that."""
    at = 0.548  # the geometric mean of 0.3 and 1.0
    surface = bowl(at)

    def finish(trial):
        here = trial.tau_b is not None and abs(trial.tau_b / at - 1) < 0.01
        return diverge(trial) if here and trial.method.on_diagonal else surface(trial)

    history = [t for t in played(finish, extend=False) if t.role != "confirm"]
    on = {t.tau_b: t.state for t in history if t.method.on_diagonal}
    assert on[at] == "diverged"
    best = select(history, MINIMIZE).diagonal
    assert best.tau_b != at
    assert max(best.tau_b / at, at / best.tau_b) < 1.35
