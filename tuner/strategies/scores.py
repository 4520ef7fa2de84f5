"""How good trials are that wait at a rung: by the objective of their last report, seed by seed; lower is
better here.
"""

from tuner.evidence.over_seeds import sem
from tuner.evidence.paired import pairs_by_seed
from tuner.ledger.objective import Objective
from tuner.ledger.rows import TrialRow


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
        differences = [self.sign * (mine - its) for mine, its in pairs_by_seed(trial, other, self.name)]
        return sum(differences) / len(differences), sem(differences)

    def _values(self, trial: TrialRow) -> list[float]:
        return [self.sign * value for value in trial.metrics[self.name] if value is not None]
