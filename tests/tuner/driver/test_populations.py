"""The names of populations and who is told of them; the files of their models are complete or not there."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.rows import MINIMIZE, trial
from tests.support.specs import TINY
from tuner.driver.placement import Placement
from tuner.driver.populations import Populations, name_of, write_artifacts
from tuner.driver.progress import Progress
from tuner.errors import UserError
from tuner.settings import Settings
from tuner.spec.study import parse_spec


def trials(*numbers, **fields):
    return [trial(n, seeds=(0, 1), state="running", **fields) for n in numbers]


@pytest.mark.parametrize(
    ("numbers", "called"),
    [
        ((12, 13, 14), "population 3: trials 12-14 on 2 seeds"),
        ((5,), "population 3: trial 5 on 2 seeds"),
        ((9, 3, 4, 7), "population 3: trials 3-4, 7, 9 on 2 seeds"),
    ],
)
def test_a_population_is_called_by_its_trials(numbers, called):
    assert name_of(3, trials(*numbers)) == called


def test_workers_and_the_jobs_log_are_told_its_name(tmp_path):
    spec, told = parse_spec(TINY), []
    populations = Populations(
        study_id="ab12",
        spec=spec,
        settings=Settings.from_environment().model_copy(update={"home": tmp_path}),
        placement=Placement("cpu", 1, 1, 1 << 30),
        bytes_per_member=1,
        trials_before=0,
        progress=Progress(spec, 4.0, MINIMIZE),
        announce=told.append,
    )
    of = [*trials(0, 1), *trials(2, role="baseline", estimator="identity")]
    config = populations.config("f00", 1, of, 0, None)
    assert (config.study, config.name) == ("tiny · ab12", "population 1: trials 0-2 on 2 seeds")
    assert told == ["population 1: trials 0-2 on 2 seeds, search and baseline"]
    assert replace(populations, announce=None).config("f00", 2, of, 0, None).name.startswith("population 2: ")


def test_a_write_that_breaks_off_leaves_what_was_there(tmp_path, monkeypatch):
    write_artifacts({3: {"bias.json": b"{}"}}, tmp_path)

    def half(path, content):
        with path.open("wb") as file:
            file.write(content[:1])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(UserError, match=r"cannot be written to .*: No space left on device"):
        write_artifacts({3: {"bias.json": b"{} anew"}, 4: {"model": b"weights"}}, tmp_path)
    left = {str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"trial-3/bias.json": b"{}"}
