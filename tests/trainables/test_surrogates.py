"""Surrogates against independent libraries, restated papers and rejection sampling; binary units against
categories of two.

What is common to all estimators is in test_estimators.py.
"""

import pytest
import torch
from reinmax import reinmax
from scipy.stats import ks_2samp

from trainables import (
    gst_st,
    gumbel_rao_st,
    gumbel_rao_st_binary,
    gumbel_st,
    gumbel_st_binary,
    reinmax_st,
    surrogates,
)
from trainables.estimators import (
    ESTIMATORS,
    coefficients,
)
from trainables.primitive import Coefficients, straight_through, straight_through_binary

pytestmark = pytest.mark.usefixtures("one_thread")

N = 20_000  # draws of a test by sampling; the seed is fixed, so they are the same every time
P = 1e-3  # a test of distributions fails below this p-value
Z = 4.5  # a test of means fails beyond so many standard errors
LOGITS = torch.tensor([1.0, 0.0, -0.5, 0.3], dtype=torch.float64)  # [K]
UNITS = (-1.3, 0.6)  # a binary unit's logit
CLOSE = {"rtol": 1e-12, "atol": 1e-14}


def draw(seed, *shape):
    """Logits, Gumbel noise and an upstream gradient."""
    generator = torch.Generator().manual_seed(seed)
    logits, upstream = torch.randn(2, *shape, generator=generator, dtype=torch.float64)
    return 2 * logits, gumbel(generator, *shape), upstream


def gumbel(generator, *shape):
    return -torch.empty(shape, dtype=torch.float64).exponential_(generator=generator).log()


def logistic(generator, *shape):
    return torch.rand(shape, generator=generator, dtype=torch.float64).logit(eps=1e-12)


def at(name, tau_f, tau_b):
    """The coefficients of an estimator at those of the temperatures that it takes."""
    given = {"tau_f": tau_f, "tau_b": tau_b}
    row = ESTIMATORS[name]
    if row.tied:
        return coefficients(name, tau_b, tau_b)
    return coefficients(name, *(value if tau in row.temperatures else None for tau, value in given.items()))


def pull_back(function, logits, upstream):
    """The sample at the logits, and the gradient of <sample, upstream>."""
    logits = logits.detach().clone().requires_grad_()
    z = function(logits)
    return z.detach(), torch.autograd.grad(z, logits, upstream)[0]


def errors_apart(first, second):
    """How many standard errors the means of two samples [n, ...] lie apart, entry by entry."""
    error = (first.var(0) / len(first) + second.var(0) / len(second)).sqrt()
    return (first.mean(0) - second.mean(0)).abs() / error


# --- ReinMax and GST-1.0 ---


@pytest.mark.parametrize("tau", [0.7, 1.0, 1.5, 5.0])
def test_reinmax_is_its_authors(tau):
    logits, _, upstream = draw(0, 50, 5)
    torch.manual_seed(0)
    z, expected = pull_back(lambda x: reinmax(x, tau)[0], logits, upstream)
    assert len(z.unique(dim=0)) == 5  # every category is sampled
    sample, gradient = pull_back(lambda x: reinmax_st(x, tau, noise=1e6 * z), logits, upstream)
    assert torch.equal(sample, z)
    torch.testing.assert_close(gradient, expected, **CLOSE)


def authors_gst(logits, temperature, action):
    """GST-1.0's relaxed sample as its authors write it (Fan et al. 2022, gap = 1.0), given the one-hot
    sample.
    """
    detached = logits.detach()
    max_logits = detached.max(dim=-1, keepdim=True).values
    move = (max_logits - detached) * action
    move2 = (detached + (-max_logits + 1.0)) * (1 - action)
    move2[move2 < 0] = 0.0
    soft = ((logits + (move - move2)) / temperature).softmax(dim=-1)
    return action - soft.detach() + soft


@pytest.mark.parametrize("tau", [0.3, 1.0, 3.0])
def test_gst_is_its_authors(tau):
    logits, noise, upstream = draw(1, 50, 5)
    z, gradient = pull_back(lambda x: gst_st(x, tau, noise=noise), logits, upstream)
    lifted = z.argmax(-1) != logits.argmax(-1)
    assert lifted.any()
    assert not lifted.all()
    _, expected = pull_back(lambda x: authors_gst(x, tau, z), logits, upstream)
    torch.testing.assert_close(gradient, expected, **CLOSE)


