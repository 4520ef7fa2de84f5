"""Compares trials that wait at a rung by their scores so far, seed by seed. Scores have their sign changed
where a high objective is good, so that lower is always better in this file.
"""

from tuner.evidence.over_seeds import sem
from tuner.evidence.paired import pairs_by_seed
from tuner.ledger.objective import Objective
from tuner.ledger.rows import SCORE, TrialRow


class Scores:
    """Compares queued trials. Each has a finite objective for every seed, or it would have ended as
    diverged.
    """

    def __init__(self, objective: Objective) -> None:
        self.name = objective.name
        self.sign = objective.sign

    def mean(self, trial: TrialRow) -> float:
        """The mean over seeds."""
        values = self._values(trial)
        return sum(values) / len(values)

    def difference(self, trial: TrialRow, other: TrialRow) -> tuple[float, float | None]:
        """By how much a trial is worse than another, paired over seeds: mean, and standard error (None with
        one seed).
        """
        differences = [
            self.sign * (mine - its) for mine, its in pairs_by_seed(trial, other, self._metric(trial))
        ]
        return sum(differences) / len(differences), sem(differences)

    def _values(self, trial: TrialRow) -> list[float]:
        values = trial.metrics[self._metric(trial)]
        return [self.sign * value for value in values if value is not None]

    def _metric(self, trial: TrialRow) -> str:
        """The score so far; a ledger of an earlier version has the objective of the last report only."""
        return SCORE if SCORE in trial.metrics else self.name
