"""The layer in ordinary use, without a population, and sampling under torch.func's transforms."""

import copy
import io

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.func import functional_call, grad, vmap

from trainables import decoupled_st, decoupled_st_binary
from trainables.estimators import ESTIMATORS
from trainables.nn import StraightThrough
from trainables.primitive import Coefficients, straight_through, straight_through_binary
from trainables.randomness import gumbel_, logistic_
from trainables.surrogates import RAO_DRAWS

pytestmark = pytest.mark.usefixtures("one_thread")
every_estimator = pytest.mark.parametrize("estimator", ESTIMATORS)
both = pytest.mark.parametrize("binary", [False, True], ids=["categorical", "binary"])


def logits(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(1)).requires_grad_()


def gradient(output, inputs):
    weights = torch.arange(1.0, output.numel() + 1, dtype=output.dtype).view(output.shape).sqrt()
    return torch.autograd.grad((output * weights).sum(), inputs)[0]


# --- ordinary use ---


@both
def test_with_given_noise_it_is_the_function(binary):
    x = logits(5, 4)
    noise = (logistic_ if binary else gumbel_)(torch.empty(5, 4, dtype=torch.float64))
    layer = StraightThrough(tau_f=0.4, tau_b=1.3, binary=binary)
    function = decoupled_st_binary if binary else decoupled_st
    z, expected = layer(x, noise), function(x, 0.4, 1.3, noise=noise)
    assert torch.equal(z, expected)
    torch.testing.assert_close(gradient(z, x), gradient(expected, x))


@every_estimator
@both
def test_every_estimator_samples_by_torchs_generator_and_passes_a_gradient(estimator, binary):
    layer = StraightThrough(estimator=estimator, binary=binary)
    x = logits(20, 4)
    torch.manual_seed(3)
    z = layer(x)
    torch.manual_seed(3)
    assert torch.equal(layer(x), z)
    if estimator != "soft":
        assert {*z.unique().tolist()} == {0.0, 1.0}
    if not binary:
        torch.testing.assert_close(z.sum(-1), torch.ones(20, dtype=torch.float64))
    assert 0 < gradient(z, x).abs().sum() < torch.inf


@both
def test_frequencies_are_those_of_the_forward_temperature(binary):
    layer = StraightThrough(tau_f=0.5, tau_b=0.1, binary=binary)
    torch.manual_seed(0)
    x = torch.tensor([0.4, -0.2, 0.1])
    share = layer(x.expand(40_000, 3)).mean(0)
    expected = torch.sigmoid(x / 0.5) if binary else torch.softmax(x / 0.5, 0)
    torch.testing.assert_close(share, expected, rtol=0, atol=0.012)


@every_estimator
@both
def test_after_eval_it_is_the_argmax_with_a_gradient_or_samples_where_that_was_asked_for(estimator, binary):
    x = logits(30, 4)
    argmax = (x > 0).double() if binary else F.one_hot(x.argmax(-1), 4).double()
    layer = StraightThrough(estimator=estimator, binary=binary).eval()
    z = layer(x)
    assert torch.equal(z, argmax)
    assert 0 < gradient(z, x).abs().sum() < torch.inf
    sampling = StraightThrough(estimator=estimator, binary=binary, sample_in_eval=True)
    torch.manual_seed(3)
    expected = sampling(x)
    torch.manual_seed(3)
    assert torch.equal(sampling.eval()(x), expected)


def test_temperatures_and_estimator_may_be_set_at_any_step():
    layer = StraightThrough(tau_f=0.0, tau_b=1.0)
    x = logits(6, 4)
    before = gradient(layer(x), x)
    layer.tau_b = 0.5
    assert not torch.equal(gradient(layer(x), x), before)
    assert (layer.estimator, layer.tau_f, layer.tau_b) == ("decoupled", 0.0, 0.5)
    layer.set("softmax", 0.9, 0.9)
    layer.tau_f = 0.3  # one temperature for both
    assert (layer.tau_f, layer.tau_b) == (0.3, 0.3)
    layer.estimator = "decoupled"
    layer.set("identity")
    assert (layer.tau_f, layer.tau_b) == (None, None)
    layer.tau = 3  # an attribute like any other
    assert repr(layer) == "StraightThrough(estimator='identity', dim=-1)"


