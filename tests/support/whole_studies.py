"""Whole studies run by the command line: their spec, a driver in the background, and checks of the ledger and
MLflow.
"""

import os
import subprocess

import yaml

from tests.support import checker
from tests.support.commands import TUNER
from tests.support.specs import TINY
from tuner.ledger.store import Ledger


def start(home, *arguments, stderr):
    """`tuner run` in the background: (its process, the study's id, the ledger it writes)."""
    environment = os.environ | {"TUNER_HOME": str(home)}
    driver = subprocess.Popen(
        [TUNER, "run", *arguments], env=environment, stdout=subprocess.PIPE, stderr=stderr, text=True
    )
    study = driver.stdout.readline().split()[1]
    return driver, study, Ledger(f"sqlite:///{home / 'ledger.db'}")


def write_spec(folder, **changes):
    """A spec that is neither extended nor refined, but for what is changed."""
    file = folder / "spec.yaml"
    file.write_text(yaml.safe_dump(TINY | {"extend": False, "refine": False} | changes))
    return str(file)


def mlflow_runs(home):
    """What the private MLflow has."""
    return checker.mlflow_runs(f"sqlite:///{home / 'mlflow' / 'mlflow.db'}")


def check_ledger_and_mlflow(home, study):
    """The checker, on the private ledger and MLflow of a state folder."""
    ledger, mlflow = f"sqlite:///{home / 'ledger.db'}", f"sqlite:///{home / 'mlflow' / 'mlflow.db'}"
    return checker.check_ledger_and_mlflow(ledger, mlflow, study, intervals=4)
