"""What a plan says of time and data."""

from pathlib import Path

import pytest

from tests.support.served import SMALL, Driver, Served
from tuner.evidence.plan import planned
from tuner.ledger.store import Ledger
from tuner.spec.study import parse_spec


class Alone(Served):
    """A ledger with studies, and no service."""

    def __init__(self, home):
        self.ledger = Ledger(f"sqlite:///{home}/ledger.db")


@pytest.fixture
def past(tmp_path):
    """A study that took 4 s of training for its 8 epochs."""
    made = Alone(tmp_path)
    study = made.create()
    Driver(made, study).finish()
    yield made.ledger.study(study)
    made.ledger.close()


def estimate(given, past, machine=None):
    return planned(parse_spec(given), past, Path("nowhere"), machine)["estimate"]


def missing_data(given, folder):
    return planned(parse_spec(given), [], folder)["missing_data"]


def test_time_goes_with_models_and_epochs(past):
    assert estimate(SMALL, [past]) == {"seconds": past.training_s, "studies": 1}
    assert estimate(SMALL | {"epochs": 16}, [past])["seconds"] == 2 * past.training_s
    more = SMALL | {"seeds": 4}
    expected = past.training_s * parse_spec(more).planned_members / parse_spec(SMALL).planned_members
    assert estimate(more, [past])["seconds"] == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("other", [{"batch_size": 32}, {"options": {"units": [4, 4]}}, {"dataset": "mnist"}])
def test_another_kind_of_work_tells_nothing(past, other):
    assert estimate(SMALL | other, [past]) is None


def test_on_a_machine_only_what_ran_there_counts(past):
    assert estimate(SMALL, [past], "another machine") is None


def test_data_that_is_not_there_is_told(tmp_path):
    given = SMALL | {"dataset": "mnist"}
    assert "the data of mnist is not in the data folder" in missing_data(given, tmp_path)
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    assert missing_data(given, tmp_path) is None
    assert missing_data(SMALL, tmp_path / "nowhere") is None


def test_it_says_what_is_trained_and_judged():
    found = planned(parse_spec(SMALL), [], Path("nowhere"))
    spec = parse_spec(SMALL)
    assert found["trials"] == found["search_trials"] + found["confirm_trials"] + found["control_trials"]
    assert (found["members"], found["trainings"]) == (spec.planned_members, spec.planned_members)
    assert found["objective"]["name"] == "val_loss"
    assert found["objective"]["direction"] == "minimize"
    assert parse_spec(found["spec"]) == spec
    halving = {"strategy": "halving", "tau_f": [0, 1], "tau_b": [0.5, 1], "rungs": 2}
    stopped = planned(parse_spec(SMALL | {"search": halving}), [], Path("nowhere"))
    assert stopped["trainings"] < stopped["members"]
