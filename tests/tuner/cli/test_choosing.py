"""Trials filtered and sorted."""

import pytest

from tests.support import rows
from tuner.cli.choosing import chosen
from tuner.errors import UserError
from tuner.evidence.trial_result import TrialResult
from tuner.ledger.methods import Variant

TRIALS = [
    TrialResult.of(trial)
    for trial in (
        rows.trial(
            0, [0.5, 0.75], tau_f=0.0, lr=0.01, metrics={"val_loss": [0.5, 0.75], "active": [3.0, 5.0]}
        ),
        rows.trial(1, [0.25, 0.25], tau_f=1.0),
        rows.trial(2, state="failed", tau_f=None, estimator="identity", role="baseline"),
        rows.trial(3, [0.125, 0.25], tau_f=0.5, role="confirm"),
    )
]


def numbers(*conditions, sort=None):
    return [trial.number for trial in chosen(TRIALS, conditions, sort)]


@pytest.mark.parametrize(
    ("conditions", "left"),
    [
        ((), [0, 1, 2, 3]),
        (("state=succeeded",), [0, 1, 3]),
        (("state!=succeeded",), [2]),
        (("tau_f=0",), [0]),
        (("tau_f >= 0.5",), [1, 3]),
        (("tau_f=none",), [2]),
        (("tau_f!=none",), [0, 1, 3]),
        (("tau_f!=1",), [0, 2, 3]),
        (("tau_f<1", "objective<0.5"), [3]),
        (("objective<=0.25",), [1, 3]),
        (("active>3",), [0]),
        (("lr<1e-2", "role=search"), [1]),
    ],
)
def test_all_conditions_must_hold(conditions, left):
    assert numbers(*conditions) == left


@pytest.mark.parametrize(
    ("field", "order"),
    [
        ("objective", [3, 1, 0, 2]),
        ("-objective", [0, 1, 3, 2]),
        ("tau_f", [0, 3, 1, 2]),
        ("-number", [3, 2, 1, 0]),
        ("role", [2, 3, 0, 1]),
        ("active", [0, 1, 2, 3]),
    ],
)
def test_the_order_is_that_of_a_field_and_what_lacks_it_comes_last(field, order):
    assert numbers(sort=field) == order


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"sort": "tau_g"}, r"'tau_g' is not a field of a trial \(did you mean tau_f\?\)"),
        ({"conditions": ["actve=1"]}, "did you mean active"),
        ({"conditions": ["state"]}, "must be like state=succeeded"),
        ({"conditions": ["state<failed"]}, "state is text"),
        ({"conditions": ["lr=low"]}, "lr is compared with a number"),
    ],
)
def test_what_cannot_be_is_told(arguments, sentence):
    with pytest.raises(UserError, match=sentence):
        chosen(TRIALS, arguments.get("conditions", ()), arguments.get("sort"))


def test_searched_settings_of_the_optimiser_are_fields_too():
    tuned = [
        rows.trial(n, [0.5], variant=Variant(optimizer=(("clip_norm", norm), ("weight_decay", decay))))
        for n, (norm, decay) in enumerate([(None, 0.1), (1.0, 0.0), (2.0, 0.2)])
    ]
    results = [TrialResult.of(trial) for trial in tuned]
    assert [t.number for t in chosen(results, ["weight_decay>0.05"], "-weight_decay")] == [2, 0]
    assert [t.number for t in chosen(results, ["clip_norm=none"], None)] == [0]
    pairs = [TrialResult.of(rows.trial(0, [0.5], variant=Variant(optimizer=(("betas", (0.5, 0.9)),))))]
    for trials, condition in ((TRIALS, "weight_decay>0"), (pairs, "betas>0")):
        with pytest.raises(UserError, match="is not a field of a trial"):
            chosen(trials, [condition], None)
