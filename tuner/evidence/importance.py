"""The importance of each temperature, learning rate and setting of the optimiser in a search, by functional
analysis of variance (fANOVA).

A Gaussian process is fitted to the mean objective of the trials over (sqrt tau_f, log tau_b, log learning
rate, and the rank of each searched setting of the optimiser among its values), scaled to the unit cube, with
a Matern 5/2 kernel that has a length scale for each axis. The importance of an axis is the share of the
surface's variance over the cube that is a function of this axis alone: Sobol's first-order index (Hutter,
Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter importance", 2014, with a Gaussian
process in place of their random forest). What remains is interaction.

A trial that is further behind the median than the best one is ahead of it counts as if it were only as far
behind (surface.py): otherwise a few failed trials would make nearly all of the variance. It is a description;
no verdict rests on it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from tuner.evidence.gaussian_process import matern
from tuner.evidence.selection import finished, searched
from tuner.evidence.surface import capped
from tuner.ledger.methods import settings_by_name
from tuner.ledger.objective import Objective
from tuner.ledger.rows import TrialRow

Floats = npt.NDArray[np.float64]
AXES = ("tau_f", "tau_b", "lr")
INTERACTION = "interaction"
FEWEST = 10  # trials of a surface
_MOST = 200  # trials of a surface at most: the best ones
_LEVELS = 24  # values of an axis at which its main effect is computed
_OTHERS = 256  # places on the other axes over which each of them is averaged
_AT_ONCE = 256  # places at which the surface is computed together: all 6,144 would take 100 MB
_STARTS = ((0.5, 0.1), (0.15, 0.3), (1.5, 0.03))  # lengths of all axes, standard deviation of the noise


@dataclass(frozen=True)
class Seen:
    """The trials of a search as arrays. They are quickly made; computing the importance from them takes
    seconds.
    """

    varied: tuple[str, ...]  # names of the A axes that the search varied
    places: Floats  # [N, A], coordinates of the trials, not yet scaled to the unit cube
    values: Floats  # [N], mean objective of the trials, low is good

    def importance(self) -> dict[str, float]:
        """The share of the variance of each axis and of their interaction, {name: share}; they add up to
        1.
        """
        shares = _shares(self.places.tobytes(), self.values.tobytes(), len(self.varied))
        return dict(zip(self.varied, shares, strict=True)) | {INTERACTION: max(0.0, 1.0 - sum(shares))}


def seen(trials: Sequence[TrialRow], objective: Objective) -> Seen | None:
    """The trials of the search that were trained to their end, as arrays. None with fewer than 10 of them,
    with fewer than two axes that vary, or where the objective does not vary.
    """
    ended = [t for t in finished(searched(trials)) if t.mean is not None and t.tau_f is not None and t.tau_b]
    ended = sorted(ended, key=lambda t: (objective.sign * (t.mean or 0.0), t.number))[:_MOST]
    if len(ended) < FEWEST:
        return None
    settings = _settings(ended)
    names = (*AXES, *settings)
    columns = [[np.sqrt(t.tau_f or 0.0), np.log(t.tau_b or 1.0), np.log(t.lr)] for t in ended]
    places = np.column_stack([np.array(columns), *settings.values()])
    values = capped(objective.sign * np.array([[t.mean] for t in ended], dtype=float))[:, 0]
    varied = [i for i in range(len(names)) if np.ptp(places[:, i]) > 0]
    if len(varied) < 2 or not np.ptp(values) > 0:
        return None
    return Seen(tuple(names[i] for i in varied), np.ascontiguousarray(places[:, varied]), values)


def _settings(trials: Sequence[TrialRow]) -> dict[str, Floats]:
    """For each searched setting of the optimiser, the rank of each trial's value among the search's values,
    [N]; no clipping comes last.
    """
    found = {}
    for name, values in settings_by_name(t.variant for t in trials).items():
        order = sorted({*values}, key=lambda value: (value is None, value))
        found[name] = np.array([order.index(value) for value in values], dtype=float)
    return found


def importance(trials: Sequence[TrialRow], objective: Objective) -> dict[str, float] | None:
    """The share of each axis that the search varied and of their interaction, {name: share}; None where
    `seen` is.
    """
    what = seen(trials, objective)
    return None if what is None else what.importance()


@lru_cache(maxsize=64)
def _shares(places: bytes, values: bytes, axes: int) -> tuple[float, ...]:
    """`main_effects` of arrays as bytes. They are kept, because the same results are read again and again."""
    return main_effects(np.frombuffer(places).reshape(-1, axes), np.frombuffer(values))


def main_effects(places: Floats, values: Floats) -> tuple[float, ...]:
    """Sobol's first-order indices [A] of a surface through values [N] at places [N, A], over the box of the
    places: the share of the surface's variance that is a function of each axis alone.
    """
    from scipy.stats import qmc

    axes = int(places.shape[1])
    unit = (places - places.min(0)) / np.ptp(places, axis=0)
    predict = _Surface(unit, (values - values.mean()) / values.std())
    others = qmc.Sobol(axes, seed=0).random(_OTHERS)
    whole = float(np.var(predict(qmc.Sobol(axes, seed=1).random(2048))))
    if not whole > 0:
        return (0.0,) * axes
    levels = (np.arange(_LEVELS) + 0.5) / _LEVELS
    shares = []
    for axis in range(axes):
        grid = np.repeat(others[None], _LEVELS, axis=0)
        grid[:, :, axis] = levels[:, None]
        line = predict(grid.reshape(-1, axes)).reshape(_LEVELS, _OTHERS).mean(1)
        shares.append(min(1.0, float(np.var(line)) / whole))
    total = max(1.0, sum(shares))  # both variances are sampled
    return tuple(float(share / total) for share in shares)


class _Surface:
    """The posterior mean of a Gaussian process through values [N] at places [N, A] of the unit cube."""

    def __init__(self, unit: Floats, values: Floats) -> None:
        from scipy.optimize import minimize

        axes = unit.shape[1]
        starts = [np.log([*[length] * axes, noise]) for length, noise in _STARTS]
        bounds = [(np.log(0.05), np.log(20.0))] * axes + [(np.log(1e-3), np.log(2.0))]
        ends = [
            minimize(_loss, start, args=(unit, values), method="L-BFGS-B", bounds=bounds) for start in starts
        ]
        theta = min(ends, key=lambda end: float(end.fun)).x
        self._lengths, self._unit = np.exp(theta[:-1]), unit
        self._weights = np.linalg.solve(_covariance(unit, theta), values)

    def __call__(self, places: Floats) -> Floats:
        blocks = (places[start : start + _AT_ONCE] for start in range(0, len(places), _AT_ONCE))
        return np.concatenate([_kernel(block, self._unit, self._lengths) @ self._weights for block in blocks])


def _kernel(a: Floats, b: Floats, lengths: Floats) -> Floats:
    squares = (((a[:, None, :] - b[None, :, :]) / lengths) ** 2).sum(2)
    covariance: Floats = matern(np.sqrt(squares))
    return covariance


def _covariance(unit: Floats, theta: Floats) -> Floats:
    covariance: Floats = _kernel(unit, unit, np.exp(theta[:-1])) + np.exp(2 * theta[-1]) * np.eye(len(unit))
    return covariance


def _loss(theta: Floats, unit: Floats, values: Floats) -> float:
    """Minus the log marginal likelihood, up to a constant, at the best-fitting variance of the process, plus
    a weak prior on the length scales. `theta` [A + 1] are the logarithms of the length scales and of the
    noise's standard deviation, in units of that of the process.
    """
    root = np.linalg.cholesky(_covariance(unit, theta) + 1e-9 * np.eye(len(unit)))
    white = np.linalg.solve(root, values)
    n = len(values)
    prior = float(((theta[:-1] - np.log(0.7)) ** 2).sum()) / 2
    return float(n / 2 * np.log((white**2).sum() / n) + np.log(np.diag(root)).sum()) + prior
