"""Whole studies that are killed or stopped while they run: finished trials stay as they are, and the
others are finished once.
"""

import signal
import subprocess

import pytest

from tests.support import checker
from tests.support.commands import tuner
from tests.support.patience import patient, wait_for
from tests.support.processes import descendants, exposed
from tests.support.whole_studies import check_ledger_and_mlflow, start, write_spec
from tuner.strategies import strategy_for
from tuner.strategies.base import Signal

pytestmark = pytest.mark.stack


def test_after_kill_9_a_resumed_study_ends_every_trial_exactly_once(tmp_path):
    home = tmp_path
    # Populations of 2 trials each, and intervals long enough that the kill comes in the middle of one.
    spec = write_spec(
        home, population=4, epochs=12, reports=4, options={"units": [200, 200]}, baselines=["identity"]
    )
    driver, study, ledger = start(home, spec, stderr=subprocess.DEVNULL)

    def in_the_middle():
        assert driver.poll() is None
        ended = [t.terminal for t in ledger.trials(study)]
        return sum(ended) >= 4 and not all(ended)

    wait_for(in_the_middle, 120)
    assert exposed([driver.pid, *descendants(driver.pid)]) == []
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    before = ledger.trials(study)
    finished = checker.outcomes(before)
    unfinished = [t.number for t in before if not t.terminal]
    assert finished
    assert unfinished
    assert ledger.find_study("latest").state == "interrupted"
    assert strategy_for_study(ledger, study) is not Signal.DONE

    done = tuner(home, "resume", study)

    assert "Traceback" not in done.stderr
    after = {t.number: t for t in check_ledger_and_mlflow(home, study)}
    assert {
        n: outcome for n, outcome in checker.outcomes(after.values()).items() if n in finished
    } == finished
    assert all(after[number].attempts == 2 for number in unfinished)
    assert strategy_for_study(ledger, study) is Signal.DONE
    ledger.close()


def test_after_kill_9_between_rungs_a_halving_study_ends_as_it_would_have(tmp_path):
    search = {"strategy": "halving", "tau_f": [0.0, 0.3, 1.0], "tau_b": [0.1, 0.5, 1.0]}
    spec = write_spec(tmp_path, search=search, epochs=45, reports=9, baselines=["identity"], confirm_seeds=0)
    driver, study, ledger = start(tmp_path, spec, "--no-mlflow", stderr=subprocess.DEVNULL)

    def past_a_rung():
        assert driver.poll() is None
        return any(t.state == "running" and t.source is not None for t in ledger.trials(study))

    wait_for(past_a_rung, 120, every_s=0.05)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    driver.stdout.close()
    before = {t.number: t for t in ledger.trials(study)}
    stopped = [n for n, t in before.items() if t.state == "stopped"]
    assert stopped

    done = tuner(tmp_path, "resume", study, "--no-mlflow")

    assert "Traceback" not in done.stderr
    after = {t.number: t for t in ledger.trials(study)}
    assert [after[n] for n in stopped] == [before[n] for n in stopped]
    assert {t.state for t in after.values()} == {"stopped", "succeeded"}
    assert sum(t.epoch for t in after.values()) < 45 * len(after) / 2
    for trial in after.values():
        measured = [m.interval for m in ledger.measurements(study) if m.trial_id == trial.id]
        assert measured == list(range(1, trial.intervals + 1))
    assert not list((tmp_path / "checkpoints").glob("*"))
    ledger.close()


def strategy_for_study(ledger, study):
    from tuner.spec.study import parse_spec

    return strategy_for(parse_spec(ledger.study(study).spec)).suggest(ledger.trials(study), 1)


def test_ctrl_c_leaves_a_study_that_can_be_resumed(tmp_path):
    home = tmp_path
    driver, study, ledger = start(
        home, write_spec(home, epochs=2000, reports=200), "--no-mlflow", stderr=subprocess.PIPE
    )
    wait_for(lambda: ledger.measurements(study), 120)
    driver.send_signal(signal.SIGINT)
    _, said = driver.communicate(timeout=patient(60))
    assert driver.returncode == 130
    assert f"tuner resume {study}" in said
    assert "Traceback" not in said
    row = ledger.study(study)
    ledger.close()
    assert (row.state, row.reason) == ("interrupted", "stopped by the user")
