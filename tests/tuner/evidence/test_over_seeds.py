"""Means and standard errors over seeds."""

import numpy as np
import pytest
from scipy import stats

from tuner.evidence.over_seeds import Summary, sem


@pytest.mark.parametrize("n", [2, 5, 50])
def test_sem_is_scipys(n):
    values = np.random.default_rng(n).normal(1e6, 1.0, n)
    assert sem(list(values)) == pytest.approx(stats.sem(values))


@pytest.mark.parametrize(
    ("values", "mean", "error"),
    [
        ([], None, None),
        ([2.0], 2.0, None),
        ([1.0, 3.0], 2.0, 1.0),
        ([1.0, None], None, None),
        ([None], None, None),
    ],
)
def test_a_mean_is_over_every_seed_or_none(values, mean, error):
    assert Summary.of(values) == Summary(mean=mean, sem=error, seeds=values)
