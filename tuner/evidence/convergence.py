"""Which of two methods learns sooner: the area between their learning curves.

The epoch at which one curve first reaches the other's last value is a poor measure. On a noisy or U-shaped
curve it is the first lucky report, so the method whose last value is the reference loses: two identical
methods are told apart by it in most studies. The area has no reference. With b_t the best value up to epoch
t, which is what stopping there would have given,

    area = mean over the training of (rival's b_t - method's b_t),  positive where the method is ahead

for each seed, by the trapezoidal rule between reports. Exchanging the two methods changes only its sign, so
for two identical methods it is as likely positive as negative, and the t-test over seeds is valid. It is also
given as a share of the range of both methods' mean curves.

Beside it stands, in epochs, by how much sooner the method reaches the last value of the worse of the two.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tuner.evidence.seed_mean import SeedMean, seed_mean
from tuner.ledger.objective import Objective

Floats = npt.NDArray[np.float64]
FEWEST_REPORTS = 2


@dataclass(frozen=True)
class Convergence:
    """How far a method is ahead of its rival over the training; positive is ahead."""

    area: SeedMean  # in units of the objective, averaged over the training
    share: float | None  # the mean area as a share of the range of the two mean curves; None without a range
    saved: SeedMean  # epochs by which it reaches sooner the last value of the worse of the two
    epochs: tuple[float, float]  # of the first and of the last report
    missing: int  # seeds that are left out, because one of the two has no value at some report


def convergence(
    epochs: Sequence[float],
    mine: Sequence[Sequence[float | None]],
    rival: Sequence[Sequence[float | None]],
    objective: Objective,
) -> Convergence | None:
    """Compares the learning curves of two methods, [S][I] on the same seeds, at the same I ascending epochs.

    None with fewer than 2 reports, or where no seed has whole curves of both.
    """
    sign = float(objective.sign)
    whole = [
        (a, b)
        for a, b in zip(mine, rival, strict=True)
        if all(v is not None and math.isfinite(v) for v in (*a, *b))
    ]
    if len(epochs) < FEWEST_REPORTS or not whole:
        return None
    at = np.asarray(epochs, dtype=float)
    curves = sign * np.array(whole, dtype=float)  # [S, 2, I]; low is good
    best = np.minimum.accumulate(curves, axis=2)
    areas = np.trapezoid(best[:, 1] - best[:, 0], at, axis=1) / (at[-1] - at[0])
    area = seed_mean(areas.tolist(), np.abs(curves).max(axis=(1, 2)).tolist())
    saved = seed_mean([_saved(at, of_seed) for of_seed in best], [float(at[-1])])
    if area is None or saved is None:
        return None
    mean = best.mean(0)
    span = float(mean.max() - mean.min())
    share = area.mean / span if span > area.rounding else None
    return Convergence(area, share, saved, (float(at[0]), float(at[-1])), len(mine) - len(whole))


def _saved(epochs: Floats, best: Floats) -> float:
    """By how many epochs the first of two curves of best values [2, I] reaches the last value of the worse of
    the two sooner than the second does; low is good.
    """
    target = best[:, -1].max()
    first, second = (_reached(epochs, values, target) for values in best)
    return second - first


def _reached(epochs: Floats, best: Floats, target: float) -> float:
    """The epoch at which a falling curve reaches the target, by linear interpolation between reports."""
    place = int(np.argmax(best <= target))
    if place == 0:
        return float(epochs[0])
    above, below = best[place - 1], best[place]
    return float(epochs[place - 1] + (epochs[place] - epochs[place - 1]) * (above - target) / (above - below))
