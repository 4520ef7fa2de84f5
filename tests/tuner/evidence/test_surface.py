"""Where the optimum lies: the process is what it says, and its 95 % set holds the optimum."""

import numpy as np
import pytest
from scipy import optimize
from scipy.stats import multivariate_normal
from sklearn.gaussian_process import kernels

from tests.support.rows import MAXIMIZE, MINIMIZE
from tuner.evidence import gaussian_process
from tuner.evidence.surface import best_probabilities, capped, coordinates, optimum_place

PAIRS = [(f, b) for f in (0.0, 0.1, 0.3, 0.5, 1.0) for b in (0.1, 0.3, 0.5, 1.0, 2.0)]
PLACES = coordinates(PAIRS)
UNIT = (PLACES - PLACES.min(0)) / np.ptp(PLACES, axis=0)


def bowl(rng, pairs=PAIRS):
    """A smooth surface over the pairs whose optimum is anywhere, with a spread of 1."""
    places = coordinates(pairs)
    centre = places.min(0) + np.ptp(places, axis=0) * rng.random(2)
    surface = ((places - centre) ** 2 * np.exp(rng.normal(0, 0.7, 2))).sum(1)
    return surface / surface.std()


def seeds_of(rng, surface, noise, seeds=3):
    return surface[:, None] + noise * rng.normal(size=(len(surface), seeds)) + rng.normal(size=(1, seeds))


# --- the process ---


def test_the_kernel_is_scikit_learns():
    lengths = np.array([0.4, 1.3])
    ours = gaussian_process.matern(gaussian_process.distance(UNIT, UNIT, lengths))
    assert ours == pytest.approx(kernels.Matern(lengths, nu=2.5)(UNIT))


def test_the_likelihood_is_that_of_all_values_together_and_its_gradient_is_right():
    rng, theta = np.random.default_rng(1), np.log([0.8, 0.5, 0.9, 0.3, 0.4])
    data = rng.normal(size=(25, 3))
    k_m, k_e, _ = gaussian_process.covariances(UNIT, theta)
    whole = np.kron(k_m + 100.0 - 100.0 / 3, np.ones((3, 3))) + np.kron(k_e + 100.0, np.eye(3))
    joint = multivariate_normal(np.zeros(75), whole).logpdf(data.ravel())

    def ours(t):
        return gaussian_process.loss(t, UNIT, data)[0]

    # Priors and constants aside: the mean and the contrasts are an orthogonal change of all values.
    other = np.log([1.1, 0.7, 0.6, 0.2, 0.5])
    k_m, k_e, _ = gaussian_process.covariances(UNIT, other)
    whole = np.kron(k_m + 100.0 - 100.0 / 3, np.ones((3, 3))) + np.kron(k_e + 100.0, np.eye(3))
    change = joint - multivariate_normal(np.zeros(75), whole).logpdf(data.ravel())

    def prior(t):
        return np.sum(((t - gaussian_process.PRIOR_MEAN) / gaussian_process.PRIOR_SD) ** 2) / 2

    assert ours(other) - ours(theta) == pytest.approx(change + prior(other) - prior(theta), rel=1e-4)
    numeric = optimize.approx_fprime(theta, ours, 1e-6)
    assert gaussian_process.loss(theta, UNIT, data)[1] == pytest.approx(numeric, abs=1e-2, rel=1e-4)


def test_it_predicts_at_the_searched_places_what_it_says_there_and_is_less_sure_elsewhere():
    rng = np.random.default_rng(2)
    fitted = gaussian_process.fit(PLACES, seeds_of(rng, bowl(rng), 0.2))
    mean, deviation = fitted.predict(PLACES)
    assert mean == pytest.approx(fitted.mean, abs=1e-6)
    assert deviation == pytest.approx(np.sqrt(np.diag(fitted.covariance)), abs=1e-4)
    _, beyond = fitted.predict(PLACES[-1:] + np.ptp(PLACES, axis=0))
    assert beyond[0] > 2 * deviation.max()


def test_its_noise_is_that_of_the_seeds():
    rng = np.random.default_rng(3)
    fitted = gaussian_process.fit(PLACES, seeds_of(rng, bowl(rng), 0.3, seeds=10))
    assert fitted.noise == pytest.approx(0.3, rel=0.15)


