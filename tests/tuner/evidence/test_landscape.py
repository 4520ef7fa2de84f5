"""The objective over the temperatures, as numbers and as a figure."""

import numpy as np
import pytest

from tests.support.rows import MAXIMIZE, MINIMIZE, finished_study, sequential_trials, trial
from tuner.evidence.figures import drawing
from tuner.evidence.landscape import landscape


def test_the_landscape_has_a_row_for_every_tau_f():
    def loss(tau_f, tau_b, lr):
        return 10 * tau_f + tau_b + 100 * lr

    taus = [(tau_f, tau_b) for tau_f in (1.0, 0.0) for tau_b in (3.0, 1.0, 2.0)]
    configurations = [(tau_f, tau_b, lr) for tau_f, tau_b in taus for lr in (0.1, 0.01)]
    trials = [trial(i, [loss(*c)] * 2, tau_f=c[0], tau_b=c[1], lr=c[2]) for i, c in enumerate(configurations)]
    trials.append(trial(50, [0.0, 0.0], tau_f=0.0, tau_b=1.0, role="confirm"))
    trials.append(trial(51, [0.0, 0.0], tau_f=7.0, tau_b=7.0, role="baseline", estimator="softmax"))
    found = landscape(trials, MINIMIZE)
    assert (found.tau_f, found.tau_b) == ((0.0, 1.0), (1.0, 2.0, 3.0))
    for i, tau_f in enumerate(found.tau_f):
        for j, tau_b in enumerate(found.tau_b):
            assert found.mean[i][j] == pytest.approx(loss(tau_f, tau_b, 0.01))  # the better learning rate
            assert found.sem[i][j] == 0
    assert landscape(trials, MAXIMIZE).mean[0][0] == pytest.approx(loss(0.0, 1.0, 0.1))


def test_the_landscape_is_empty_where_nothing_succeeded():
    searched, _ = finished_study()
    found = landscape(searched, MINIMIZE)
    assert found.mean == (
        (pytest.approx(1.0), None),
        (pytest.approx(3.0), None),
    )  # (0, 1) diverged, (0.5, 1) failed


def drawn(figure):
    """Of a landscape's axes: the (tau_f, tau_b) indices that are filled, and those that have a colour of the
    scale.
    """
    ran, coloured = (mesh.get_array() for mesh in figure.axes[0].collections)
    return [{(int(i), int(j)) for j, i in np.argwhere(~np.ma.getmaskarray(m))} for m in (ran, coloured)]


def test_the_landscape_leaves_blank_what_was_not_run_and_grey_what_has_no_value():
    searched, _ = sequential_trials()
    land = landscape(searched, MINIMIZE)
    ran = {(t.tau_f, t.tau_b) for t in searched}
    arguments = {"objective": "val loss", "minimize": True}
    filled, coloured = drawn(drawing.landscape(land.tau_f, land.tau_b, land.mean, ran=ran, **arguments))
    assert filled == {(0, 1), (1, 1), (2, 1), (1, 0), (1, 2)}
    assert coloured == filled - {(1, 0)}  # which diverged
    filled, _ = drawn(drawing.landscape(land.tau_f, land.tau_b, land.mean, **arguments))
    assert len(filled) == 9


def test_a_figure_of_a_thousand_temperatures_can_be_drawn(tmp_path):
    taus = [i / 100 for i in range(1, 1001)]
    mean = [[float(i)] for i in range(1000)]
    figure = drawing.landscape(taus, [1.0], mean, objective="val loss", minimize=True)
    figure.savefig(tmp_path / "wide.png")
    assert max(figure.get_size_inches()) < 20
    assert len(figure.axes[0].get_xticks()) < 50
