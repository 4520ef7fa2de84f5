"""One comparison of two trials, paired over seeds.

Trials of one study share initial weights, batches and noise seed by seed, so their differences seed by seed
are what varies least. Two tests are made of them, both two-sided:

    paired t-test    assumes that the differences are independent and nearly normal; gives the 95 % interval
                     as well
    sign-flip test   assumes only that they are independent and, where there is no gain, as likely positive as
                     negative
                     (symmetric): the p-value is the share of all 2^n ways to flip their signs with a mean as
                     far from 0. It cannot be below 2^(1-n): with 5 seeds not below 0.0625, so it accompanies
                     and does not decide.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy.special import stdtr, stdtrit  # Student's t; scipy.stats has the same and takes a second to import

from tuner.ledger.rows import TrialRow

EXACT_SEEDS = 14  # up to so many seeds all sign patterns are tried
_RANDOM_FLIPS = 20_000  # beyond, so many random ones


@dataclass(frozen=True)
class Paired:
    """Differences over seeds: their mean and whether it is 0."""

    mean: float
    ci95: tuple[float, float] | None  # of the t-test; None with fewer than 2 seeds
    p_value: float | None  # two-sided paired t-test; None with fewer than 2 seeds
    sign_flip_p: float | None  # two-sided sign-flip test; None with fewer than 2 seeds
    seeds: int


@dataclass(frozen=True)
class Gain(Paired):
    """A trial against its rival, in units of the objective; positive is better than the rival."""

    against: int  # trial number of the rival
    confirmed: bool  # measured on fresh seeds
    missing: int = 0  # seeds on which one of the two has no finite objective; they are not in the mean


def paired(differences: Sequence[float]) -> Paired | None:
    """The mean of differences, its interval and its tests. None without any difference."""
    n = len(differences)
    if n == 0:
        return None
    mean = math.fsum(differences) / n
    error = sem(differences)
    if error is None:
        return Paired(mean, None, None, None, n)
    half = float(stdtrit(n - 1, 0.975)) * error
    # Without any spread the t statistic is 0/0 or infinite; identical trials differ by nothing.
    p_value = float(2 * stdtr(n - 1, -abs(mean) / error)) if error > 0 else float(mean == 0)
    return Paired(mean, (mean - half, mean + half), p_value, sign_flip(differences), n)


def gain(trial: TrialRow, rival: TrialRow, direction: str) -> Gain | None:
    """How much better a trial is than its rival, paired over the seeds that both have. None if they share no
    scored seed.
    """
    sign = 1 if direction == "minimize" else -1
    measured = paired(
        [sign * (other - mine) for mine, other in _pairs(trial, rival, trial.objective, rival.objective)]
    )
    if measured is None:
        return None
    missing = len(set(trial.seeds) & set(rival.seeds)) - measured.seeds
    return Gain(**vars(measured), against=rival.number, confirmed=trial.role == "confirm", missing=missing)


def excess(trial: TrialRow, rival: TrialRow, metric: str) -> Paired | None:
    """By how much a metric of a trial exceeds its rival's, paired over the seeds on which both have it."""
    return paired(
        [
            mine - other
            for mine, other in _pairs(trial, rival, trial.metrics.get(metric), rival.metrics.get(metric))
        ]
    )


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


def sem(values: Sequence[float]) -> float | None:
    """Standard error of the mean; None with fewer than 2 values."""
    n = len(values)
    if n < 2:
        return None
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)


def summary(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean and standard error over seeds, and the values; mean and sem are None unless every value is
    finite.
    """
    finite = [v for v in values if v is not None]
    whole = len(finite) == len(values) > 0
    return {
        "mean": math.fsum(finite) / len(finite) if whole else None,
        "sem": sem(finite) if whole else None,
        "seeds": list(values),
    }


def interval(values: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of a mean over seeds, by Student's t; None with fewer than 2 values."""
    measured = paired(values)
    return measured.ci95 if measured else None


def paired_json(measured: Paired | None) -> dict[str, Any] | None:
    """A comparison as JSON, with what the sign-flip test can show at most."""
    if measured is None:
        return None
    found = asdict(measured)
    found["ci95"] = list(measured.ci95) if measured.ci95 else None
    return found | {"smallest_sign_flip_p": smallest_p(measured.seeds) if measured.seeds > 1 else None}


def _pairs(
    trial: TrialRow,
    rival: TrialRow,
    mine: Sequence[float | None] | None,
    theirs: Sequence[float | None] | None,
) -> Iterable[tuple[float, float]]:
    """The values of both on the seeds on which both have one."""
    of_rival = dict(zip(rival.seeds, theirs or (), strict=False))
    pairs = ((value, of_rival.get(seed)) for seed, value in zip(trial.seeds, mine or (), strict=False))
    return [(a, b) for a, b in pairs if a is not None and b is not None]
