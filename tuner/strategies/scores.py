"""Compares trials that wait at a rung by their scores so far, seed by seed. In this file a lower score is
always better: where a high objective is good, its sign is changed.
"""

from tuner.evidence.over_seeds import sem
from tuner.evidence.paired import pairs_by_seed
from tuner.ledger.objective import Objective
from tuner.ledger.rows import SCORE, TrialRow


class Scores:
    """Compares queued trials. Each has a finite objective on every seed: otherwise it would have ended as
    diverged.
    """

    def __init__(self, objective: Objective) -> None:
        self.name = objective.name
        self.sign = objective.sign

    def mean(self, trial: TrialRow) -> float:
        """The mean of a trial's score over seeds."""
        values = self._values(trial)
        return sum(values) / len(values)

    def difference(self, trial: TrialRow, other: TrialRow) -> tuple[float, float | None]:
        """By how much a trial is worse than another, paired over seeds: the mean difference and its standard
        error, which is None with one seed.
        """
        differences = [
            self.sign * (mine - its) for mine, its in pairs_by_seed(trial, other, self._metric(trial))
        ]
        return sum(differences) / len(differences), sem(differences)

    def _values(self, trial: TrialRow) -> list[float]:
        values = trial.metrics[self._metric(trial)]
        return [self.sign * value for value in values if value is not None]

    def _metric(self, trial: TrialRow) -> str:
        """The metric that is compared: SCORE; in a ledger of an earlier version, which does not have it, the
        objective at the last report.
        """
        return SCORE if SCORE in trial.metrics else self.name
