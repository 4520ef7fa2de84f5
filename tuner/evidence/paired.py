"""One comparison of two trials, paired over seeds.

Trials of one study share initial weights, batches and noise seed by seed, so their differences seed by seed
are what varies least. Two tests are made of them, both two-sided:

    paired t-test    assumes that the differences are independent and nearly normal; gives the 95 % interval
                     as well
    sign-flip test   assumes only that they are independent and, where there is no gain, symmetric (as likely
                     positive as negative): the p-value is the share of all 2^n ways to flip their signs whose
                     mean is as far from 0. It cannot be below 2^(1-n), with 5 seeds not below 0.0625; so it
                     is shown beside the t-test and does not decide.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tuner.evidence.over_seeds import Difference
from tuner.evidence.seed_mean import seed_mean
from tuner.ledger.rows import TrialRow

EXACT_SEEDS = 14  # up to so many seeds all sign patterns are tried
_RANDOM_FLIPS = 20_000  # beyond, so many random ones


def paired(differences: Sequence[float], magnitudes: Sequence[float] = ()) -> Difference | None:
    """The mean of differences, its interval and its tests. None without any difference.

    `magnitudes` are the numbers that were subtracted: differences below their rounding have no p-value.
    """
    measured = seed_mean(differences, magnitudes)
    if measured is None:
        return None
    return Difference(
        mean=measured.mean,
        ci95=measured.interval(),
        p_value=measured.p_value,
        sign_flip_p=sign_flip(differences),
        seeds=measured.seeds,
        smallest_sign_flip_p=smallest_p(measured.seeds) if measured.seeds > 1 else None,
    )


def pairs_by_seed(trial: TrialRow, rival: TrialRow, metric: str | None = None) -> list[tuple[float, float]]:
    """The values of two trials on each seed on which both have one, in the order of the first one's seeds.

    Of the objective; with a metric's name, of that metric at the last report.
    """
    mine, other = ((t.objective if metric is None else t.metrics.get(metric)) or () for t in (trial, rival))
    of_rival = dict(zip(rival.seeds, other, strict=False))
    pairs = ((value, of_rival.get(seed)) for seed, value in zip(trial.seeds, mine, strict=False))
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def excess(trial: TrialRow, rival: TrialRow, metric: str) -> Difference | None:
    """By how much a metric of a trial exceeds its rival's, paired over the seeds on which both have it."""
    pairs = pairs_by_seed(trial, rival, metric)
    return paired([mine - other for mine, other in pairs], [value for pair in pairs for value in pair])


def sign_flip(differences: Sequence[float]) -> float | None:
    """The p-value of the two-sided sign-flip test of a mean of 0; None with fewer than 2 differences."""
    if len(differences) < 2:
        return None
    flipped = np.abs(signs(len(differences)) @ np.asarray(differences))
    return float(
        np.mean(flipped >= flipped[0] * (1 - 1e-9))
    )  # the sums of equal patterns differ in the last bits


@lru_cache(maxsize=8)
def signs(n: int) -> np.ndarray:
    """Ways [R, n] to flip the signs of n differences, the first of them none: all 2^n, or random ones where n
    is large.
    """
    if n <= EXACT_SEEDS:
        return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    drawn = np.random.default_rng(n).choice([-1.0, 1.0], (_RANDOM_FLIPS, n))
    drawn[0] = 1.0
    return drawn


def smallest_p(seeds: int) -> float:
    """The smallest p-value that the two-sided sign-flip test can give."""
    return 2.0 ** (1 - seeds) if seeds <= EXACT_SEEDS else 1 / _RANDOM_FLIPS