# --- Gumbel-Rao ---


def conditioned(logits, z, fresh):
    """Gumbel noise given that it gives the sample z (Paulus et al. 2021, Eq. 12), from exponential
    variables.
    """
    E = (-fresh).exp()
    sampled = (E * z).sum(-1, keepdim=True)
    total = logits.exp().sum(-1, keepdim=True)
    perturbed = torch.where(z > 0, -(sampled / total).log(), -(E / logits.exp() + sampled / total).log())
    return perturbed - logits


@pytest.mark.parametrize("tau", [0.3, 1.0, 3.0])
def test_with_one_draw_it_is_gumbel_at_noise_conditioned_on_the_sample(tau):
    logits, noise, upstream = draw(2, 200, 5)
    fresh = gumbel(torch.Generator().manual_seed(3), 200, 5)
    z, gradient = pull_back(lambda x: gumbel_rao_st(x, tau, noise=noise, draws=fresh[None]), logits, upstream)
    like_z = conditioned(logits, z, fresh)
    same, expected = pull_back(lambda x: gumbel_st(x, tau, noise=like_z), logits, upstream)
    assert torch.equal(z, same)
    torch.testing.assert_close(gradient, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("function", [gumbel_rao_st, gumbel_rao_st_binary])
def test_with_several_draws_it_is_their_mean(function):
    logits, noise, upstream = draw(4, 50, 5)
    draws = gumbel(torch.Generator().manual_seed(5), 3, 50, 5)
    alone = [
        pull_back(lambda x, d=d: function(x, 0.7, noise=noise, draws=d[None]), logits, upstream)[1]
        for d in draws
    ]
    _, together = pull_back(lambda x: function(x, 0.7, noise=noise, draws=draws), logits, upstream)
    torch.testing.assert_close(together, torch.stack(alone).mean(0), **CLOSE)


def distances_of(jacobian, k):
    """log q_k - log q_i for every other i, [n, K - 1], from the Jacobians diag(q) - q q^T, [n, K, K].

    A third category j has both -q_k q_j and -q_i q_j.
    """
    K = jacobian.shape[-1]
    others = [i for i in range(K) if i != k]
    thirds = [next(j for j in range(K) if j not in (i, k)) for i in others]
    ratios = [jacobian[:, k, j] / jacobian[:, i, j] for i, j in zip(others, thirds, strict=True)]
    return torch.stack(ratios, -1).log()


def test_its_noise_is_distributed_as_gumbel_noise_that_happens_to_give_the_sample():
    generator = torch.Generator().manual_seed(6)
    K = len(LOGITS)
    perturbed = LOGITS + gumbel(generator, 8 * N, K)
    for k in range(K):
        z = torch.eye(K, dtype=torch.float64)[k].expand(N, K)
        draws = gumbel(generator, 1, N, K)
        rows = [
            pull_back(
                lambda x, z=z, draws=draws: gumbel_rao_st(x, 1.0, noise=1e6 * z, draws=draws),
                LOGITS.expand(N, K),
                torch.eye(K, dtype=torch.float64)[j].expand(N, K),
            )[1]
            for j in range(K)
        ]
        kept = perturbed[perturbed.argmax(-1) == k]
        # A softmax tells its logits up to a constant, and its gradient depends on no more.
        distances = [
            distances_of(torch.stack(rows, -1), k),
            (kept[:, [k]] - kept)[:, torch.arange(K) != k],
        ]
        for statistic in (
            *(lambda d, i=i: d[:, i] for i in range(K - 1)),
            lambda d: d.amin(-1),
            lambda d: d.amax(-1),
        ):
            assert ks_2samp(*(statistic(d) for d in distances)).pvalue > P


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("one", [True, False])
def test_its_noise_of_a_binary_unit_is_distributed_as_logistic_noise_that_happens_to_give_the_sample(
    monkeypatch, unit, one
):
    seen = []
    kernel = surrogates.sigmoid_backward_
    monkeypatch.setattr(
        surrogates, "sigmoid_backward_", lambda q, h: (seen.append(q.clone()), kernel(q, h))[1]
    )
    generator = torch.Generator().manual_seed(7)
    logits = torch.full((N,), unit, dtype=torch.float64)
    noise = torch.full_like(logits, 1e6 if one else -1e6)
    draws = logistic(generator, 1, N)
    z, _ = pull_back(lambda x: gumbel_rao_st_binary(x, 1.0, noise=noise, draws=draws), logits, logits)
    assert (z == one).all()
    made = seen.pop().logit()
    perturbed = unit + logistic(generator, 8 * N)
    assert ks_2samp(made, perturbed[(perturbed > 0) == one]).pvalue > P
    assert ((made > 0) == one).all()


@pytest.mark.parametrize("tau", [0.3, 1.0])
def test_over_many_draws_it_is_the_mean_of_gumbels_gradients_that_have_the_sample(tau):
    generator = torch.Generator().manual_seed(8)
    K = len(LOGITS)
    upstream = torch.randn(K, generator=generator, dtype=torch.float64)
    noise = gumbel(generator, 8 * N, K)
    samples, theirs = pull_back(
        lambda x: gumbel_st(x, tau, noise=noise), LOGITS.expand(8 * N, K), upstream.expand(8 * N, K)
    )
    for k in range(K):
        z = torch.eye(K, dtype=torch.float64)[k].expand(N, K)
        given = LOGITS.expand(N, K), upstream.expand(N, K)
        draws = gumbel(generator, 1, N, K)
        _, mine = pull_back(
            lambda x, z=z, draws=draws: gumbel_rao_st(x, tau, noise=1e6 * z, draws=draws), *given
        )
        kept = theirs[samples[:, k] > 0]
        assert (errors_apart(mine, kept) <= Z).all()
        assert (errors_apart(kept, theirs) > Z).any()  # the condition makes a difference


@pytest.mark.parametrize("tau", [0.3, 1.0])
@pytest.mark.parametrize("family", ["categorical", "binary"])
def test_it_has_the_mean_of_gumbel_and_less_variance(family, tau):
    generator = torch.Generator().manual_seed(9)
    if family == "categorical":
        plain, averaged, noise = gumbel_st, gumbel_rao_st, gumbel
        logits = LOGITS.expand(N, -1)
        upstream = torch.randn(LOGITS.shape, generator=generator, dtype=torch.float64).expand(N, -1)
    else:
        plain, averaged, noise = gumbel_st_binary, gumbel_rao_st_binary, logistic
        logits, upstream = (
            torch.tensor(UNITS[1:], dtype=torch.float64).expand(N),
            torch.ones(N, dtype=torch.float64),
        )
    first, second = noise(generator, 2, *logits.shape)
    draws = noise(generator, 10, *logits.shape)
    _, theirs = pull_back(lambda x: plain(x, tau, noise=first), logits, upstream)
    _, mine = pull_back(lambda x: averaged(x, tau, noise=second, draws=draws), logits, upstream)
    assert (errors_apart(mine, theirs) <= Z).all()
    assert mine.var(0).sum() < 0.8 * theirs.var(0).sum()


# --- a binary unit is a category of two ---


def with_zero(x):
    """[n] as [n, 2], with a zero beside each."""
    return torch.stack([x, torch.zeros_like(x)], -1)


@pytest.mark.parametrize("tau", [0.3, 1.0, 3.0])
@pytest.mark.parametrize("name", [name for name in ESTIMATORS if name != "gumbel_rao"])
def test_a_binary_unit_is_a_category_of_two_with_logits_l_and_0(name, tau):
    logits, _, upstream = draw(10, 500)
    noise = logistic(torch.Generator().manual_seed(11), 500)
    c = at(name, 0.5, tau)
    z, gradient = pull_back(lambda x: straight_through_binary(x, noise, c), logits, upstream)
    pair, expected = pull_back(
        lambda x: straight_through(x, with_zero(noise), c), with_zero(logits), with_zero(upstream)
    )
    torch.testing.assert_close(z, pair[:, 0], **CLOSE)
    torch.testing.assert_close(gradient, expected[:, 0], **CLOSE)


@pytest.mark.parametrize("one", [True, False])
def test_gumbel_raos_binary_unit_is_a_category_of_two_in_the_mean(one):
    # Its draws are logistic, a category's are two Gumbels: the gradients agree in distribution.
    generator = torch.Generator().manual_seed(12)
    logits, upstream = torch.full((N,), UNITS[1], dtype=torch.float64), torch.ones(N, dtype=torch.float64)
    noise = torch.full_like(logits, 1e6 if one else -1e6)
    c = at("gumbel_rao", None, 0.4)
    draws, pairs = logistic(generator, 1, N), gumbel(generator, 1, N, 2)
    _, mine = pull_back(lambda x: straight_through_binary(x, noise, c, draws=draws), logits, upstream)
    _, expected = pull_back(
        lambda x: straight_through(x, with_zero(noise), c, draws=pairs),
        with_zero(logits),
        with_zero(upstream),
    )
    assert ks_2samp(mine, expected[:, 0]).pvalue > P
    assert errors_apart(mine, expected[:, 0]) <= Z


# --- another axis than the last ---


@pytest.mark.parametrize("K", range(2, 17))
@pytest.mark.parametrize("name", ESTIMATORS)
def test_another_axis_gives_what_the_last_gives_on_transposed_tensors_ties_included(name, K):
    generator = torch.Generator().manual_seed(K)
    logits, noise = torch.randint(
        -2, 3, (2, 3, K, 11), generator=generator
    ).double()  # many are largest at once
    upstream, *draws = torch.randn(4, 3, K, 11, generator=generator, dtype=torch.float64)
    draws = torch.stack(draws)
    row = at(name, 0.5, 0.7)
    for s in (row.s, torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64).view(3, 1, 1), 0.0):
        c = Coefficients(s, row.tau_b, row.surrogate)
        for g in (noise, None):
            results = []
            for dim, turn in ((-1, lambda x: x.mT), (-2, lambda x: x), (1, lambda x: x)):
                x, n, d, h = (
                    None if v is None else turn(v).contiguous() for v in (logits, g, draws, upstream)
                )
                if g is None and name == "gumbel":
                    n = torch.zeros_like(x)  # its surrogate contains the noise
                z, gradient = pull_back(
                    lambda x, n=n, d=d, c=c, dim=dim: straight_through(x, n, c, dim=dim, draws=d), x, h
                )
                results.append((turn(z), turn(gradient)))
            for z, gradient in results[1:]:
                assert torch.equal(z, results[0][0]) or name == "soft"
                torch.testing.assert_close((z, gradient), results[0], **CLOSE)


