"""Metrics per seed are a mapping like any other, and the rows of a large study are small."""

import json
import pickle
import tracemalloc

import pytest

from tests.support.rows import trial
from tuner.ledger.seed_values import SeedValues

METRICS = {"val_loss": [0.25, None, 1e-300], "norm": [3.0, 0.1 + 0.2, -0.0], "steps": [], "of one": [7.0]}


def test_it_is_the_dictionary_that_it_was_made_from():
    found = SeedValues(METRICS)
    assert found == METRICS
    assert dict(found) == METRICS
    assert list(found) == list(METRICS)
    assert len(found) == 4
    assert json.dumps(dict(found)) == json.dumps(METRICS)  # the last bit and the sign of zero included
    assert found["val_loss"] == [0.25, None, 1e-300]
    assert "norm" in found
    assert found != METRICS | {"norm": [3.0, 0.3, -0.0]}
    assert repr(found) == repr(METRICS)
    assert pickle.loads(pickle.dumps(found)) == METRICS


def test_what_it_lacks_is_missing_as_in_a_dictionary():
    found = SeedValues(METRICS)
    assert found.get("accuracy", ()) == ()
    assert "accuracy" not in found
    with pytest.raises(KeyError):
        found["accuracy"]


def test_its_values_cannot_be_changed_from_outside():
    found = SeedValues(METRICS)
    found["val_loss"].append(1.0)
    assert found == METRICS


def test_a_trial_of_a_large_study_takes_little_more_than_its_numbers():
    """With all that a search and an analysis ask of it, which it keeps."""
    rows, names = [], [f"metric {m}" for m in range(13)]
    tracemalloc.start()
    for n in range(500):
        metrics = SeedValues({name: [float(n), 1.5 * n, 2.5 * n] for name in names})
        row = trial(n, [float(n), 1.5 * n, 2.5 * n], tau_f=0.01 * n, tau_b=0.02 * n, metrics=metrics)
        assert row.mean == pytest.approx(5 * n / 3)
        assert row.off_diagonal == (n > 0)
        assert row.proposal.key.startswith("search|decoupled|")
        rows.append(row)
    bytes_each = tracemalloc.get_traced_memory()[0] / len(rows)
    tracemalloc.stop()
    assert bytes_each < 2_000  # a dictionary of lists takes 2,300 for the metrics alone
