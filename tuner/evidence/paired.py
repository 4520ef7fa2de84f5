"""The comparison of two trials, paired over seeds.

Two trials of a study have the same initial weights, batches and noise on the same seed, so their difference
on a seed varies less from seed to seed than their values do. There are two tests of the differences, both
two-sided:

    paired t-test    assumes that the differences are independent and nearly normal; gives the 95 % interval
                     as well
    sign-flip test   (Fisher's randomisation test) assumes only that they are independent and, where there is
                     no gain, symmetric about 0: the p-value is the share of all 2^n ways to flip their signs
                     whose mean is at least as far from 0. It cannot be below 2^(1-n), which is 0.0625 with 5
                     seeds; so it is shown beside the t-test and does not decide.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from tuner.evidence.over_seeds import Difference
from tuner.evidence.seed_mean import seed_mean
from tuner.ledger.rows import TrialRow

EXACT_SEEDS = 14  # with up to so many seeds all sign patterns are tried
_RANDOM_FLIPS = 20_000  # random sign patterns that are tried with more seeds


def paired(differences: Sequence[float], magnitudes: Sequence[float] = ()) -> Difference | None:
    """The mean of differences [S], its interval and its tests. None without any difference.

    `magnitudes` are the numbers that were subtracted: where the differences vary by less than the rounding of
    these, there is no p-value of the t-test.
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
    """(value of `trial`, value of `rival`) for each seed on which both have a finite one, in the order of the
    trial's seeds. The value is the objective or, where `metric` is given, that metric at the last report.
    """
    mine, other = ((t.objective if metric is None else t.metrics.get(metric)) or () for t in (trial, rival))
    of_rival = dict(zip(rival.seeds, other, strict=False))
    pairs = ((value, of_rival.get(seed)) for seed, value in zip(trial.seeds, mine, strict=False))
    return [(a, b) for a, b in pairs if a is not None and b is not None]


def excess(trial: TrialRow, rival: TrialRow, metric: str) -> Difference | None:
    """By how much a metric of a trial exceeds its rival's at the last report, paired over the seeds on which
    both have it; None where there is no such seed.
    """
    pairs = pairs_by_seed(trial, rival, metric)
    return paired([mine - other for mine, other in pairs], [value for pair in pairs for value in pair])


def sign_flip(differences: Sequence[float]) -> float | None:
    """The p-value of the two-sided sign-flip test of the hypothesis that differences [S] are symmetric about
    0; None with fewer than 2.
    """
    if len(differences) < 2:
        return None
    flipped = np.abs(signs(len(differences)) @ np.asarray(differences))
    # Sums that are equal in exact arithmetic may differ in the last bits.
    return float(np.mean(flipped >= flipped[0] * (1 - 1e-9)))


@lru_cache(maxsize=8)
def signs(n: int) -> np.ndarray:
    """Sign patterns [R, n] of 1 and -1 for n differences, the first without any flip: all 2^n patterns, or
    random ones where n is large.
    """
    if n <= EXACT_SEEDS:
        return 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    drawn = np.random.default_rng(n).choice([-1.0, 1.0], (_RANDOM_FLIPS, n))
    drawn[0] = 1.0
    return drawn


def smallest_p(seeds: int) -> float:
    """The smallest p-value that the two-sided sign-flip test can give with so many seeds."""
    return 2.0 ** (1 - seeds) if seeds <= EXACT_SEEDS else 1 / _RANDOM_FLIPS
