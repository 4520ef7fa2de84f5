"""The confidence interval of a gain over new seeds and new examples at once: a two-way random-effects model.

A gain on a test set varies with the seeds that were trained and with the examples that were drawn. An
interval over seeds covers the former only: on the few hundred examples of digits, the standard error over
both is half as large again. The gain d of every seed s on every example i is taken as two random effects and
a residual:

    d_si = gain + a_s + b_i + e_si,    variance of the mean = var(a) / S + var(b) / N + var(e) / (S N)

The mean squares of the two-way table estimate this variance as (MS_a + MS_b - MS_e) / (S N), with degrees of
freedom by Satterthwaite (1946). The estimate is at least what seeds alone or examples alone would give. Owen,
"The pigeonhole bootstrap", 2007, shows why no resampling of the table does better.

The model holds where all seeds have the same examples. Where every seed has its own, the spread over seeds
already contains that of examples.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from scipy.special import stdtr, stdtrit

from tuner.ledger.objective import Objective

Floats = npt.NDArray[np.floating]


class Narrower(StrEnum):
    """What would narrow an interval most if their number were doubled."""

    SEEDS = "more seeds"
    EXAMPLES = "more examples"
    BOTH = "more seeds or more examples"


@dataclass(frozen=True)
class TwoWayGain:
    """A paired gain with its uncertainty over seeds and examples; positive is better than the rival."""

    mean: float
    sem: float  # over seeds and examples
    df: float  # degrees of freedom of `sem`
    sem_over_seeds: float  # over new seeds on the same examples
    sem_over_examples: float  # over new examples with the same seeds
    variances: tuple[float, float, float]  # components: of a seed, of an example, of the residual
    seeds: int
    examples: int

    def interval(self, level: float = 0.05) -> tuple[float, float]:
        """The interval of the gain on new seeds and examples, which misses it with probability `level`."""
        half = float(stdtrit(self.df, 1 - level / 2)) * self.sem
        return self.mean - half, self.mean + half

    @property
    def p_value(self) -> float | None:
        """Two-sided p of no gain; None without any spread."""
        return float(2 * stdtr(self.df, -abs(self.mean) / self.sem)) if self.sem > 0 else None

    def sem_with(self, seeds: int, examples: int) -> float:
        """The standard error to be expected with other numbers of seeds and examples."""
        of_seed, of_example, rest = self.variances
        return math.sqrt(of_seed / seeds + of_example / examples + rest / (seeds * examples))

    @property
    def narrower(self) -> Narrower:
        """What would narrow the interval most; both where they differ by less than 5 %."""
        by_seeds = self.sem_with(2 * self.seeds, self.examples)
        by_examples = self.sem_with(self.seeds, 2 * self.examples)
        if abs(by_seeds - by_examples) <= 0.05 * max(by_seeds, by_examples):
            return Narrower.BOTH
        return Narrower.SEEDS if by_seeds < by_examples else Narrower.EXAMPLES


def two_way_gain(
    mine: Sequence[Sequence[float] | Floats] | Floats,
    rival: Sequence[Sequence[float] | Floats] | Floats,
    objective: Objective,
) -> TwoWayGain | None:
    """The gain of a trial over its rival, from the losses [S][N] of both on the same seeds and the same
    examples.

    None with fewer than 2 seeds or 2 examples. Raises ValueError where the two tables differ in shape or have
    a value that is not finite, as after a divergence.
    """
    first, second = np.asarray(mine, dtype=float), np.asarray(rival, dtype=float)
    if first.shape != second.shape or first.ndim != 2:
        raise ValueError(
            "mine, rival: expected two tables [seeds, examples] of one shape, got "
            f"{first.shape} and {second.shape}"
        )
    gains = (second - first) * objective.sign
    if not np.all(np.isfinite(gains)):
        raise ValueError("mine, rival: expected finite losses; leave out the seeds that diverged")
    seeds, examples = gains.shape
    if seeds < 2 or examples < 2:
        return None
    return _analysed(gains)


def _analysed(gains: npt.NDArray[np.float64]) -> TwoWayGain:
    seeds, examples = gains.shape
    mean, rows, columns = float(gains.mean()), gains.mean(1), gains.mean(0)
    squares_a = examples * float(rows.var(ddof=1))
    squares_b = seeds * float(columns.var(ddof=1))
    residuals = gains - rows[:, None] - columns + mean
    squares_e = float((residuals**2).sum()) / ((seeds - 1) * (examples - 1))
    sum_of_squares, df = _combined(squares_a, squares_b, squares_e, seeds, examples)
    of_seed = max(0.0, (squares_a - squares_e) / examples)
    of_example = max(0.0, (squares_b - squares_e) / seeds)
    count = seeds * examples
    return TwoWayGain(
        mean, math.sqrt(sum_of_squares / count), df,
        math.sqrt(squares_a / count), math.sqrt(squares_b / count),
        (of_seed, of_example, squares_e), seeds, examples,
    )  # fmt: skip


def _combined(a: float, b: float, e: float, seeds: int, examples: int) -> tuple[float, float]:
    """MS_a + MS_b - MS_e, but at least MS_a and MS_b, and its degrees of freedom by Satterthwaite."""
    both = a + b - e
    if both <= max(a, b):
        return max(a, b), float(seeds - 1 if a >= b else examples - 1)
    spread = a**2 / (seeds - 1) + b**2 / (examples - 1) + e**2 / ((seeds - 1) * (examples - 1))
    return both, max(1.0, both**2 / spread)
