"""A study refuses to go on with other data or another program, because its trials could not be compared."""

from dataclasses import replace

import pytest
import torch

from tests.support.specs import TINY
from trainables.data import load
from trainables.data.dataset import Split
from trainables.data.fingerprint import fingerprint
from tuner.driver import material as made_from
from tuner.driver.drive import submit
from tuner.driver.material import RUN, material_of, refuse_other_material
from tuner.errors import ForbiddenByStateError, UserError
from tuner.ledger.rows import Proposal
from tuner.ledger.study_queue import StudyQueue
from tuner.spec.study import parse_spec


@pytest.fixture(scope="module")
def digits():
    return load("digits", "unused")


def begun(ledger, spec, material):
    """A study with a trial, interrupted."""
    study = submit(ledger, spec)
    lease = ledger.acquire(study, {})
    ledger.note_material(lease, material)
    ledger.start_population(lease, "p", [Proposal("search", "decoupled", 0.5, 1.0, 0.001)], [0])
    ledger.record(lease, interval=1, epoch=1, training_s=1, rows={0: {"val_loss": [1.0]}}, final=False)
    ledger.release(lease, "interrupted")
    return study


def test_the_same_data_has_the_same_fingerprint_and_any_other_one_has_another(digits):
    same = load("digits", "elsewhere")
    assert fingerprint(digits) == fingerprint(same)
    pixels = digits.train.inputs.clone()
    pixels[3, 5] += 1
    labels = digits.test.labels.clone()
    labels[0] = (labels[0] + 1) % 10
    n = len(digits.train)
    others = [
        replace(digits, train=replace(digits.train, inputs=pixels)),
        replace(digits, test=replace(digits.test, labels=labels)),
        replace(digits, train=digits.train.take(torch.arange(n - 1, -1, -1))),
        replace(digits, train=digits.train.take(slice(0, n - 1))),
        replace(digits, train=replace(digits.train, inputs=digits.train.inputs.to(torch.int16))),
        replace(digits, validation=digits.test, test=digits.validation),
    ]
    assert len({fingerprint(d) for d in [digits, *others]}) == 1 + len(others)


def test_named_tensors_and_none_have_one_too(digits):
    def dataset(**inputs):
        return replace(digits, train=Split(inputs, None))

    a, b = torch.zeros(4, 2), torch.ones(4)
    assert fingerprint(dataset(a=a, b=b)) == fingerprint(dataset(b=b, a=a))
    assert fingerprint(dataset(a=a, b=b)) != fingerprint(dataset(a=a, c=b))


def test_a_study_goes_on_with_what_it_was_begun_with(ledger, digits):
    spec = parse_spec(TINY)
    material = material_of(spec, digits)
    refuse_other_material(
        ledger.study(submit(ledger, spec)), material
    )  # nothing is known before its first trial
    study = begun(ledger, spec, material)
    refuse_other_material(ledger.study(study), dict(reversed(material.items())))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"dataset digits": "0" * 32}, "dataset digits has other examples now"),
        ({"straight-through-tuner": "9.9"}, r"straight-through-tuner was [0-9.]+ and is 9\.9"),
        ({"a-plugin": "2.0"}, r"a-plugin was not there and is 2\.0"),
    ],
)
def test_a_study_does_not_go_on_with_anything_else(ledger, digits, change, told):
    spec = parse_spec(TINY)
    material = material_of(spec, digits)
    study = begun(ledger, spec, material)
    with pytest.raises(UserError, match=told) as refused:
        refuse_other_material(ledger.study(study), material | change)
    assert f"`tuner resume {study} --restart-trials`" in str(refused.value)


@pytest.mark.parametrize(
    ("imported", "told"),
    [
        ({}, None),
        ({"dataset digits": "0" * 32}, "dataset digits has other examples now"),
        ({"dataset digits": None}, "dataset digits has other examples now"),
    ],
    ids=["the same data", "other data", "nobody knows"],
)
def test_an_imported_search_is_confirmed_on_the_data_that_it_learned_from(ledger, digits, imported, told):
    spec = parse_spec(TINY)
    material = material_of(spec, digits)
    before = {"dataset digits": material["dataset digits"]} | imported
    study = submit(ledger, spec)
    lease = ledger.acquire(study, {})
    ledger.note_material(lease, {RUN: "f00"} | {n: which for n, which in before.items() if which})
    ledger.release(lease, "succeeded")
    if told is None:
        refuse_other_material(ledger.study(study), material)
    else:
        with pytest.raises(UserError, match=told):
            refuse_other_material(ledger.study(study), material)


def test_a_study_that_python_began_is_begun_again_there(ledger, digits):
    material = material_of(parse_spec(TINY), digits) | {"task python:Bits": "before"}
    row = replace(ledger.study(begun(ledger, parse_spec(TINY), material)), task="python:Bits")
    with pytest.raises(UserError, match=r"the code of task python:Bits is another now.*tuner.search without"):
        refuse_other_material(row, material | {"task python:Bits": "now"})


def test_trials_that_are_restarted_are_forgotten_with_all_that_came_of_them(ledger, digits):
    spec = parse_spec(TINY)
    study = begun(ledger, spec, material_of(spec, digits))
    ledger_row = ledger.study(study)
    StudyQueue(ledger).restart_trials(study)
    row = ledger.study(study)
    assert (ledger.trials(study), ledger.measurements(study)) == ([], [])
    assert (row.material, row.training_s, row.restarts, ledger_row.restarts) == (None, 0.0, 1, 0)
    refuse_other_material(row, {"dataset digits": "other"})


@pytest.mark.parametrize("state", ["running", "succeeded", "cancelled"])
def test_trials_of_a_study_that_runs_or_has_ended_stay(ledger, digits, state):
    spec = parse_spec(TINY)
    study = begun(ledger, spec, material_of(spec, digits))
    if state == "cancelled":
        StudyQueue(ledger).cancel(study)
    else:
        lease = ledger.acquire(study, {})
        if state == "succeeded":
            ledger.release(lease, state)
    with pytest.raises(ForbiddenByStateError, match="only trials of an interrupted or failed one"):
        StudyQueue(ledger).restart_trials(study)
    assert len(ledger.trials(study)) == 1


def test_the_packages_of_what_is_plugged_in_count(digits, monkeypatch):
    monkeypatch.setattr(made_from, "task_version", lambda _: ("a-plugin", "1.0"))
    assert material_of(parse_spec(TINY), digits)["a-plugin"] == "1.0"
