"""What the results say of a search: the objective over the two temperatures, where its optimum lies, and what
a cheaper search would have found.
"""

from pydantic import Field

from tuner.evidence.over_seeds import Model

Points = tuple[tuple[float, ...], tuple[float | None, ...], tuple[float | None, ...]]


class ForwardLine(Model):
    """The objective along tau_f: mean and standard error of the best trial at each value."""

    tau_f: tuple[float, ...]
    mean: tuple[float | None, ...]
    sem: tuple[float | None, ...]

    @property
    def points(self) -> Points:
        """Temperatures, means, standard errors."""
        return self.tau_f, self.mean, self.sem


class ForwardLineAt(ForwardLine):
    """The same at one value of tau_b."""

    tau_b: float


class BackwardLine(Model):
    """The objective along tau_b, likewise."""

    tau_b: tuple[float, ...]
    mean: tuple[float | None, ...]
    sem: tuple[float | None, ...]

    @property
    def points(self) -> Points:
        """Temperatures, means, standard errors."""
        return self.tau_b, self.mean, self.sem


class BackwardLineAt(BackwardLine):
    """The same at one value of tau_f."""

    tau_f: float


class Landscape(Model):
    """mean[i][j] and sem[i][j] at (tau_f[i], tau_b[j]), of the best learning rate; null without a value."""

    tau_f: tuple[float, ...]
    tau_b: tuple[float, ...]
    mean: tuple[tuple[float | None, ...], ...]
    sem: tuple[tuple[float | None, ...], ...]


class ForwardMarginal(Model):
    """Along tau_f: the best over tau_b, and in line with the optimum."""

    best: ForwardLine
    at_optimum: ForwardLineAt


class BackwardMarginal(Model):
    """Along tau_b, likewise."""

    best: BackwardLine
    at_optimum: BackwardLineAt


class Marginals(Model):
    """The objective along each temperature."""

    tau_f: ForwardMarginal
    tau_b: BackwardMarginal


class Stages(Model):
    """The two stages of a sequential search."""

    tau_b_start: float
    best_tau_f: float | None = Field(description="Null where no trial of the first stage has an objective.")
    first: ForwardLine
    second: BackwardLine


class OptimumCell(Model):
    """A searched pair of temperatures, and how likely it is the best."""

    tau_f: float
    tau_b: float
    mean: float = Field(description="Of the objective over seeds.")
    predicted: float | None = Field(description="By the surface through all pairs; null without one.")
    share: float | None = Field(description="Probability of being the best; null without a surface.")
    sure: bool = Field(description="Whether it is in the set that holds the best with 95 %.")


class Optimum(Model):
    """Where the optimum of the search lies, as a description; no verdict rests on it."""

    method: str = Field(
        description="surface: a Gaussian process through all pairs; subset: those not further behind "
        "the best than the pooled noise explains."
    )
    seeds: int
    noise: float = Field(description="Standard deviation of a pair on one seed.")
    cells: tuple[OptimumCell, ...] = Field(description="The likeliest first.")


class RegretResult(Model):
    """How much worse a cheaper search's pick is than the whole grid's, on seeds that chose neither."""

    mean: float = Field(description="Over the seeds, each of which is left out in turn; may be negative.")
    same: int = Field(description="On how many of them both pick the same trial.")
    seeds: int


class ReplayedSearch(Model):
    """What the sequential protocol would have found from one tau_b."""

    tau_b_start: float
    tau_f: float | None
    tau_b: float | None
    lr: float
    trial: int = Field(description="Number of the trial that it would have picked.")
    trials: int = Field(description="How many it would have run.")
    of: int = Field(description="How many the grid has.")
    rank: int = Field(description="Of the picked trial among the grid's, from 1.")
    regret: RegretResult | None = Field(description="Null with fewer than 2 seeds.")


class SequentialReplay(Model):
    """The sequential protocol, replayed on a full grid."""

    start: ReplayedSearch = Field(description="From the tau_b nearest to 1, the protocol's default.")
    starts: tuple[ReplayedSearch, ...] = Field(description="From each tau_b of the grid.")


class RuleWinner(Model):
    """What a rule for the score would have selected."""

    method: str
    trial: int
    objective: float


class ScoreRules(Model):
    """When the score is taken, and what another rule would have selected among the trials of the search."""

    rule: str
    winners: dict[str, RuleWinner] = Field(description="By the best and by the last report.")
    overfit: int = Field(description="Trials that end worse than their best report, beyond their noise.")
    trials: int
    note: str | None = Field(description="Where the rules disagree.")


class EqualBudget(Model):
    """What k trials off the diagonal and k on it find, expected, selected and scored on different seeds."""

    trials: tuple[int, ...] = Field(description="k.")
    off_diagonal: tuple[float, ...] = Field(description="The expected objective of the best of k.")
    diagonal: tuple[float, ...]
    gain: tuple[float, ...] = Field(description="Of off the diagonal, positive where it is better.")
