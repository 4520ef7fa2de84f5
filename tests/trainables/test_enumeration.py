"""Exact bias and variance against brute force by autograd, Monte Carlo, and closed forms, all through
decoupled_st itself.
"""

import itertools
import json
import math
from dataclasses import asdict
from functools import cache

import pytest
import torch
import torch.nn.functional as F

from tests.support.tasks import all_digits
from trainables import decoupled_st
from trainables.diagnostics import Diagnosis
from trainables.enumeration import ENUMERATED, MAX_CODES, errors_as_json, estimator_errors, loss_table
from trainables.optim import PLAIN
from trainables.population import Configuration, Population
from trainables.tasks.base import Code
from trainables.tasks.catae import CatAE, CatAEOptions
from trainables.tasks.sbn import SBN, SBNOptions

pytestmark = pytest.mark.usefixtures("one_thread")

N, L, K = 3, 2, 3
TAU_F, TAU_B = [0.0, 0.2, 0.7, 1.0, 3.0], [0.1, 0.7, 1.0, 2.5]
CODES = list(itertools.product(range(K), repeat=L))


def normal(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


LOGITS = normal(N, L, K)
INNER, OUTER, LINEAR = normal(5, L * K, seed=1), normal(N, 5, seed=2), normal(N, L, K, seed=3)


def curved(z):
    """A loss [C, n] of codes [C, n, L, K], neither linear nor the same for the examples."""
    return ((z.flatten(2) @ INNER.T).sin() * OUTER).sum(-1).exp()


def linear(z):
    return (LINEAR * z).sum((-2, -1))


@cache
def table(losses=curved):
    return loss_table(Code(LOGITS, losses))


def probability(logits, code, tau_f):
    """Of one code for one example, [L, K]."""
    if tau_f == 0:
        return logits.new_tensor(float(logits.argmax(-1).tolist() == list(code)))
    p = (logits / tau_f).softmax(-1)
    return torch.stack([p[i, k] for i, k in enumerate(code)]).prod()


def losses_of_one(n, z, losses=curved):
    """The loss of example n, at one code [L, K]."""
    return losses(z.expand(1, N, L, K))[0, n]


def estimate(n, code, tau_b):
    """The estimator's gradient [L, K] of one example where the noise makes the sample this code."""
    logits = LOGITS[n].clone().requires_grad_()
    noise = 1e6 * F.one_hot(torch.tensor(code), K).double()
    z = decoupled_st(logits, 1.0, tau_b, noise=noise)
    assert z.argmax(-1).tolist() == list(code)
    return torch.autograd.grad(losses_of_one(n, z), logits)[0]


@pytest.mark.parametrize("n", range(N))
def test_the_gradient_is_that_of_the_expected_loss_at_the_same_tau_f(n):
    found = estimator_errors(table(), TAU_F, TAU_B)
    assert found.gradient[0].isnan().all()  # argmax is a step: nothing to compare with
    for f, tau_f in enumerate(TAU_F[1:], start=1):
        logits = LOGITS[n].clone().requires_grad_()
        values = [losses_of_one(n, F.one_hot(torch.tensor(code), K).double()) for code in CODES]
        expected = sum(
            probability(logits, code, tau_f) * value for code, value in zip(CODES, values, strict=True)
        )
        exact = torch.autograd.grad(expected, logits)[0]
        torch.testing.assert_close(found.gradient[f, n], exact, rtol=1e-12, atol=1e-14)
        assert float(found.exact_norm[f, n]) == pytest.approx(float(exact.norm()), rel=1e-12)


@pytest.mark.parametrize("n", range(N))
def test_bias_and_variance_are_those_of_brute_force_at_every_pair(n):
    found = estimator_errors(table(), TAU_F, TAU_B)
    for (f, tau_f), (b, tau_b) in itertools.product(enumerate(TAU_F), enumerate(TAU_B)):
        p = torch.stack([probability(LOGITS[n], code, tau_f) for code in CODES])
        estimates = torch.stack([estimate(n, code, tau_b) for code in CODES])  # [C, L, K]
        mean = (p[:, None, None] * estimates).sum(0)
        variance = (p * (estimates - mean).square().sum((1, 2))).sum()
        torch.testing.assert_close(found.mean[f, b, n], mean, rtol=1e-10, atol=1e-14)
        torch.testing.assert_close(found.variance[f, b, n], variance, rtol=1e-9, atol=1e-14)
        gradient = found.gradient[f, n]
        assert float(found.bias[f, b, n]) == pytest.approx(
            float((mean - gradient).norm()), rel=1e-9, nan_ok=True
        )
        cosine = F.cosine_similarity(mean.flatten(), gradient.flatten(), dim=0)
        assert float(found.cosine[f, b, n]) == pytest.approx(float(cosine), rel=1e-9, nan_ok=True)


def test_samples_of_the_estimator_have_the_mean_and_the_variance():
    R = 100_000
    found = estimator_errors(table(), [0.7], [1.0])
    logits = LOGITS.expand(R, N, L, K).clone().requires_grad_()
    torch.manual_seed(5)
    (samples,) = torch.autograd.grad(curved(decoupled_st(logits, 0.7, 1.0)).sum(), logits)  # [R, n, L, K]
    error = samples.std(0) / math.sqrt(R)
    assert ((samples.mean(0) - found.mean[0, 0]).abs() < 5 * error).all()
    deviations = (samples - samples.mean(0)).square().sum((2, 3))  # [R, n]
    assert ((deviations.mean(0) - found.variance[0, 0]).abs() < 5 * deviations.std(0) / math.sqrt(R)).all()


def test_of_a_linear_loss_the_diagonal_is_unbiased_and_nothing_varies():
    taus = [0.3, 1.0, 2.0]
    found = estimator_errors(table(linear), taus, taus)
    on = torch.eye(3, dtype=torch.bool)
    assert (found.bias[on] < 1e-13).all()
    assert (found.bias[~on] > 1e-3).all()
    torch.testing.assert_close(found.cosine[on], torch.ones(3, N, dtype=torch.float64))
    assert (found.variance == 0).all()


def test_a_small_tau_f_tends_to_argmax():
    small, argmax = (estimator_errors(table(), [tau], TAU_B) for tau in (1e-3, 0.0))
    torch.testing.assert_close(small.mean, argmax.mean)
    assert (argmax.variance == 0).all()
    assert (small.variance < 1e-12).all()
    assert (small.exact_norm < 1e-12).all()  # the limit of the gradient that argmax does not have
    assert argmax.bias.isnan().all()


def test_codes_are_looked_at_once_whatever_the_temperatures():
    seen = []

    def counted(z):
        seen.extend(z[:, 0].argmax(-1).tolist())
        return curved(z)

    once = loss_table(Code(LOGITS, counted))
    estimator_errors(once, TAU_F, TAU_B)
    assert sorted(map(tuple, seen)) == CODES
    assert once.codes.tolist() == seen


def test_too_many_codes_are_an_error_and_make_no_file():
    code = Code(torch.zeros(1, 13, 2), lambda z: z.sum((2, 3)))
    assert MAX_CODES < 2**13
    with pytest.raises(ValueError, match=r"a code is enumerated up to 4096 values. Got 2\^13\."):
        loss_table(code)
    assert errors_as_json([code], [1.0], [1.0]) is None
    assert errors_as_json([], [1.0], [1.0]) is None


# --- of a task ---


def population(task, **keywords):
    configurations = [Configuration("decoupled", 0.5, 1.0, 1e-3), Configuration("gumbel", None, 1.0, 1e-3)]
    models = Population(task, all_digits(), configurations, [4, 5], batch_size=32, **keywords)
    models.train(10)
    return models


def test_the_code_of_an_autoencoder_has_its_logits_and_its_loss():
    task = CatAE(all_digits(), CatAEOptions(hidden=(12,), latents=2, classes=4))
    models = population(task, dtype=torch.float64)
    parameters = {name: p[1:, 1:].detach() for name, p in models.parameters.items()}
    members = models.select([0]).members
    inputs = all_digits().train.inputs[:3]
    code = task.code(parameters, inputs)
    noise = normal(1, 1, 2, 4, 3)
    z = decoupled_st(code.logits, 0.5, 1.0, noise=noise[0, 0].permute(2, 0, 1))
    losses = code.losses(z[None])
    assert losses.shape == (1, 3)
    loss = task.loss(parameters, inputs[None], torch.zeros(1, 3), {"code": noise}, members)
    assert float(losses.mean()) == pytest.approx(float(loss), rel=1e-12)


def test_the_file_of_a_trial_says_what_was_enumerated_and_does_not_depend_on_the_population():
    task = CatAE(all_digits(), CatAEOptions(hidden=(12,), latents=2, classes=4))
    models = population(task)
    diagnosis = Diagnosis(2, (0.0, 0.5), (0.5, 1.0, 2.0))
    files = models.bias_artifacts(1, 1, diagnosis)
    assert models.select([1]).bias_artifacts(1, 0, diagnosis) == files
    found = json.loads(files["bias.json"])
    assert (found["codes"], found["examples"], found["tau_f"], found["tau_b"]) == (
        16,
        ENUMERATED,
        [0.0, 0.5],
        [0.5, 1.0, 2.0],
    )
    trained = {
        "estimator": "gumbel",
        "tau_f": None,
        "tau_b": 1.0,
        "lr": 1e-3,
        "logit_scale": 1.0,
        "schedule": [],
        "optimizer": asdict(PLAIN) | {"betas": [*PLAIN.betas]},
    }
    assert found["trial"] == trained | {"seed": 5}
    assert (found["bias"][0], found["exact_norm"][0], found["variance"][0]) == ([None] * 3, None, [0.0] * 3)
    code = task.code(
        {name: p[1:, 1:].detach().double() for name, p in models.parameters.items()},
        all_digits().train.inputs[:8],
    )
    expected = estimator_errors(loss_table(code), [0.5], [0.5, 1.0, 2.0])  # all examples at once
    for name in ("bias", "variance", "cosine"):
        assert found[name][1] == pytest.approx(getattr(expected, name)[0].mean(-1).tolist(), rel=1e-9)
    assert found["exact_norm"][1] == pytest.approx(float(expected.exact_norm.mean()), rel=1e-9)


def test_a_diverged_member_has_a_file_of_nothing():
    models = population(CatAE(all_digits(), CatAEOptions(hidden=(), latents=2, classes=4)))
    for p in models.parameters.values():
        p.data.fill_(torch.nan)
    found = json.loads(models.bias_artifacts(0, 0, Diagnosis(2, (0.5,), (1.0,)))["bias.json"])
    assert (found["bias"], found["variance"], found["exact_norm"]) == ([[None]], [[None]], [None])


def test_a_network_without_a_single_code_has_no_file():
    assert (
        population(SBN(all_digits(), SBNOptions(units=(8,)))).bias_artifacts(
            0, 0, Diagnosis(2, (0.5,), (1.0,))
        )
        == {}
    )
