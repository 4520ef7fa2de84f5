"""Whether a measurement rises or falls along a temperature: one number per seed, and a t-test over seeds.

Trials on the same seed share weights, batches and noise, so the curve of a seed along the temperature is
smooth: that neighbouring values are in order says little. A test for which every order of a seed's values is
equally likely (Page's) calls a trend in 21 to 47 % of studies without one, with any number of seeds. But
seeds are independent of each other. So each seed gives one number, the linear contrast sum_j (j - mean j) x_j
over the temperatures j = 1 .. k, and the t-test is over seeds, of which it needs 3 or more.

There are two such tests: one of the ranks within each seed (the contrast is then Spearman's rank correlation
with the temperature, and a trend need not be a straight line), and one of the values themselves. Both must
show the trend. Smooth curves are often monotone, so their rank correlations accumulate at -1 and 1, and the
t-test of these alone calls a trend in 7 to 15 % of studies without one with 3 to 5 seeds. Where all seeds
have the same ranks, these have no spread, and the values alone decide.

The mean of Spearman's correlations is shown as a description.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.evidence.seed_mean import SeedMean, seed_mean

Floats = npt.NDArray[np.float64]
FEWEST_LEVELS = 3


@dataclass(frozen=True)
class TrendContrast:
    """A measurement along a temperature."""

    levels: tuple[float, ...]  # of the temperature, ascending; those at which every seed has a value
    means: tuple[float, ...]  # over seeds
    sems: tuple[float, ...]  # 0 with one seed
    ranks: SeedMean  # of each seed's rank correlation with the temperature; positive where it rises
    # of each seed's linear contrast: the rise over the whole range of the temperature, in units of the metric
    values: SeedMean

    @property
    def spearman(self) -> float:
        """The mean over seeds of the rank correlation."""
        return self.ranks.mean

    @property
    def seeds(self) -> int:
        """How many there are."""
        return self.ranks.seeds

    @property
    def rises(self) -> bool | None:
        """Whether it rises; None where ranks and values do not agree on that."""
        product = self.ranks.mean * self.values.mean
        return self.ranks.mean > 0 if product > 0 else None

    @property
    def p_value(self) -> float | None:
        """The two-sided p-value of no trend: the larger of the two tests' p-values, and 1 where ranks and
        values do not agree on the direction. None with fewer than 3 seeds, or where the values have no
        spread.
        """
        if self.rises is None and self.values.tested:
            return 1.0
        p_values = [p for p in (self.ranks.p_value, self.values.p_value) if p is not None]
        return max(p_values) if self.values.tested and p_values else None


def trend_contrast(values: Mapping[float, Sequence[float | None]]) -> TrendContrast | None:
    """The trend of values {temperature: [S]}. Temperatures at which some seed has no finite value are left
    out.

    None with fewer than 3 temperatures, without a seed, or where the temperatures differ in the number of
    seeds.
    """
    whole = {
        level: v
        for level, v in sorted(values.items())
        if v and all(x is not None and math.isfinite(x) for x in v)
    }
    if len(whole) < FEWEST_LEVELS or len({len(v) for v in whole.values()}) != 1:
        return None
    table = np.array(list(whole.values()), dtype=float).T  # [seeds, levels]
    seeds, k = table.shape
    place = np.arange(k) - (k - 1) / 2
    slopes = table @ place / (place @ place) * (k - 1)
    ranks = seed_mean(_correlations(table).tolist())
    slope = seed_mean(slopes.tolist(), np.abs(table).max(1).tolist())
    if ranks is None or slope is None:
        return None
    errors = table.std(0, ddof=1) / math.sqrt(seeds) if seeds > 1 else np.zeros(k)
    means = tuple(table.mean(0).tolist())
    return TrendContrast(tuple(whole), means, tuple(errors.tolist()), ranks, slope)


def _correlations(table: Floats) -> Floats:
    """Spearman's rank correlation [S] of each row of [S, K] with the index in the row; 0 where all values are
    equal.
    """
    below = (table[:, None, :] < table[:, :, None]).sum(2)
    same = (table[:, None, :] == table[:, :, None]).sum(2)
    ranks = below + (same + 1) / 2  # equal values share the mean of theirs
    centred = ranks - ranks.mean(1, keepdims=True)
    place = np.arange(table.shape[1]) - (table.shape[1] - 1) / 2
    spread = np.sqrt((place @ place) * (centred**2).sum(1))
    products = centred @ place
    correlations: Floats = np.divide(products, spread, out=np.zeros(len(table)), where=spread > 0)
    return correlations
