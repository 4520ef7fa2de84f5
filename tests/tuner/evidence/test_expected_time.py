"""The estimate of a study's time from earlier studies."""

from dataclasses import replace

import pytest

from tests.support import rows
from tests.support.specs import TINY
from tuner.evidence.expected_time import expected_time
from tuner.ledger.rows import StudyState
from tuner.spec.study import parse_spec

HERE = "x86_64, 2 CPUs"


def past(run_s, *, machine=HERE, state="succeeded", **changes):
    spec = parse_spec(TINY | changes).model_dump(mode="json")
    return replace(rows.study(), spec=spec, state=StudyState(state), run_s=run_s, host={"machine": machine})


def seconds(studies, **changes):
    found = expected_time(parse_spec(TINY | changes), studies, HERE)
    return None if found is None else (pytest.approx(found.seconds), found.studies)


def test_the_same_study_takes_as_long_as_before():
    assert seconds([past(60.0)]) == (60.0, 1)


def test_twice_the_epochs_take_twice_as_long():
    assert seconds([past(60.0)], epochs=8) == (120.0, 1)


def test_twice_the_pairs_and_seeds_are_more_trainings():
    longer = {"seeds": 4}
    ratio = parse_spec(TINY | longer).planned_trainings / parse_spec(TINY).planned_trainings
    assert seconds([past(60.0)], **longer) == (60.0 * ratio, 1)


def test_it_is_the_median_of_the_newest_five():
    assert seconds([past(s) for s in (10.0, 20.0, 30.0, 40.0, 1000.0, 9999.0)]) == (30.0, 5)


@pytest.mark.parametrize(
    "other",
    [
        past(60.0, machine="arm64, 8 CPUs"),
        past(60.0, state="failed"),
        past(0.0),
        past(60.0, batch_size=32),
        past(60.0, options={"units": [64]}),
        past(60.0, epochs=None, steps=100),
        replace(past(60.0), spec={"task": "one that is gone"}),
    ],
)
def test_what_is_unlike_says_nothing(other):
    assert seconds([other]) is None
