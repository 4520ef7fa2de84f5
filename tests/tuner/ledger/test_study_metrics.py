"""What a task declares of its metrics is known of a study where the task itself is not."""

import json
from dataclasses import replace

import pytest

from tests.support.rows import study
from tests.support.tasks import BUILT_IN
from trainables.declared import as_json, from_json
from trainables.metrics import Collapse, Metric, Metrics, Panel
from trainables.tasks import task_metrics
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of

OWN = Metrics(
    (
        Metric("val_loss", "loss of moons", "nats", direction="minimize", panel=Panel("left")),
        Metric("val_area", "area", direction="maximize", panel=Panel("right"), second_verdict=True),
    ),
    Collapse("val_area", "below", 0.1),
)
GONE = "/not/here.py:Task"


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_declaration_comes_back_from_its_json(name):
    declared = task_metrics(name)
    assert from_json(json.loads(json.dumps(as_json(declared)))) == declared


def test_a_study_whose_task_is_not_here_has_its_labels(tmp_path):
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.db")
    fields = {"name": "own", "spec": {}, "objective": "val_loss", "direction": "minimize"}
    kept = ledger.study(ledger.create_study(task=GONE, metrics=as_json(OWN), **fields))
    assert metrics_of(kept) == OWN
    assert metrics_of(kept).of("test_loss").title == "loss of moons, test set (nats)"
    before = ledger.study(ledger.create_study(task=GONE, **fields))  # as an earlier version wrote it
    assert metrics_of(before).of("val_loss").title == "validation loss"
    assert "here.py" in metrics_of(before).problem
    ledger.close()


def test_a_task_that_is_here_speaks_for_itself():
    assert metrics_of(replace(study(), metrics=as_json(OWN))) == task_metrics("sbn")


def test_what_is_no_declaration_is_refused():
    for given in ({}, {"declared": [{"name": "x"}], "collapsed": None}, {"declared": 3, "collapsed": None}):
        with pytest.raises(ValueError, match=r"^metrics: "):
            from_json(given)