def test_a_temperature_may_be_a_tensor_for_the_first_axes():
    x = logits(2, 5, 4)
    layer = StraightThrough(tau_f=torch.tensor([0.0, 1.0]), tau_b=torch.tensor([0.5, 2.0]))
    z = layer(x)
    one = StraightThrough(tau_f=0.0, tau_b=0.5)
    torch.testing.assert_close(gradient(z, x)[0], gradient(one(x), x)[0])


def test_the_axis_of_categories_may_be_any():
    x = logits(3, 4, 5)
    z = StraightThrough(tau_f=0.0, dim=1)(x)
    assert torch.equal(z.argmax(1), x.argmax(1))
    assert torch.equal(z.sum(1), torch.ones(3, 5, dtype=torch.float64))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"estimator": "reinforce"}, "estimator must be one of .*'decoupled'.* Got 'reinforce'"),
        ({"tau_b": 0.0}, "tau_b must be > 0"),
        ({"tau_f": -1.0}, "tau_f must be >= 0"),
        ({"tau_b": float("nan")}, "tau_b must be > 0"),
        ({"estimator": "gumbel", "tau_f": 0.5}, "gumbel takes .*tau_b.* Got tau_f=0.5"),
        ({"estimator": "softmax", "tau_f": 0.5, "tau_b": 0.6}, "tau_f must equal tau_b"),
    ],
)
def test_arguments_that_do_not_fit_are_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        StraightThrough(**arguments)
    layer = StraightThrough()
    with pytest.raises(ValueError, match="tau_b must be > 0"):
        layer.tau_b = -1
    assert layer.tau_b == 0.7


def test_a_module_with_the_layer_is_trained_copied_and_saved_as_any_other():
    torch.manual_seed(0)
    x = torch.randn(256, 6)
    target = F.one_hot(x[:, :4].argmax(1), 4).float()
    model = nn.Sequential(nn.Linear(6, 4), StraightThrough(tau_f=0.3, tau_b=1.0), nn.Linear(4, 4))
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-2)
    losses = []
    for _ in range(120):
        optimizer.zero_grad()
        loss = F.mse_loss(model(x), target)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    twin = copy.deepcopy(model).eval()
    twin.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(twin(x), model.eval()(x))
    assert len(model[1].state_dict()) == 0


def test_weights_may_be_discrete():
    weight = nn.Parameter(logits(3, 4).detach())
    sign = StraightThrough(binary=True, tau_f=0.0)
    x = torch.ones(2, 4, dtype=torch.float64)
    output = F.linear(x, 2 * sign(weight) - 1)
    assert torch.equal(output, x @ (2 * (weight > 0).double() - 1).T)
    assert gradient(output, weight).abs().sum() > 0


# --- torch.func ---

SHAPE, M = (5, 4), 3


def members(estimator, *, binary):
    """Logits, noise and draws of M members, and the coefficients of each."""
    generator = torch.Generator().manual_seed(2)

    def drawn(*shape):
        out = torch.empty(*shape, dtype=torch.float64)
        return (logistic_ if binary else gumbel_)(out, generator)

    x = torch.randn(M, *SHAPE, dtype=torch.float64, generator=generator)
    row = ESTIMATORS[estimator]
    taus = torch.tensor([0.3, 1.0, 1.7], dtype=torch.float64)
    s = taus if row.s is None else torch.full((M,), row.s, dtype=torch.float64)
    return x, drawn(*SHAPE), drawn(RAO_DRAWS, *SHAPE), s, taus.flip(0), row.surrogate


def sample(x, noise, draws, s, tau_b, surrogate, *, binary, dim=-1):
    c = Coefficients(s, tau_b, surrogate)
    if binary:
        return straight_through_binary(x, noise, c, draws=draws)
    return straight_through(x, noise, c, dim=dim, draws=draws)


@every_estimator
@both
@pytest.mark.parametrize("dim", [-1, 0, 1])
def test_vmap_over_members_gives_each_ones_own_sample_and_gradient(estimator, binary, dim):
    x, noise, draws, s, tau_b, surrogate = members(estimator, binary=binary)

    def one(x, s, tau_b):
        return sample(x, noise, draws, s, tau_b, surrogate, binary=binary, dim=dim)

    stacked, single = x.clone().requires_grad_(), x.clone().requires_grad_()
    together = vmap(one)(stacked, s, tau_b)
    apart = torch.stack([one(single[m], s[m], tau_b[m]) for m in range(M)])
    torch.testing.assert_close(together, apart, rtol=1e-14, atol=0)  # 0 and 1, but for the estimator soft
    torch.testing.assert_close(gradient(together, stacked), gradient(apart, single), rtol=1e-12, atol=1e-14)


