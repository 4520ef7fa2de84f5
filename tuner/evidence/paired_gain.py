"""The gain of one method over another, seed by seed: the numbers from which a verdict follows.

The two methods were trained on the same seeds. Where both have a number on a seed there is a difference;
where one of them diverged, the other wins that seed. Means, medians and intervals are over the differences.
After a divergence they leave out seeds, which favours the method that diverged, so they are then marked as
`survivors_only` and do not decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from tuner.evidence.outcomes import Value, Wins, interquartile_mean, wins
from tuner.evidence.seed_mean import SeedMean, seed_mean
from tuner.ledger.objective import Objective


@dataclass(frozen=True)
class PairedGain:
    """A gain in units of the objective; positive is better than the rival."""

    measured: SeedMean | None  # mean of the differences; None where both have a number on no seed
    differences: tuple[float, ...]  # on the seeds on which both have a number
    median: float | None
    interquartile_mean: float | None
    wins: Wins  # over all seeds, divergence ranked worst
    diverged: int  # seeds on which the method diverged
    rival_diverged: int  # seeds on which the rival diverged

    @property
    def seeds(self) -> int:
        """How many seeds both were trained on, those with a divergence included."""
        return self.wins.seeds

    @property
    def survivors_only(self) -> bool:
        """Whether a mean leaves out seeds on which a method diverged."""
        return self.diverged + self.rival_diverged > 0


def paired_gain(mine: Sequence[Value], rival: Sequence[Value], objective: Objective) -> PairedGain:
    """The gain of a method over its rival, from the objectives [S] of both on the same seeds in the same
    order.

    None stands for a seed on which a method diverged. Raises ValueError where the two do not have the same
    number of seeds.
    """
    both = [(a, b) for a, b in zip(mine, rival, strict=True) if a is not None and b is not None]
    differences = tuple(objective.gain(a, b) for a, b in both)
    return PairedGain(
        measured=seed_mean(differences, [v for pair in both for v in pair]),
        differences=differences,
        median=median(differences) if differences else None,
        interquartile_mean=interquartile_mean(differences) if differences else None,
        wins=wins(mine, rival, objective),
        diverged=sum(v is None for v in mine),
        rival_diverged=sum(v is None for v in rival),
    )
