"""The rescaling control: decoupled ST at (tau_f, tau_b) is decoupled ST at (1, tau_b / tau_f) with a scaled
logit layer.
"""

from dataclasses import replace

import pytest
import torch

from tests.support.tasks import OPTIONS, TASKS, digits, parameters
from trainables import optim
from trainables.population import Configuration, Population
from trainables.tasks.catae import CatAE, CatAEOptions
from trainables.testing.subject import BATCH, identical

pytestmark = pytest.mark.usefixtures("one_thread")
every_task = pytest.mark.parametrize("name", TASKS)

PAIRS = [(0.1, 0.7), (0.3, 0.3), (2.0, 0.5), (0.5, 2.0)]
T = len(PAIRS)
STEPS, INTERVALS = 10, 5
RATES = {"dln": 1e-2}

# Without eps Adam's update does not depend on the gradient's scale, and the two differ by rounding: after 50
# steps no sampled bit did (the losses are equal), and parameters by 4e-15. With eps a parameter whose
# gradient is near 1e-8 (1e-8 * tau_f in the control) moves more slowly in one of the two, by up to its
# learning rate in a step: after 50 steps losses differed by 4e-4 of their value at most. A control with only
# one of its two scales is off by 1e-3 and more.
EXACT, EPS = {"rtol": 1e-12, "atol": 1e-13}, {"rtol": 1e-3, "atol": 0.0}


def controlled(lr, **keywords):
    """The pairs, and the control of each."""
    pairs = [Configuration("decoupled", f, b, lr, **keywords) for f, b in PAIRS]
    return pairs + [
        Configuration("decoupled", 1.0, b / f, lr, logit_scale=1 / f, **keywords) for f, b in PAIRS
    ]


def population(name, configurations, *, dtype=torch.float64, seeds=(0, 7)):
    options = {key: value for key, value in OPTIONS[name].items() if key != "kl_weight"}
    task = TASKS[name](digits(), TASKS[name].options_type.parse(options))
    return Population(
        task, digits(), configurations, seeds, batch_size=BATCH, dtype=dtype, total_steps=STEPS * INTERVALS
    )


def trajectory(models):
    """Training and validation loss after each interval, [intervals, 2, S, 2*T]."""
    objective = models.task.objective.name
    return torch.stack(
        [torch.stack([models.train(STEPS), models.evaluate()[objective]]) for _ in range(INTERVALS)]
    )


def rescaled(models):
    """Parameters of the pairs and of their controls, these with logits times tau_f: both {name: [S, T,
    ...]}.
    """
    taus = torch.tensor([f for f, _ in PAIRS], dtype=torch.float64)
    logits = models.task.logit_parameters()

    def back(name, p):
        return p * taus.view(-1, *(1,) * (p.ndim - 2)) if name in logits else p

    found = parameters(models)
    return {name: p[:, :T] for name, p in found.items()}, {
        name: back(name, p[:, T:]) for name, p in found.items()
    }


@every_task
@pytest.mark.parametrize(
    "optimizer",
    [{}, {"weight_decay": 0.3, "betas": (0.8, 0.99), "schedule": "cosine", "warmup": 0.2}],
    ids=str,
)
def test_the_control_is_the_pair_but_for_adams_eps(name, optimizer, monkeypatch):
    monkeypatch.setattr(optim, "EPS", 1e-30)
    models = population(name, controlled(RATES.get(name, 1e-3), optimizer=optimizer))
    mine, control = rescaled(models)
    torch.testing.assert_close(mine, control, **EXACT)
    found = trajectory(models)
    torch.testing.assert_close(found[..., :T], found[..., T:], **EXACT)
    torch.testing.assert_close(*rescaled(models), **EXACT)


@every_task
def test_with_adams_eps_the_trajectories_stay_together(name):
    found = trajectory(population(name, controlled(RATES.get(name, 1e-3))))
    torch.testing.assert_close(found[..., :T], found[..., T:], **EPS)


@every_task
@pytest.mark.parametrize("lacking", ["initial values", "learning rates"])
def test_the_control_needs_both_of_its_scales(name, lacking, monkeypatch):
    monkeypatch.setattr(optim, "EPS", 1e-30)
    configurations = controlled(RATES.get(name, 1e-3))
    models = population(name, configurations)
    if lacking == "learning rates":
        scaled = parameters(models)
        models = population(name, [replace(c, logit_scale=1.0) for c in configurations])
    for key in models.task.logit_parameters():
        p = models.parameters[key].data
        p[:, T:] = p[:, :T] if lacking == "initial values" else scaled[key][:, T:]
    found = trajectory(models)
    for t in (0, 2, 3):
        off = ((found[..., t] - found[..., T + t]) / found[..., t]).abs().max()
        assert off > 1e-3


@every_task
def test_the_ratio_of_signal_to_noise_is_that_of_the_pair(name):
    models = population(name, controlled(1e-3))
    found = models.diagnose(8)["grad_snr"]
    torch.testing.assert_close(found[:, :T], found[:, T:], rtol=1e-9, atol=0)


@every_task
def test_a_scaled_member_is_trained_alike_in_any_company_and_continues_from_its_state(name):
    configurations = controlled(RATES.get(name, 1e-3))
    models = population(name, configurations)
    models.train(STEPS)
    alone = population(name, configurations[T + 2 : T + 3], seeds=(7,))
    alone.train(STEPS)
    torch.testing.assert_close(
        parameters(alone),
        {key: p[1:, T + 2 : T + 3] for key, p in parameters(models).items()},
        rtol=1e-11,
        atol=1e-12,
    )
    chosen = models.select([T + 2, 0])
    assert chosen.configurations == (configurations[T + 2], configurations[0])
    resumed = population(name, configurations)
    resumed.load_state_dict(models.state_dict())
    for one in (models, chosen, resumed):
        one.train(STEPS)
    assert identical(parameters(resumed), parameters(models))
    torch.testing.assert_close(
        parameters(chosen),
        {key: p[:, [T + 2, 0]] for key, p in parameters(models).items()},
        rtol=1e-11,
        atol=1e-12,
    )


def test_the_state_of_another_scale_is_an_error():
    pair, control = (population("dln", [c]) for c in (controlled(1e-2)[1], controlled(1e-2)[T + 1]))
    with pytest.raises(ValueError, match="the state is of other trials"):
        pair.load_state_dict(control.state_dict())


def test_what_is_not_scaled_is_trained_as_ever(monkeypatch):
    plain, beside = population("sbn", controlled(1e-3)[:T]), population("sbn", controlled(1e-3))
    calls, fused = [], optim.fused_adam_
    monkeypatch.setattr(optim, "fused_adam_", lambda *a, **k: (calls.append(1), fused(*a, **k))[1])
    plain.train(1)
    assert len(calls) == 1  # of the optimiser's kernel, as without the control
    beside.train(1)
    assert len(calls) > 2


def test_a_task_that_names_no_logit_parameters_cannot_be_controlled():
    task = CatAE(digits(), CatAEOptions(hidden=(), kl_weight=0.1))  # its KL term sees the logits themselves
    with pytest.raises(
        ValueError, match="this task names no logit_parameters, so its logits cannot be scaled"
    ):
        Population(task, digits(), controlled(1e-3), [0], batch_size=BATCH)


@pytest.mark.parametrize("scale", [0.0, -1.0, float("inf"), float("nan")])
def test_a_scale_must_be_positive(scale):
    with pytest.raises(ValueError, match="logit_scale must be > 0 and finite"):
        Configuration("decoupled", 1.0, 1.0, 1e-3, logit_scale=scale)
