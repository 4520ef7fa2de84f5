"""A Gaussian process for an objective over two temperatures that was measured on several seeds.

The objective of a seed s at a place x = (sqrt tau_f, log tau_b), scaled to the unit square, is modelled as

    y_s(x) = m(x) + d_s(x) + e_s(x)

where m is the mean surface, d_s the smooth part of a seed's deviation from it (trials of one seed share
weights, batches and noise, so neighbouring places deviate alike) and e_s noise of variance s^2 that is
independent from place to place (the nugget). m and d_s are Gaussian processes with a Matern 5/2 kernel, whose
length scale on each axis is common to both, and each has an additional constant with a very wide prior. With
all S seeds at all C places the likelihood factorises into that of the mean over seeds, whose covariance is
K_m + (K_d + s^2) / S, and that of S - 1 contrasts between seeds, each with covariance K_d + s^2. So the noise
is pooled over all places, and known with (S - 1)(C - 1) degrees of freedom.

The hyperparameters maximise the product of both likelihoods and weak priors, from several fixed starts. See
Rasmussen and Williams, "Gaussian processes for machine learning", 2006, sections 4.2 and 5.4.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
CONSTANT = 100.0  # prior variance of the constants, in variances of the data; wide, so that the data decide
_JITTER = 1e-8  # added to the diagonals of covariances, so that they can be inverted
# The hyperparameters, theta [5], are the logarithms of: the standard deviation of m, the two length scales,
# and the standard deviations of d_s and of e_s; in units of the data's standard deviation and of the unit
# square. Their priors are normal.
PRIOR_MEAN = np.log([1.0, 0.7, 0.7, 0.2, 0.2])
PRIOR_SD = np.array([1.0, 0.8, 0.8, 1.5, 1.5])
_BOUNDS = [(-4.0, 3.0), (-3.0, 2.5), (-3.0, 2.5), (-7.0, 2.0), (-7.0, 2.0)]
_STARTS = (
    (1.0, 0.7, 0.7, 0.2, 0.2),
    (1.0, 0.3, 1.5, 0.05, 0.5),
    (1.0, 1.5, 0.3, 0.5, 0.05),
)


@dataclass(frozen=True)
class Surface:
    """The posterior of the mean surface m, given the data."""

    places: Floats  # [C, 2], as they were given
    mean: Floats  # [C], of m at the places
    covariance: Floats  # [C, C], of m at the places
    lengths: tuple[float, float]  # length scales of the two axes, in units of the unit square
    noise: float  # standard deviation of a seed's deviation at one place, in units of the data
    _low: Floats  # [2], lowest coordinates of the places
    _range: Floats  # [2], ranges of the coordinates
    _weights: Floats  # [C], precision times the data's means
    _precision: Floats  # [C, C], inverse of the covariance of the data's means
    _scale: tuple[float, float]  # mean and standard deviation of the data
    _deviation: float  # of m, in units of the data's

    def predict(self, places: Floats) -> tuple[Floats, Floats]:
        """The posterior mean and standard deviation of m at other places [N, 2], in units of the data: [N]
        each.
        """
        centre, scale = self._scale
        between = self._kernel(self._unit(places), self._unit(self.places))
        mean = between @ self._weights
        held = np.einsum("ij,jk,ik->i", between, self._precision, between)
        variance = self._deviation**2 + CONSTANT - held
        return centre + scale * mean, scale * np.sqrt(np.maximum(variance, 0.0))

    def _unit(self, places: Floats) -> Floats:
        unit: Floats = (np.asarray(places, dtype=float) - self._low) / self._range
        return unit

    def _kernel(self, a: Floats, b: Floats) -> Floats:
        return self._deviation**2 * matern(distance(a, b, np.array(self.lengths))) + CONSTANT


def fit(places: Floats, values: Floats) -> Surface:
    """Fits the process to values [C, S], all seeds at all places [C, 2].

    Raises ValueError with fewer than 2 seeds, 4 places, or 2 different values of a coordinate.
    """
    places, values = np.asarray(places, dtype=float), np.asarray(values, dtype=float)
    if values.ndim != 2 or values.shape[1] < 2 or len(values) < 4 or len(values) != len(places):
        raise ValueError(f"values: expected [C, S] of 4 places and 2 seeds or more, got {values.shape}")
    low, extent = places.min(0), np.ptp(places, axis=0)
    if not np.all(extent > 0):
        raise ValueError("places: expected 2 values or more of each coordinate")
    unit = (places - low) / extent
    centre, scale = float(values.mean()), float(values.mean(1).std()) or 1.0
    data = (values - centre) / scale
    theta = _best(unit, data)
    k_m, k_e, _ = covariances(unit, theta)
    seeds = values.shape[1]
    precision = np.linalg.inv(k_m + CONSTANT + k_e / seeds)
    weights = precision @ data.mean(1)
    prior = k_m + CONSTANT
    deviation, length_f, length_b, smooth, rough = np.exp(theta)
    return Surface(
        places, centre + scale * (prior @ weights), scale**2 * (prior - prior @ precision @ prior),
        (float(length_f), float(length_b)), scale * float(np.hypot(smooth, rough)),
        low, extent, weights, precision, (centre, scale), float(deviation),
    )  # fmt: skip


def matern(r: Floats) -> Floats:
    """The Matern 5/2 correlation at distances r, in units of the length scale; of the same shape."""
    a = math.sqrt(5) * r
    correlation: Floats = (1 + a + a**2 / 3) * np.exp(-a)
    return correlation


def distance(a: Floats, b: Floats, lengths: Floats) -> Floats:
    """The distances [A, B] between places [A, 2] and [B, 2], each axis in units of its length scale [2]."""
    difference = (a[:, None, :] - b[None, :, :]) / lengths
    between: Floats = np.sqrt((difference**2).sum(2))
    return between


def _best(unit: Floats, data: Floats) -> Floats:
    """The hyperparameters [5] with the highest posterior density among the results of all starts; places
    `unit` [C, 2] in the unit square, standardised `data` [C, S].
    """
    from scipy.optimize import minimize

    ends = [
        minimize(loss, np.log(start), args=(unit, data), jac=True, method="L-BFGS-B", bounds=_BOUNDS,
                 options={"maxiter": 60})
        for start in _STARTS
    ]  # fmt: skip
    best: Floats = min(ends, key=lambda end: float(end.fun)).x
    return best


def loss(theta: Floats, unit: Floats, data: Floats) -> tuple[float, Floats]:
    """Minus the logarithm of the posterior density of the hyperparameters `theta` [5], up to a constant, and
    its gradient [5]; places `unit` [C, 2] in the unit square, standardised `data` [C, S].
    """
    seeds = data.shape[1]
    k_m, k_e, gradients = covariances(unit, theta)
    mean = data.mean(1, keepdims=True)
    contrasts = data - mean  # their sum of squares is that of S - 1 orthonormal ones
    whole, d_whole = _minus_log(k_m + CONSTANT + k_e / seeds, mean, 1)
    parts, d_parts = _minus_log(k_e + CONSTANT, contrasts, seeds - 1)
    off = (theta - PRIOR_MEAN) / PRIOR_SD
    gradient = off / PRIOR_SD
    for i, (of_m, of_e) in enumerate(gradients):
        gradient[i] += np.sum(d_whole * (of_m + of_e / seeds)) + np.sum(d_parts * of_e)
    return whole + parts + float(off @ off) / 2, gradient


def _minus_log(covariance: Floats, vectors: Floats, count: int) -> tuple[float, Floats]:
    """Minus the log likelihood, up to a constant, of `count` independent normal vectors with a covariance [C,
    C], and its derivative with respect to the covariance [C, C]. Of the vectors only the sum of their outer
    products matters, so `vectors` [C, V] may be others with the same sum.
    """
    inverse = np.linalg.inv(covariance)
    _, logarithm = np.linalg.slogdet(covariance)
    weights = inverse @ vectors
    value = (float(np.sum(vectors * weights)) + count * float(logarithm)) / 2
    return value, (count * inverse - weights @ weights.T) / 2


def covariances(unit: Floats, theta: Floats) -> tuple[Floats, Floats, list[tuple[Floats, Floats]]]:
    """K_m and K_d + s^2, [C, C] each, and the derivatives of both with respect to each of the 5
    hyperparameters.
    """
    deviation, length_f, length_b, smooth, rough = np.exp(theta)
    lengths = np.array([length_f, length_b])
    squared = ((unit[:, None, :] - unit[None, :, :]) / lengths) ** 2  # [C, C, 2]
    r = np.sqrt(squared.sum(2))
    correlation, eye = matern(r), np.eye(len(unit))
    a = math.sqrt(5) * r
    steep = (5 / 3) * (1 + a) * np.exp(-a)  # d correlation / d log length_i = steep * squared_i
    k_m = deviation**2 * correlation + _JITTER * eye
    k_e = smooth**2 * correlation + rough**2 * eye + _JITTER * eye
    none = np.zeros_like(correlation)
    gradients = [
        (2 * deviation**2 * correlation, none),
        (deviation**2 * steep * squared[:, :, 0], smooth**2 * steep * squared[:, :, 0]),
        (deviation**2 * steep * squared[:, :, 1], smooth**2 * steep * squared[:, :, 1]),
        (none, 2 * smooth**2 * correlation),
        (none, 2 * rough**2 * eye),
    ]
    return k_m, k_e, gradients
