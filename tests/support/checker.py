"""Invariants that must hold after any fault, checked in the ledger's and MLflow's databases: studies ended
once, trials run once, measurements written once.
"""

from contextlib import closing

import pytest
import sqlalchemy as sa

from tuner.ledger.store import Ledger


def mlflow_runs(url):
    """[(tags, params, metrics, status)] of the runs of studies and their trials, read from MLflow's own
    database; not those of the experiment of all optima.
    """
    engine = sa.create_engine(url)
    with engine.connect() as db:
        tags, params, metrics = {}, {}, {}
        for found, table in ((tags, "tags"), (params, "params")):
            for run, key, value in db.exec_driver_sql(f"SELECT run_uuid, key, value FROM {table}"):
                found.setdefault(run, {})[key] = value
        for run, *metric in db.exec_driver_sql("SELECT run_uuid, key, step, value, timestamp FROM metrics"):
            metrics.setdefault(run, []).append(tuple(metric))
        runs = db.exec_driver_sql(
            "SELECT run_uuid, status FROM runs JOIN experiments USING (experiment_id) "
            "WHERE runs.lifecycle_stage = 'active' AND experiments.name <> 'optima'"
        ).all()
    engine.dispose()
    return [(tags.get(run, {}), params.get(run, {}), metrics.get(run, []), status) for run, status in runs]


def check_ledger(url, study, *, intervals):
    """Every trial has ended exactly once, with every interval measured exactly once. Returns (trials,
    measurements).
    """
    with closing(Ledger(url)) as ledger:
        trials, measurements = ledger.trials(study), ledger.measurements(study)
    assert all(t.terminal and t.finished_at for t in trials)
    assert len({t.proposal.key for t in trials}) == len(trials)
    for trial in trials:
        assert [m.interval for m in measurements if m.trial_id == trial.id] == list(range(1, intervals + 1))
    return trials, measurements


def check_ledger_and_mlflow(ledger_url, mlflow_url, study, *, intervals):
    """The same, and MLflow has exactly one run for each trial, with every curve. Returns the trials."""
    trials, measurements = check_ledger(ledger_url, study, intervals=intervals)
    runs = [run for run in mlflow_runs(mlflow_url) if run[0].get("study") == study and "role" in run[0]]
    children = [r for r in runs if r[0]["role"] != "study"]
    assert len(runs) == len(children) + 1
    assert sorted(int(tags["trial"]) for tags, *_ in children) == [t.number for t in trials]
    for tags, params, metrics, status in children:
        trial = trials[int(tags["trial"])]
        assert (tags["role"], params["estimator"], status) == (trial.role, trial.estimator, "FINISHED")
        assert tags["off_diagonal"] == str(trial.off_diagonal).lower()
        assert params.get("tau_f") == (None if trial.tau_f is None else str(trial.tau_f))
        losses = sorted((step, value) for key, step, value, _ in metrics if key == "val_loss")
        mine = [m for m in measurements if m.trial_id == trial.id]
        expected = [(round(m.epoch), sum(m.metrics["val_loss"]) / len(trial.seeds)) for m in mine]
        assert [step for step, _ in losses] == [step for step, _ in expected]
        assert [value for _, value in losses] == pytest.approx([value for _, value in expected])
        assert {key for key, *_ in metrics} >= {
            "val_loss_sem",
            "val_accuracy",
            "inactive/1e-05",
            "train_loss",
        }
    return trials


def outcomes(trials):
    """What must never change again in trials that have ended, {number: (attempts, start, end, objective)}."""
    return {t.number: (t.attempts, t.started_at, t.finished_at, t.objective) for t in trials if t.terminal}