def test_of_several_largest_the_first_wins():
    tied = torch.tensor([[0.0, 1.0, 1.0], [2.0, 2.0, 2.0], [-1.0, -2.0, -1.0], [0.0, -0.0, -1.0]])
    first = torch.eye(3)[[1, 0, 0, 0]]
    c = at("identity", None, None)
    assert torch.equal(straight_through(tied, None, c), first)
    assert torch.equal(straight_through(tied.T.contiguous(), None, c, dim=-2), first.T)


# --- memory ---


@pytest.mark.parametrize("family", ["categorical", "binary"])
@pytest.mark.parametrize(
    ("name", "expected"),
    {
        "identity": set(),
        "softmax": {"logits"},
        "decoupled": {"logits"},
        "gumbel": {"logits", "noise"},
        "reinmax": {"logits", "z"},
        "gumbel_rao": {"logits", "draws", "z"},
        "gst": {"logits", "z"},
        "soft": {"logits"},
    }.items(),
)
def test_a_surrogate_keeps_what_it_needs_for_backward_and_copies_nothing(family, name, expected):
    logits, noise, _ = draw(13, 3, 20, 5)
    draws = torch.stack([noise, -noise])
    logits.requires_grad_()
    c = at(name, 0.5, 0.7)
    kept = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: (kept.append(x.data_ptr()), x)[1], lambda x: x):
        function = straight_through if family == "categorical" else straight_through_binary
        z = function(logits, noise, c, draws=draws)
    named = {"logits": logits, "noise": noise, "draws": draws, "z": z}
    assert len(kept) == len(expected)
    assert set(kept) == {named[tensor].data_ptr() for tensor in expected}
