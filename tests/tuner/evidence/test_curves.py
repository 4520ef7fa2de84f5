"""Curves are the measurements, trial by trial, in whatever order and with whatever metrics they come."""

from collections import defaultdict

import numpy as np

from tests.support.rows import NOW, trial
from tuner.evidence.curves import Curves
from tuner.ledger.rows import Measurement

ROWS = [trial(number, seeds=range(1 + number % 3)) for number in range(7)]
METRICS = ("val_loss", "accuracy", "norm")


def measurements(rng):
    """Reports of all trials, mixed: each has some of the metrics, some values are not finite."""
    for interval in range(1, 6):
        for place in rng.permutation(len(ROWS) - 1):  # the last trial has none
            row = ROWS[place]
            values = {
                name: [None if rng.random() < 0.2 else float(v) for v in rng.normal(size=len(row.seeds))]
                for name in METRICS
                if rng.random() < 0.7
            }
            yield Measurement(0, row.id, interval, interval / 2, NOW, values)


def test_each_trial_has_its_own_measurements_in_their_order():
    for seed in range(20):
        given = list(measurements(np.random.default_rng(seed)))
        curves = Curves(iter(given))
        expected = defaultdict(list)
        for m in given:
            for name, values in m.metrics.items():
                expected[m.trial_id, name].append((m.epoch, tuple(values)))
        for row in ROWS:
            for name in (*METRICS, "never measured"):
                curve = curves.of(row, name)
                found = [] if curve is None else list(zip(curve.epochs, curve.values, strict=True))
                assert found == expected[row.id, name]
        assert curves.last_epochs() == {row.id: 2.5 for row in ROWS[:-1]}


def test_a_metric_that_only_the_first_reports_have_ends_there():
    first = Measurement(0, ROWS[2].id, 1, 0.5, NOW, {"norm": [1.0, None, 2.0]})
    second = Measurement(0, ROWS[2].id, 2, 1.0, NOW, {"val_loss": [3.0, 4.0, 5.0]})
    curves = Curves([first, second])
    assert curves.of(ROWS[2], "norm").values == ((1.0, None, 2.0),)
    assert curves.of(ROWS[2], "val_loss").epochs == (1.0,)
