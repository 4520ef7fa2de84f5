"""Whether a measurement rises or falls along a temperature, with the seeds as blocks: Page's trend test.

Within each seed the k values along the temperature are ranked (ties share their mean rank), and L = sum_j j *
(sum over seeds of the rank at the j-th temperature). L is an affine function of the mean over seeds of
Spearman's rank correlation between value and temperature, which is reported with it: 1 where every seed rises
throughout, -1 where every seed falls. Under no trend every order of a seed's ranks is equally likely, and
seeds are independent. Up to 7 temperatures p is exact, from the distribution of L over those orders; beyond,
L is taken as normal. Ranks only: a trend is not a straight line.

Page, "Ordered hypotheses for multiple treatments: a significance test for linear ranks", 1963. """

import itertools import math from collections.abc import Mapping, Sequence from functools import lru_cache

import numpy as np from scipy.special import ndtr

from tuner.evidence.results import Trend

_EXACT_LEVELS = 7  # 5,040 orders


def trend(values: Mapping[float, Sequence[float | None]]) -> Trend | None: """The trend of values
{temperature: one for each seed}. Temperatures at which a seed has none are left out.

    None with fewer than 3 temperatures, or without a seed.
    """
    whole = {
        level: v
        for level, v in sorted(values.items())
        if v and all(x is not None and math.isfinite(x) for x in v)
    }
    if len(whole) < 3 or len({len(v) for v in whole.values()}) != 1:
        return None
    table = np.array(list(whole.values()), dtype=float).T  # [seeds, levels]
    seeds, k = table.shape
    doubled = np.array([_doubled_ranks(row) for row in table])  # whole numbers, so that L is one
    place = np.arange(1, k + 1)
    spread = np.sqrt(((place - place.mean()) ** 2).sum() * ((doubled / 2 - (k + 1) / 2) ** 2).sum(1))
    products = ((place - place.mean()) * (doubled / 2 - (k + 1) / 2)).sum(1)
    correlations = np.divide(products, spread, out=np.zeros(seeds), where=spread > 0)
    errors = table.std(0, ddof=1) / math.sqrt(seeds) if seeds > 1 else np.zeros(k)
    return Trend(
        levels=tuple(whole),
        means=tuple(table.mean(0).tolist()),
        sems=tuple(errors.tolist()),
        seeds=seeds,
        spearman=float(correlations.mean()),
        p_value=_p_value(doubled),
    )


def _doubled_ranks(row: np.ndarray) -> np.ndarray: """Twice the ranks 1 .. k; equal values share the mean of
theirs.""" below, same = (row[None, :] < row[:, None]).sum(1), (row[None, :] == row[:, None]).sum(1) ranks:
np.ndarray = 2 * below + same + 1 return ranks


def _p_value(doubled: np.ndarray) -> float: """Two-sided p of 2 L, from the doubled ranks [seeds, levels]."""
k = doubled.shape[1] place = np.arange(1, k + 1) observed = int((doubled * place).sum()) if k <=
_EXACT_LEVELS: chances, low = np.ones(1), 0 for row in doubled.tolist(): of_row, first =
_orders(tuple(sorted(row))) chances, low = np.convolve(chances, of_row), low + first at = observed - low tail
= min(chances[at:].sum(), chances[: at + 1].sum()) return float(min(1.0, 2 * tail)) centred = doubled - (k +
1) variance = ((place - place.mean()) ** 2).sum() * (centred**2).sum() / (k - 1) if variance == 0: return 1.0
expected = (k + 1) * place.sum() * len(doubled) return float(min(1.0, 2 * ndtr(-abs(observed - expected) /
math.sqrt(variance))))


@lru_cache(maxsize=256) def _orders(ranks: tuple[int, ...]) -> tuple[np.ndarray, int]: """The distribution of
sum_j j * rank_j over all orders of the ranks: probabilities of consecutive sums, and the first sum. """
orders = np.array(list(itertools.permutations(ranks))) sums = orders @ np.arange(1, len(ranks) + 1) counts =
np.bincount(sums - sums.min()) return counts / counts.sum(), int(sums.min())
