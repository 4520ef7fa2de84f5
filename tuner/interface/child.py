"""The process in which a study from Python runs: a driver of its own, so that Ray and MLflow neither meet a
Ray of the user's nor end with an error of the user's.

What it trains comes as a pickle on standard input, from the process that started it and from nowhere else: a
file without a name.
"""

import tuner.processes  # isort: skip  # noqa: F401  # first: it looks who has started this process

import pickle
import sys
from contextlib import closing
from dataclasses import dataclass

from trainables.tasks import own
from trainables.tasks.own import OwnTask
from tuner.driver.drive import drive
from tuner.errors import UserError
from tuner.home import open_home
from tuner.ledger.store import Ledger
from tuner.settings import Settings

FAILED, STOPPED = 2, 130  # exit codes
SAYS = "tuner: "  # what the line of a failure begins with


@dataclass(frozen=True)
class Errand:
    """What the process is to do."""

    study: str
    task: str
    own: OwnTask | None  # None for a task that is known by its name
    settings: Settings
    mlflow: bool


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def run(errand: Errand) -> None:
    """Trains a study to its end. Raises UserError, KeyboardInterrupt."""
    if errand.own is not None:
        own.register(errand.task, errand.own)
    open_home(errand.settings.home_folder)
    with closing(Ledger(errand.settings.ledger_address)) as ledger:
        outcome = drive(ledger, errand.study, errand.settings, mlflow=errand.mlflow, say=_say)
        if outcome.mlflow_problem:
            _say(f"MLflow has not got everything: {outcome.mlflow_problem}")


def main() -> int:
    """Does the errand on standard input; the exit code."""
    try:
        run(pickle.load(sys.stdin.buffer))  # noqa: S301  # our parent's own, see above
    except UserError as error:
        _say(f"{SAYS}{error}")
        return FAILED
    except KeyboardInterrupt:
        _say("stopped")
        return STOPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
