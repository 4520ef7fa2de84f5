"""A disk that fills up while trained models, the report or MLflow's artifacts are written: one sentence
says so, and the files are completed later.
"""

from contextlib import suppress
from functools import partial

import pytest

from tests.support import checker
from tests.support.hand_driver import HandDriver
from tests.support.servers import MlflowProcess
from tuner.driver.drive import report_files, resend, submit
from tuner.errors import UserError
from tuner.ledger.store import Ledger
from tuner.settings import Settings
from tuner.spec.study import parse_spec

pytestmark = pytest.mark.usefixtures("one_thread")

SPEC = {
    "name": "full",
    "task": "catae",
    "dataset": "digits",
    "search": {"strategy": "grid", "tau_f": [0.5], "tau_b": [0.5, 1.0]},
    "seeds": 1,
    "epochs": 1,
    "confirm_seeds": 1,
    "extend": False,
    "refine": False,
    "options": {"hidden": [8], "latents": 2, "classes": 3},
}


@pytest.fixture
def settings(tmp_path):
    return Settings(home=tmp_path)


@pytest.fixture
def ledger(settings):
    opened = Ledger(settings.ledger_address)
    yield opened
    opened.close()


def fill(folder):
    """Leaves no room on a small disk, but for what `empty` gives back."""
    with (folder / "filler").open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(b"0" * 4096)


def empty(folder):
    (folder / "filler").unlink()


def finished(ledger, settings):
    """A study that has ended, with the files of its confirmed trials."""
    study = submit(ledger, parse_spec(SPEC))
    driver = HandDriver(ledger, study, settings.home)
    assert driver.run()
    ledger.release(driver.lease, "succeeded")
    return study


def test_a_full_disk_under_the_files_of_trained_models_ends_the_driver_and_no_trial(
    ledger, settings, small_disk
):
    (settings.home / "artifacts").symlink_to(small_disk)
    fill(small_disk)
    study = submit(ledger, parse_spec(SPEC))
    driver = HandDriver(ledger, study, settings.home)
    with pytest.raises(
        UserError, match=rf"files of trained models cannot be written to .*{study}: No space left on device"
    ):
        driver.run()
    ledger.release(driver.lease, "interrupted")
    assert [t.role for t in ledger.trials(study) if not t.terminal] == ["confirm", "confirm"]
    before = checker.outcomes(ledger.trials(study))

    empty(small_disk)
    assert HandDriver(ledger, study, settings.home).run()
    trials, _ = checker.check_ledger(ledger.url, study, intervals=1)
    assert before.items() <= checker.outcomes(trials).items()
    for trial in trials[2:]:
        picture = settings.artifacts_folder(study) / f"trial-{trial.number}" / "reconstructions.png"
        assert picture.read_bytes().endswith(b"IEND\xaeB`\x82")


def test_a_full_disk_under_the_report_costs_the_report_and_not_the_study(ledger, settings, small_disk):
    study = finished(ledger, settings)
    (settings.home / "reports").symlink_to(small_disk)
    fill(small_disk)
    write = partial(report_files, ledger, ledger.study(study), settings)
    with pytest.raises(
        UserError,
        match=f"has succeeded, but its report cannot be .*No space left on device; `tuner report {study}`",
    ):
        write()
    empty(small_disk)
    page, *others = write()
    assert page.read_text().rstrip().endswith("</html>")
    assert len(others) > 2
    assert all(file.exists() for file in others)


@pytest.mark.stack
def test_a_full_disk_under_mlflows_artifacts_is_told_and_they_are_sent_again(ledger, settings, small_disk):
    study = finished(ledger, settings)
    server = settings.home / "server"
    server.mkdir()
    (server / "artifacts").symlink_to(small_disk)
    fill(small_disk)
    database = f"sqlite:///{server / 'mlflow.db'}"
    mlflow = MlflowProcess(server, database)
    try:
        mlflow.wait()
        reached = Settings(home=settings.home, mlflow_uri=mlflow.uri)
        with pytest.raises(UserError, match=f"MLflow at {mlflow.uri} did not take study {study}: "):
            list(resend(ledger, [study], reached))
        empty(small_disk)
        list(resend(ledger, [study], reached))
    finally:
        mlflow.kill()
    runs = checker.mlflow_runs(database)
    assert {status for *_, status in runs} == {"FINISHED"}
    assert len(runs) == 1 + len(ledger.trials(study))
    names = {file.name for file in small_disk.rglob("*")}
    assert {"report.html", "spec.yaml", "reconstructions.png"} <= names
