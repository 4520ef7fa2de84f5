"""What a plan says of time and data."""

import pytest

from api.answers.plan import estimate, missing_data
from tests.support.served import SMALL, Driver, Served
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


def test_time_goes_with_models_and_epochs(past):
    whole = parse_spec(SMALL)
    found = estimate(whole, [past])
    assert found == {"seconds": past.training_s, "studies": 1}
    assert estimate(parse_spec(SMALL | {"epochs": 16}), [past])["seconds"] == 2 * past.training_s
    more = parse_spec(SMALL | {"seeds": 4})
    expected = past.training_s * more.planned_members / whole.planned_members
    assert estimate(more, [past])["seconds"] == pytest.approx(expected, abs=0.05)


@pytest.mark.parametrize("other", [{"batch_size": 32}, {"options": {"units": [4, 4]}}, {"dataset": "mnist"}])
def test_another_kind_of_work_tells_nothing(past, other):
    assert estimate(parse_spec(SMALL | other), [past]) is None


def test_data_that_is_not_there_is_told(tmp_path):
    spec = parse_spec(SMALL | {"dataset": "mnist"})
    assert "the data of mnist is not in the data folder" in missing_data(spec, tmp_path)
    (tmp_path / "MNIST" / "raw").mkdir(parents=True)
    assert missing_data(spec, tmp_path) is None
    assert missing_data(parse_spec(SMALL), tmp_path / "nowhere") is None
