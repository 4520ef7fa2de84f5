"""Computes the results of a study in the ledger, with its task's declaration and its trials' files."""

from pathlib import Path

from tuner.evidence.analysis import results
from tuner.evidence.example_gains import LossFiles
from tuner.evidence.results import Results
from tuner.ledger.rows import StudyRow
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of


def results_of(study: StudyRow, ledger: Ledger, artifacts: Path) -> Results:
    """The results of a study so far. `artifacts` is the folder with the files of its confirmed trials. Raises
    LedgerError.
    """
    return results(
        study,
        ledger.trials(study.id),
        ledger.stream(study.id),
        metrics=metrics_of(study),
        losses=LossFiles(artifacts),
    )