@every_estimator
@both
def test_vmap_twice_with_noise_of_the_outer_axis_as_in_a_population(estimator, binary):
    x, noise, draws, s, tau_b, surrogate = members(estimator, binary=binary)
    x = torch.stack([x, -x])  # [S, T, ...]
    noise, draws = torch.stack([noise, noise.flip(0)]), torch.stack([draws, draws.flip(1)], 1)

    def one(x, noise, draws, s, tau_b):
        return sample(x, noise, draws, s, tau_b, surrogate, binary=binary)

    inner = vmap(one, in_dims=(0, None, None, 0, 0))
    stacked, single = x.clone().requires_grad_(), x.clone().requires_grad_()
    together = vmap(inner, in_dims=(0, 0, 1, None, None))(stacked, noise, draws, s, tau_b)
    apart = torch.stack(
        [
            torch.stack([one(single[i, m], noise[i], draws[:, i], s[m], tau_b[m]) for m in range(M)])
            for i in range(2)
        ]
    )
    torch.testing.assert_close(together, apart, rtol=1e-14, atol=0)  # 0 and 1, but for the estimator soft
    torch.testing.assert_close(gradient(together, stacked), gradient(apart, single), rtol=1e-12, atol=1e-14)


@both
@pytest.mark.parametrize("what", ["noise", "s", "tau_b", "an axis in the middle"])
def test_any_argument_may_be_the_one_that_is_batched(binary, what):
    x, noise, _, s, tau_b, surrogate = members("decoupled", binary=binary)
    single = x[0].clone().requires_grad_()
    noises = torch.stack([noise, noise.flip(0), noise.flip(1)])
    if what == "an axis in the middle":
        batched = x.movedim(0, 1).clone().requires_grad_()
        z = vmap(lambda x: sample(x, noise, None, 0.5, 1.0, surrogate, binary=binary), in_dims=1)(batched)
        expected = sample(x, noise, None, 0.5, 1.0, surrogate, binary=binary)
        assert torch.equal(z, expected)
        return
    arguments = {"noise": (noises, 0.5, 1.0), "s": (noise, s, 1.0), "tau_b": (noise, 0.5, tau_b)}[what]
    in_dims = tuple(0 if kind == what else None for kind in ("noise", "s", "tau_b"))

    def one(noise, s, tau_b):
        return sample(single, noise, None, s, tau_b, surrogate, binary=binary)

    together = vmap(one, in_dims=in_dims)(*arguments)
    apart = torch.stack(
        [one(*(a[m] if d == 0 else a for a, d in zip(arguments, in_dims, strict=True))) for m in range(M)]
    )
    torch.testing.assert_close(together, apart, rtol=1e-14, atol=0)  # 0 and 1, but for the estimator soft
    torch.testing.assert_close(gradient(together, single), gradient(apart, single), rtol=1e-12, atol=1e-14)


@every_estimator
def test_grad_and_vmap_of_grad_are_autograds(estimator):
    x, noise, draws, s, tau_b, surrogate = members(estimator, binary=False)
    weights = torch.arange(20, dtype=torch.float64).view(SHAPE)

    def loss(x, s, tau_b):
        return (sample(x, noise, draws, s, tau_b, surrogate, binary=False) * weights).sum()

    found = vmap(grad(loss))(x, s, tau_b)
    for m in range(M):
        mine = x[m].clone().requires_grad_()
        expected = torch.autograd.grad(loss(mine, s[m], tau_b[m]), mine)[0]
        torch.testing.assert_close(found[m], expected, rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(grad(loss)(x[m], s[m], tau_b[m]), expected, rtol=1e-12, atol=1e-14)


def test_per_example_gradients_of_a_module_with_the_layer():
    model = nn.Sequential(nn.Linear(6, 4), StraightThrough(tau_f=0.0, tau_b=1.0), nn.Linear(4, 2)).double()
    x = logits(7, 6).detach()
    own = {name: p.detach() for name, p in model.named_parameters()}
    found = vmap(grad(lambda p, x: functional_call(model, p, (x,)).square().sum()), in_dims=(None, 0))(own, x)
    for i in range(7):
        model.zero_grad()
        model(x[i]).square().sum().backward()
        torch.testing.assert_close(found["0.weight"][i], model[0].weight.grad, rtol=1e-12, atol=1e-14)
