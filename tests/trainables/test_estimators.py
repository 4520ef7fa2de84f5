"""The public estimators: the frequencies they sample, what all of them have in common, closed forms of the
simple ones.

The other surrogates' oracles are in test_surrogates.py.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chisquare

from tests.support.estimators import CATEGORICAL, EVERY, FAMILIES
from trainables import (
    decoupled_st,
    decoupled_st_binary,
    gumbel_st,
    softmax_st,
    softmax_st_binary,
)
from trainables.estimators import ESTIMATORS, coefficients
from trainables.primitive import straight_through, straight_through_binary

pytestmark = pytest.mark.usefixtures("one_thread")
N = 200_000  # samples of a frequency test
P = 1e-3  # a frequency test fails below this p-value; the seed is fixed, so it is the same draw every time
LOGITS = torch.tensor([1.0, 0.0, -0.5, 0.3])  # [K]
UNIT = torch.tensor(0.6)  # one binary unit's logit
CLOSED = ("decoupled", "softmax", "gumbel", "identity")  # whose gradient is one Jacobian of a softmax
SOFT = {
    "categorical": lambda x: straight_through(x, None, coefficients("soft", None, None)),
    "binary": lambda x: straight_through_binary(x, None, coefficients("soft", None, None)),
}  # no estimator, and no public function
TAUS = [(0.3, 0.7), (1.0, 1.0), (2.0, 0.1), (0.0, 5.0)]  # (tau_f, tau_b)


def draw(seed, *shape, dtype=torch.float64):
    """Logits (the largest about 5), noise that serves as Gumbel or logistic, and an upstream gradient."""
    generator = torch.Generator().manual_seed(seed)
    logits, noise, upstream = torch.randn(3, *shape, generator=generator, dtype=torch.float64).to(dtype)
    return 2 * logits, noise, upstream


def pull_back(function, logits, upstream):
    """The sample at the logits, and the gradient of <sample, upstream>."""
    logits = logits.detach().clone().requires_grad_()
    z = function(logits)
    return z.detach(), torch.autograd.grad(z, logits, upstream)[0]


def counts_of(z):
    """How often each category was sampled, [K]; a binary unit has the categories 1 and 0."""
    ones = z.double().sum(0)  # bfloat16 cannot count to N
    return (ones if z.ndim == 2 else torch.stack([ones, len(z) - ones])).numpy()


def expected_counts(logits, tau):
    logits = logits.double() / tau
    return (
        N
        * (
            logits.softmax(-1) if logits.ndim else torch.stack([logits.sigmoid(), (-logits).sigmoid()])
        ).numpy()
    )


@pytest.mark.parametrize("tau_f", [0.3, 1.0, 2.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("function", "logits"), [(decoupled_st, LOGITS), (decoupled_st_binary, UNIT)])
def test_decoupled_samples_with_the_probabilities_of_softmax_of_logits_over_tau_f(
    function, logits, dtype, tau_f
):
    torch.manual_seed(0)
    logits = logits.to(dtype)
    z = function(logits.expand(N, *logits.shape), tau_f, 0.7)
    assert chisquare(counts_of(z), expected_counts(logits, tau_f)).pvalue > P


@pytest.mark.parametrize("tau", [0.5, 1.5])
@pytest.mark.parametrize(("function", "logits"), [(softmax_st, LOGITS), (softmax_st_binary, UNIT)])
def test_softmax_samples_at_its_one_temperature(function, logits, tau):
    torch.manual_seed(1)
    assert (
        chisquare(
            counts_of(function(logits.expand(N, *logits.shape), tau)), expected_counts(logits, tau)
        ).pvalue
        > P
    )


@pytest.mark.parametrize("tau", [0.5, 1.5])
@pytest.mark.parametrize("name", [name for name, row in ESTIMATORS.items() if row.s == 1])
@pytest.mark.parametrize(("family", "logits"), [("categorical", LOGITS), ("binary", UNIT)])
def test_the_others_sample_at_temperature_one_whatever_their_surrogates_is(family, logits, name, tau):
    torch.manual_seed(2)
    z = FAMILIES[family][name](logits.expand(N, *logits.shape), None, tau, None)
    assert chisquare(counts_of(z), expected_counts(logits, 1.0)).pvalue > P


@pytest.mark.parametrize("tau_f", [0.3, 2.0])
def test_the_frequency_test_finds_the_known_bug_of_dividing_logits_and_noise_alike(tau_f):
    torch.manual_seed(0)
    gumbel = -torch.empty(N, len(LOGITS)).exponential_().log()
    categorical = F.one_hot(((LOGITS + gumbel) / tau_f).argmax(-1), len(LOGITS))
    binary = (UNIT + torch.rand(N).logit()) / tau_f > 0
    assert chisquare(counts_of(categorical), expected_counts(LOGITS, tau_f)).pvalue < 1e-100
    assert chisquare(counts_of(binary), expected_counts(UNIT, tau_f)).pvalue < 1e-100


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tau_f", [0.0, 0, torch.tensor(0.0), torch.tensor([0.0, 1.0, 0.0])], ids=str)
def test_tau_f_zero_is_argmax_whatever_the_noise(family, tau_f):
    logits, noise, _ = draw(3, 3, 20, 5)
    z = FAMILIES[family]["decoupled"](logits, tau_f, 0.7, 1e6 * noise)
    still = FAMILIES[family]["identity"](logits, None, None, None)
    silent = torch.as_tensor(tau_f).expand(3) == 0
    assert torch.equal(z[silent], still[silent])
    assert all(not torch.equal(z[m], still[m]) for m in range(3) if not silent[m])


@pytest.mark.parametrize("family", FAMILIES)
def test_tau_f_zero_needs_no_noise_to_be_passed(family):
    logits, _, _ = draw(4, 3, 20, 5)
    still = FAMILIES[family]["identity"](logits, None, None, None)
    assert torch.equal(FAMILIES[family]["decoupled"](logits, 0.0, 0.7, None), still)
    assert torch.equal(FAMILIES[family]["decoupled"](logits, torch.zeros(3), 0.7, None), still)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize(("family", "name"), EVERY)
def test_dtype_is_kept_and_values_are_zero_or_one(family, name, dtype):
    torch.manual_seed(0)
    logits, _, upstream = draw(5, 3, 20, 5, dtype=dtype)
    z, gradient = pull_back(
        lambda x: FAMILIES[family][name](x, torch.tensor([0.0, 0.5, 2.0]), 0.7, None), logits, upstream
    )
    assert (z.dtype, gradient.dtype) == (dtype, dtype)
    assert ((z == 0) | (z == 1)).all()
    assert family == "binary" or (z.sum(-1) == 1).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_soft_is_the_softmax_of_the_logits_and_its_gradient_is_autograds(family, dtype):
    logits, _, upstream = draw(5, 3, 20, 5, dtype=dtype)
    z, gradient = pull_back(SOFT[family], logits, upstream)
    assert (z.dtype, gradient.dtype) == (dtype, dtype)
    wide = torch.promote_types(dtype, torch.float32)
    plain = torch.sigmoid if family == "binary" else lambda x: x.softmax(-1)
    expected_z, expected_gradient = pull_back(plain, logits.to(wide), upstream.to(wide))
    exact = {torch.float64: 1e-15, torch.float32: 1e-6, torch.bfloat16: 1e-2}[
        dtype
    ]  # the last bit may be rounded otherwise
    torch.testing.assert_close(z, expected_z.to(dtype), rtol=exact, atol=exact)
    torch.testing.assert_close(gradient, expected_gradient.to(dtype), rtol=exact, atol=exact)


@pytest.mark.parametrize(("family", "name"), EVERY)
def test_nothing_that_the_caller_gave_is_written_to(family, name):
    # Much is done in place.
    for tau_f in (0.0, 0.5):
        given_ = draw(13, 3, 20, 5)
        before = [x.clone() for x in given_]
        logits, noise, upstream = given_
        z = FAMILIES[family][name](logits.requires_grad_(), tau_f, 0.7, noise)
        sample = z.detach().clone()
        z.backward(upstream)
        assert all(torch.equal(x, y) for x, y in zip(given_, before, strict=True))
        assert torch.equal(z, sample)


def jacobian_product(family, q, upstream, tau_b):
    """J h with the matrix written out."""
    if family == "binary":
        return q * (1 - q) / tau_b * upstream
    jacobian = (torch.diag_embed(q) - q[..., :, None] * q[..., None, :]) / tau_b[..., None]
    return torch.einsum("...ij,...i->...j", jacobian, upstream)


@pytest.mark.parametrize(
    ("tau_f", "tau_b"), [*TAUS, (torch.tensor([0.0, 0.3, 2.0]), torch.tensor([0.1, 1.0, 3.0]))], ids=str
)
@pytest.mark.parametrize("name", CLOSED)
@pytest.mark.parametrize("family", FAMILIES)
def test_gradient_is_the_jacobian_of_the_surrogate(family, name, tau_f, tau_b):
    logits, noise, upstream = draw(6, 3, 4, 5)
    _, gradient = pull_back(lambda x: FAMILIES[family][name](x, tau_f, tau_b, noise), logits, upstream)
    if name == "identity":
        assert torch.equal(gradient, upstream)
        return
    tau = torch.as_tensor(tau_b, dtype=torch.float64).expand(3)[:, None, None]
    perturbed = (logits + noise if name == "gumbel" else logits) / tau
    q = perturbed.softmax(-1) if family == "categorical" else perturbed.sigmoid()
    expected = jacobian_product(family, q, upstream, tau)
    # The rounding is relative to the terms of J h, which cancel: hence the absolute part.
    torch.testing.assert_close(gradient, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("tau", [0.3, 1.0, torch.tensor([0.1, 1.0, 3.0])], ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("family", FAMILIES)
def test_decoupled_on_the_diagonal_is_softmax_bit_for_bit(family, dtype, tau):
    logits, noise, upstream = draw(7, 3, 20, 5, dtype=dtype)
    decoupled = pull_back(lambda x: FAMILIES[family]["decoupled"](x, tau, tau, noise), logits, upstream)
    softmax = pull_back(lambda x: FAMILIES[family]["softmax"](x, None, tau, noise), logits, upstream)
    assert all(torch.equal(a, b) for a, b in zip(decoupled, softmax, strict=True))


@pytest.mark.parametrize("tau", [0.1, 1.0, 3.0])
def test_gumbel_is_torchs_straight_through_gumbel_softmax_with_the_same_noise(tau):
    logits, _, upstream = draw(8, 50, 5)
    torch.manual_seed(0)
    theirs = pull_back(lambda x: F.gumbel_softmax(x, tau, hard=True), logits, upstream)
    torch.manual_seed(0)
    noise = -torch.empty_like(logits).exponential_().log()
    mine = pull_back(lambda x: gumbel_st(x, tau, noise=noise), logits, upstream)
    # torch's forward is y_hard - y_soft + y_soft, which rounds; its values are one-hot up to that.
    torch.testing.assert_close(mine[0], theirs[0], rtol=0, atol=1e-15)
    torch.testing.assert_close(mine[1], theirs[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("tau_f", "tau_b"), [(0.3, 0.7), (2.0, 0.1), (1.0, 3.0)])
@pytest.mark.parametrize("family", FAMILIES)
def test_tau_f_is_a_rescaling_of_the_logits_and_of_tau_b(family, tau_f, tau_b):
    logits, noise, upstream = draw(9, 50, 5)
    decoupled = FAMILIES[family]["decoupled"]
    z, gradient = pull_back(lambda x: decoupled(x, tau_f, tau_b, noise), logits, upstream)
    rescaled_z, rescaled_gradient = pull_back(
        lambda x: decoupled(x, 1.0, tau_b / tau_f, noise), logits / tau_f, upstream
    )
    assert torch.equal(z, rescaled_z)
    torch.testing.assert_close(gradient, rescaled_gradient / tau_f, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", [name for name in [*CATEGORICAL, "soft"] if name != "identity"])
@settings(max_examples=25, deadline=None)
@given(
    logits=st.lists(st.floats(-50, 50), min_size=2, max_size=10),
    tau_f=st.floats(0, 10),
    tau_b=st.floats(0.01, 10),
    seed=st.integers(0, 1000),
)
def test_gradients_sum_to_zero_over_the_categories(name, logits, tau_f, tau_b, seed):
    x = torch.tensor(logits, dtype=torch.float64)
    _, noise, upstream = draw(seed, len(logits))
    function = SOFT["categorical"] if name == "soft" else lambda x: CATEGORICAL[name](x, tau_f, tau_b, noise)
    _, gradient = pull_back(function, x, upstream)
    assert abs(gradient.sum()) <= 1e-14 * upstream.abs().sum() * (1 + 1 / tau_b)


@pytest.mark.parametrize(("scale", "tau"), [(1e4, 1.0), (1.0, 1e-4), (1e2, 1e-2), (1e4, 1e4)])
@pytest.mark.parametrize("drawn", [False, True], ids=["given noise", "drawn noise"])
@pytest.mark.parametrize(("family", "name"), EVERY)
def test_extreme_logits_over_tau_neither_overflow_nor_become_nan(family, name, drawn, scale, tau):
    torch.manual_seed(0)
    signs = torch.tensor([[1.0, -1.0, 0.0], [1.0, 1.0, -1.0], [-1.0, -1.0, -1.0], [0.0, 0.0, 0.0]])
    _, noise, upstream = draw(10, 4, 3, dtype=torch.float32)
    noise = None if drawn else noise
    z, gradient = pull_back(lambda x: FAMILIES[family][name](x, tau, tau, noise), scale * signs, upstream)
    assert z.isfinite().all()
    assert gradient.isfinite().all()


@pytest.mark.parametrize("leading", [(3,), (2, 3)])
@pytest.mark.parametrize(("family", "name"), EVERY)
def test_a_temperature_per_member_equals_a_loop_over_members(family, name, leading):
    function = FAMILIES[family][name]
    logits, noise, upstream = draw(11, *leading, 7, 5)
    tau_f = torch.linspace(0, 2, math.prod(leading), dtype=torch.float64).view(leading)
    tau_b = torch.linspace(3, 0.2, math.prod(leading), dtype=torch.float64).view(leading)
    z, gradient = pull_back(lambda x: function(x, tau_f, tau_b, noise), logits, upstream)
    for m in torch.cartesian_prod(*map(torch.arange, leading)).view(-1, len(leading)).tolist():
        i = tuple(m)
        f, b = float(tau_f[i]), float(tau_b[i])
        alone = pull_back(lambda x, f=f, b=b, i=i: function(x, f, b, noise[i]), logits[i], upstream[i])
        assert torch.equal(z[i], alone[0])
        torch.testing.assert_close(gradient[i], alone[1], rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("family", "shape"), [("categorical", (2, 5)), ("binary", (2, 5, 4, 1)), *((f, (3,)) for f in FAMILIES)]
)
def test_a_temperature_that_does_not_fit_the_first_axes_is_an_error(family, shape):
    logits = torch.zeros(2, 4, 5)
    for tau_f, tau_b in [(torch.ones(shape), 1.0), (1.0, torch.ones(shape))]:
        with pytest.raises(ValueError, match=r"first axes of logits. Got tau.shape=.*logits.shape="):
            FAMILIES[family]["decoupled"](logits, tau_f, tau_b, None)


def test_a_category_has_no_temperature_of_its_own_but_a_binary_unit_may():
    logits, noise, _ = draw(12, 2, 4, 5)
    tau = torch.linspace(0.1, 2, 40, dtype=torch.float64).view(2, 4, 5)
    with pytest.raises(ValueError, match="first axes of logits"):
        decoupled_st(logits, tau, 1.0, noise=noise)
    assert torch.equal(
        decoupled_st_binary(logits, tau, 1.0, noise=noise), (logits + tau * noise > 0).double()
    )
