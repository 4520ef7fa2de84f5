"""The paragraph for a paper: what it says is what the study did."""

import pytest

from tests.support.rows import FRESH, study, trial
from tuner.evidence.analysis import results
from tuner.evidence.methods_text import methods_text
from tuner.ledger.study_metrics import metrics_of
from tuner.spec.study import parse_spec

SPEC = {
    "name": "small",
    "task": "sbn",
    "dataset": "digits",
    "search": {"strategy": "grid", "tau_f": {"low": 0.0, "high": 1.0, "step": 0.5}, "tau_b": [0.5, 1.0]},
    "learning_rates": [0.001, 0.01],
    "seeds": 3,
    "epochs": 20,
    "batch_size": 64,
    "optimizer": {"weight_decay": [0, 0.01], "schedule": "cosine"},
    "confirm_seeds": 5,
}
ROWS = [
    trial(0, [0.5, 0.6, 0.55], tau_f=0.5, tau_b=1.0),
    trial(1, [0.8, 0.7, 0.75], tau_f=1.0, tau_b=1.0),
    trial(2, [0.5, 0.6, 0.55, 0.5, 0.6], tau_f=0.5, tau_b=1.0, role="confirm", seeds=FRESH),
    trial(3, [0.8, 0.7, 0.75, 0.8, 0.9], tau_f=1.0, tau_b=1.0, role="confirm", seeds=FRESH),
]


def told(rows=ROWS, **fields):
    row = study(spec=parse_spec(SPEC | fields).model_dump(mode="json"))
    row.host.update(examples="1,437 for training", torch="2.0", tuner="0.1.0")
    found = results(row, rows)
    return methods_text(row, found, metrics_of(row)), found


def test_it_says_what_was_searched_and_how_it_was_trained():
    text, _ = told()
    for said in (
        "on task sbn with digits (1,437 for training), by the strategy grid: tau_f ",
        "; tau_b 0.5, 1; learning rate 0.001, 0.01.",
        "on 3 seeds for 20 epochs in batches of 64 by Adam (weight_decay [0.0, 0.01], schedule cosine);",
        "its validation loss (nats) at its best report, chosen on one half of the validation examples",
        "Ranges at whose end an optimum lies are extended and more values are tried around optima,",
        "chosen from: off the diagonal 1, on the diagonal 1.",
        "Software: straight-through tuner 0.1.0, torch 2.0.",
    ):
        assert said in text


def test_it_names_what_else_a_strategy_and_a_task_were_given():
    search = {
        "strategy": "tpe",
        "tau_f": {"low": 0, "high": 2},
        "tau_b": {"low": 0.1, "high": 10},
        "trials": 8,
    }
    text, _ = told(search=search, options={"units": [20]})
    assert "on task sbn (units [20]) with digits" in text
    assert "by the strategy tpe (trials 8, batch 8): tau_f from 0 to 2; tau_b from 0.1 to 10;" in text


def test_it_ends_in_the_test_and_the_verdict():
    text, found = told()
    assert "trained again on 5 fresh seeds." in text
    assert f"tested by {found.statistics.test}. It is assumed" in text
    assert f"is of no interest is {found.confirmation.margin:.4g} (1 %)." in text
    assert f"Off the diagonal: {found.verdict_reason}." in text
    assert "group-sequential" not in text
    looks, _ = told(confirm_seeds={"looks": [5, 10], "boundary": "obrien-fleming"})
    assert "a group-sequential design of 2 looks with O'Brien-Fleming's boundary" in looks


def test_it_claims_nothing_that_was_not_done():
    text, _ = told(ROWS[:2], extend=False, refine=False, confirm_seeds=0, score="last", optimizer=None)
    assert "extended" not in text
    assert "tried around" not in text
    assert "by Adam with torch's defaults;" in text
    assert "at its last report." in text
    assert "Nothing was confirmed on fresh seeds." in text
    assert "t-test" not in text


@pytest.mark.parametrize("rows", [[], [trial(0, [1.0, None, 2.0])]])
def test_a_study_without_a_result_has_a_paragraph_too(rows):
    text, _ = told(rows)
    assert "chosen from" not in text
    assert text.endswith(".")