@pytest.mark.parametrize("values", [np.zeros((3, 3)), np.zeros((25, 1)), np.zeros(25)])
def test_too_little_for_a_surface_is_refused(values):
    with pytest.raises(ValueError, match="values: expected"):
        gaussian_process.fit(PLACES[: len(values)], values)
    with pytest.raises(ValueError, match="2 values or more of each coordinate"):
        gaussian_process.fit(PLACES[:5], np.zeros((5, 3)))


# --- the place ---


def test_the_set_holds_the_optimum_in_90_percent_with_3_seeds():
    held, size = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        noise, cliff = ((0.1, 0.0), (0.4, 0.0), (0.4, 15.0))[seed % 3]
        surface = bowl(rng) + cliff * (PLACES[:, 1] < np.log(0.2))
        place = optimum_place(PAIRS, seeds_of(rng, surface, noise).tolist(), MINIMIZE)
        held.append(PAIRS[surface.argmin()] in place.inside)
        size.append(len(place.inside))
    assert np.mean(held) >= 0.9
    assert np.mean(size) < 7


def test_a_clear_optimum_is_found_whichever_way_is_better():
    rng = np.random.default_rng(4)
    surface = bowl(rng)
    values = seeds_of(rng, surface, 0.01)
    place = optimum_place(PAIRS, values.tolist(), MINIMIZE)
    best = PAIRS[surface.argmin()]
    assert (place.method, place.inside, (place.cells[0].tau_f, place.cells[0].tau_b)) == (
        "surface",
        (best,),
        best,
    )
    assert place.cells[0].mean == pytest.approx(values.mean(1).min())
    assert place.cells[0].predicted == pytest.approx(values.mean(1).min(), abs=0.05)
    assert sum(cell.probability for cell in place.cells) == pytest.approx(1.0)
    upside_down = optimum_place(PAIRS, (-values).tolist(), MAXIMIZE)
    assert upside_down.inside == place.inside
    assert upside_down.cells[0].predicted == pytest.approx(-place.cells[0].predicted)
    mean, deviation = place.predict([0.0, 0.2, 1.0], [0.1, 1.5])
    assert mean.shape == deviation.shape == (3, 2)
    turned, _ = upside_down.predict([0.0, 0.2, 1.0], [0.1, 1.5])
    assert turned == pytest.approx(-mean)


def test_the_probability_of_being_the_lowest_is_that_of_normal_numbers():
    chance = best_probabilities(np.array([0.0, 1.0]), np.array([[1.0, 0.5], [0.5, 1.0]]))
    assert chance == pytest.approx([0.841, 0.159], abs=0.015)


def test_a_cliff_is_drawn_up_to_as_far_behind_the_median_as_the_best_is_ahead():
    data = np.array([[1.0, 1.2], [2.0, 2.2], [3.0, 3.2], [4.0, 4.2], [90.0, 96.0]])
    assert capped(data)[:4] == pytest.approx(data[:4])
    assert capped(data)[4].mean() == pytest.approx(5.1)
    assert np.ptp(capped(data)[4]) == pytest.approx(6.0)


def test_few_cells_have_the_subset_that_luck_explains():
    rng, held = np.random.default_rng(5), 0
    pairs = PAIRS[:5]
    surface = np.array([0.0, 0.1, 0.3, 1.0, 3.0])
    for _ in range(400):
        place = optimum_place(pairs, seeds_of(rng, surface, 0.3).tolist(), MINIMIZE)
        assert (place.method, place.predict([0.0], [1.0])) == ("subset", None)
        held += pairs[0] in place.inside
    assert held / 400 >= 0.93
    assert pairs[4] not in place.inside


def test_one_seed_or_one_cell_says_nothing_of_the_place():
    assert optimum_place(PAIRS, [[1.0]] * 25, MINIMIZE) is None
    assert optimum_place(PAIRS[:1], [[1.0, 2.0]], MINIMIZE) is None
    with pytest.raises(ValueError, match="tau_b above 0"):
        coordinates([(0.1, 0.0)])
