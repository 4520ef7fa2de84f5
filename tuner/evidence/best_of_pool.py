"""A test of off the diagonal against on it where there are no fresh seeds: whether the best of many trials
leads by more than luck.

The mean of the best of many trials is inflated by its selection. Here the selection is part of the test: the
p-value is the probability that the best of as many candidates leads by at least as much if none of them is
better than the best on the diagonal, with the noise pooled over all trials (`pooled_noise`, Dunnett 1955).
With one candidate and one rival it is the one-sided paired t-test. The rival was selected as well, and
neighbouring candidates are alike: both make the true p-value smaller than the one that is computed. The test
does not replace a confirmation, because it cannot see that the diagonal was searched too coarsely.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.evidence.pooled_noise import lead_p, pooled_noise
from tuner.evidence.seed_mean import ROUNDING
from tuner.ledger.objective import Objective

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class BestOfPool:
    """The best trial off the diagonal against the best on it, on the search's own seeds."""

    lead: float  # of the means, in units of the objective; positive: off the diagonal is ahead
    p_value: float | None  # one-sided; None where the trials have no noise
    candidates: int  # off the diagonal
    rivals: int  # on it
    seeds: int
    deviation: float  # pooled standard deviation of one trial on one seed
    df: int  # its degrees of freedom
    # mean over seeds of the lead on a seed of the trials that the other seeds select; None with fewer than 3
    # seeds
    left_out_lead: float | None


def best_of_pool(
    off: Sequence[Sequence[float]], on: Sequence[Sequence[float]], objective: Objective
) -> BestOfPool | None:
    """Tests the best of the trials off the diagonal against the best of those on it, from their objectives
    [C][S] and [D][S], all on the same seeds.

    None where one of the two has no trial, or with fewer than 2 seeds.
    """
    if not off or not on:
        return None
    sign = -float(objective.sign)
    candidates, rivals = sign * np.array(off, dtype=float), sign * np.array(on, dtype=float)  # high is good
    everything = np.concatenate([candidates, rivals])
    noise, seeds = pooled_noise(everything), candidates.shape[1]
    if noise is None:
        return None
    lead = float(candidates.mean(1).max() - rivals.mean(1).max())
    noisy = noise.deviation > ROUNDING * float(np.abs(everything).max())
    p_value = lead_p(lead / noise.of_difference(seeds), len(off), noise.df) if noisy else None
    left_out = _left_out(candidates, rivals) if seeds > 2 else None
    return BestOfPool(lead, p_value, len(off), len(on), seeds, noise.deviation, noise.df, left_out)


def _left_out(candidates: Floats, rivals: Floats) -> float:
    """The lead of the best candidate over the best rival on one seed, both selected on the other seeds;
    averaged over the seeds. `candidates` [C, S] and `rivals` [D, S], high is good.
    """
    leads = []
    for seed in range(candidates.shape[1]):
        others = np.arange(candidates.shape[1]) != seed
        first, second = (group[group[:, others].mean(1).argmax(), seed] for group in (candidates, rivals))
        leads.append(first - second)
    return float(np.mean(leads))
