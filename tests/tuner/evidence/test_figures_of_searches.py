"""Which figures a search has, by its strategy; each is drawn."""

import math
import random

import matplotlib as mpl
import pytest
from matplotlib.image import imread

from tests.support.rows import study, trial
from tuner.evidence.figures.drawing import landscape
from tuner.evidence.figures.drawing.style import as_bytes, figure, save
from tuner.evidence.figures.study_figures import figure_bytes, figure_names
from tuner.ledger.methods import Segment, Variant

_BOUNDS = {"tau_f": {"low": 0.0, "high": 1.0}, "tau_b": {"low": 0.1, "high": 2.0}}


def loss(tau_f, tau_b):
    return 0.2 + 0.1 * tau_f + abs(math.log(tau_b / 0.5)) / 10


def proposed(trials=14):
    """What a strategy without a grid might have tried."""
    drawn = random.Random(0)
    found = []
    for n in range(trials):
        f, b = round(drawn.uniform(0, 1), 3), round(drawn.uniform(0.1, 2), 3)
        found.append(trial(n, [loss(f, b), loss(f, b) + 0.002, loss(f, b) - 0.001], tau_f=f, tau_b=b))
    return found


def scheduled():
    """Trials that changed their temperatures twice; one was stopped."""
    found = []
    for n, row in enumerate(proposed(8)):
        now = [Segment(0.0, row.tau_f, row.tau_b, row.lr)]
        now += [Segment(4.0 * k, row.tau_f / (k + 1), row.tau_b * 0.9, row.lr) for k in (1, 2)]
        end = loss(now[-1].tau_f, now[-1].tau_b)
        mean = None if n == 3 else [end, end + 0.001, end]
        more = {"state": "stopped"} if mean is None else {}
        found.append(
            trial(n, mean, tau_f=row.tau_f, tau_b=row.tau_b, variant=Variant(schedule=(*now,)), **more)
        )
    return found


@pytest.mark.parametrize("strategy", ["tpe", "gp"])
def test_a_search_that_chooses_shows_what_it_learned(strategy):
    rows, of = proposed(), study(search={"strategy": strategy, "trials": 14} | _BOUNDS)
    names = figure_names(of, rows, [])
    assert [n for n in names if n in ("landscape", "surface", "best_so_far", "importance")] == [
        "landscape", "surface", "best_so_far", "importance",
    ]  # fmt: skip
    for name in ("surface", "best_so_far", "importance"):
        assert figure_bytes(name, "png", of, rows, []).startswith(b"\x89PNG")


def test_a_grid_has_no_order_and_shows_what_mattered():
    rows = [
        trial(4 * i + j, [loss(f, b)] * 3, tau_f=f, tau_b=b)
        for i, f in enumerate((0.0, 0.3, 0.6, 1.0))
        for j, b in enumerate((0.1, 0.5, 1.0, 2.0))
    ]
    names = figure_names(study(search={"strategy": "grid"}), rows, [])
    assert "importance" in names
    assert not {"surface", "best_so_far", "trajectories"} & {*names}


def test_what_as_many_trials_on_either_side_find_is_drawn_where_both_have_two():
    taus = (0.1, 0.5, 1.0)
    rows = [
        trial(3 * i + j, [loss(f, b), loss(f, b) + 0.01 * j], tau_f=f, tau_b=b)
        for i, f in enumerate(taus)
        for j, b in enumerate(taus)
    ]
    of = study(search={"strategy": "grid"})
    assert "equal_budget" in figure_names(of, rows, [])
    assert figure_bytes("equal_budget", "png", of, rows, []).startswith(b"\x89PNG")
    one_on = [t for t in rows if t.tau_f != t.tau_b or t.tau_f == 0.5]
    assert "equal_budget" not in figure_names(of, one_on, [])


def test_population_based_training_shows_trajectories_in_place_of_a_landscape():
    rows, of = scheduled(), study(search={"strategy": "pbt", "trials": 8} | _BOUNDS)
    names = figure_names(of, rows, [])
    assert "trajectories" in names
    assert not {"landscape", "importance", "surface"} & {*names}
    assert figure_bytes("trajectories", "png", of, rows, []).startswith(b"\x89PNG")


def test_a_figure_is_white_whatever_style_the_user_has(tmp_path):
    with mpl.rc_context({"figure.facecolor": "black"}):
        drawn = figure(1.0, 1.0)
    assert drawn.get_facecolor() == (0.0, 0.0, 0.0, 1.0)
    (picture, *_) = save(drawn, tmp_path, "empty")
    assert (imread(picture) == 1.0).all()
    assert as_bytes(drawn, "png") == picture.read_bytes()
    with pytest.raises(ValueError, match=r"suffix must be png, svg or pdf\. Got 'gif'"):
        as_bytes(drawn, "gif")


def test_every_number_in_a_cell_has_three_digits():
    mean = [[0.4, 0.442], [12.0, 886.0]]
    drawn = landscape([0.1, 0.5], [0.1, 0.5], mean, objective="loss", minimize=True)
    assert {text.get_text() for text in drawn.axes[0].texts} == {"0.400", "0.442", "12.0", "886"}
