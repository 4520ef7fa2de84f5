"""Members whose temperatures, learning rate or optimiser change while they train."""

from dataclasses import replace

import pytest
import torch

from tests.support.sbn import OPTIONS, STEPS, A, B, equal, population, trained
from tests.support.tasks import all_digits
from trainables.population import Configuration, Population
from trainables.tasks.sbn import SBN

pytestmark = pytest.mark.usefixtures("one_thread")


def scheduled(*segments):
    _, tau_f, tau_b, lr = segments[0]
    return Configuration("decoupled", tau_f, tau_b, lr, schedule=segments)


def test_a_constant_schedule_is_a_constant_temperature_bit_for_bit():
    constant = scheduled((0, 0.5, 1.0, 1e-3), (0.3, 0.5, 1.0, 1e-3), (0.7, 0.5, 1.0, 1e-3))
    (models, loss), (expected, expected_loss) = trained([constant], [0, 7]), trained([A], [0, 7])
    assert equal(models.parameters.values(), expected.parameters.values())
    assert torch.equal(loss, expected_loss)
    assert equal(models.evaluate().values(), expected.evaluate().values())


def test_a_schedule_changes_temperatures_and_learning_rate_at_its_epoch():
    later = Configuration("decoupled", 0.0, 0.3, 3e-3)  # E
    models = population([scheduled((0, 0.5, 1.0, 1e-3), (10 / 37, 0.0, 0.3, 3e-3)), B], [0, 7])
    models.train(STEPS)
    before = population([A, B], [0, 7])
    before.train(10)
    after = population([later, B], [0, 7])
    after.load_state_dict(before.state_dict() | {"configurations": after.state_dict()["configurations"]})
    after.train(STEPS - 10)
    assert equal(models.parameters.values(), after.parameters.values())


@pytest.mark.parametrize(
    "segments",
    [
        [(1, 0.5, 1.0, 1e-3)],
        [(0, 0.6, 1.0, 1e-3)],
        [(0, 0.5, 1.0, 1e-3), (0, 0.1, 1.0, 1e-3)],
        [(0, 0.5, 1.0, 1e-3), (1, 0.5, 0.0, 1e-3)],
        [(0, 0.5, 1.0, 1e-3), (1, 0.5, 1.0, 0.0)],
    ],
)
def test_a_schedule_that_cannot_be_trained_is_an_error(segments):
    with pytest.raises(ValueError, match=r"schedule must begin|tau_b must be|lr must be"):
        Configuration("decoupled", 0.5, 1.0, 1e-3, schedule=tuple(segments))


OPTIMIZER = {"weight_decay": 0.1, "betas": [0.8, 0.99], "clip_norm": 0.5, "schedule": "cosine", "warmup": 0.2}


def with_optimizer(configuration, optimizer):
    return replace(configuration, optimizer=optimizer)


def optimised(configurations, *, total_steps=STEPS):
    return Population(
        SBN(all_digits(), OPTIONS),
        all_digits(),
        configurations,
        [0, 7],
        batch_size=32,
        total_steps=total_steps,
    )


def test_a_members_optimizer_is_its_own_wherever_it_stands():
    configurations = [A, with_optimizer(A, OPTIMIZER), with_optimizer(B, {"weight_decay": 0.1}), B]
    together = optimised(configurations)
    together.train(STEPS)
    for t, configuration in enumerate(configurations):
        alone = optimised([configuration])
        alone.train(STEPS)
        for name, p in alone.parameters.items():
            torch.testing.assert_close(together.parameters[name][:, t : t + 1], p, rtol=1e-5, atol=1e-5)


def test_an_optimizer_of_defaults_changes_nothing():
    models = optimised([with_optimizer(A, {"weight_decay": 0.0, "betas": [0.9, 0.999]})])
    models.train(STEPS)
    assert equal(models.parameters.values(), trained([A], [0, 7])[0].parameters.values())


def test_a_saved_population_continues_its_schedules():
    configurations = [with_optimizer(A, OPTIMIZER), B]
    whole, first, second = (optimised(configurations) for _ in range(3))
    whole.train(STEPS)
    first.train(11)
    second.load_state_dict(first.state_dict())
    second.train(STEPS - 11)
    assert equal(whole.parameters.values(), second.parameters.values())
    other = optimised([A, B])
    with pytest.raises(ValueError, match="the state is of other trials"):
        other.load_state_dict(first.state_dict())


def test_a_schedule_needs_the_trainings_length():
    with pytest.raises(ValueError, match="needs total_steps, the training's length"):
        optimised([with_optimizer(A, {"warmup": 0.1})], total_steps=None)
    with pytest.raises(ValueError, match="warmup must be a share of the training"):
        with_optimizer(A, {"warmup": 2})
