"""The loss of a module's members on each example, from which the interval over examples is made."""

import logging

import pytest
import torch
import torch.nn.functional as F

from tests.support.module_models import Autoencoder, BinaryNetwork, accuracy, cross_entropy_of_pixels
from tests.support.module_populations import EVERY, everything, population, task_of
from tests.support.tasks import all_digits

pytestmark = pytest.mark.usefixtures("one_thread")


def losses_of(factory, dataset, *, seeds=(0, 1), **keywords):
    """The losses of examples of the validation split [S, T, N], and the objective [S, T]."""
    task = task_of(factory, dataset=dataset, **keywords)
    models = population(task, EVERY[:3], seeds, dataset=dataset)
    models.train(3)
    split = dataset.validation
    objective = task.objective.name
    found = task.example_losses(everything(models), split, models.members)
    return found, task.evaluate(everything(models), split, models.members)[objective]


@pytest.mark.parametrize("stack", ["vmap", "loop"])
@pytest.mark.parametrize(
    "keywords",
    [
        {},
        {"samples": 1, "chunk": 7},
        {"objective": "val_loss_argmax"},
        {"metrics": {"accuracy": accuracy}, "objective": "val_accuracy", "maximize": ["accuracy"]},
    ],
    ids=["loss", "chunks", "argmax", "metric"],
)
def test_the_losses_of_examples_have_the_objective_as_their_mean(stack, keywords):
    found, objective = losses_of(BinaryNetwork, all_digits(), stack=stack, **keywords)
    assert found.shape == (2, 3, len(all_digits().validation))
    torch.testing.assert_close(found.mean(-1), objective)
    assert found.std(-1).min() > 0


def test_an_autoencoders_losses_are_those_of_its_own_function():
    found, objective = losses_of(
        Autoencoder, all_digits(), loss=cross_entropy_of_pixels, target="inputs", samples=1
    )
    torch.testing.assert_close(found.mean(-1), objective)


def root_mean_square(output, labels):
    return F.cross_entropy(output, labels).sqrt()


def of_no_vmap(output, labels):
    assert F.cross_entropy(output, labels).item() > 0
    return F.cross_entropy(output, labels)


@pytest.mark.parametrize(
    ("loss", "said"), [(root_mean_square, "loss is no mean over them"), (of_no_vmap, "vmap")]
)
def test_a_loss_that_is_no_mean_over_examples_tells_none_and_the_log_says_why(loss, said, caplog):
    caplog.set_level(logging.INFO)
    found, _ = losses_of(BinaryNetwork, all_digits(), loss=loss, stack="loop")
    assert found is None
    assert "BinaryNetwork tells no losses of examples" in caplog.text
    assert said in caplog.text


def test_a_member_that_diverged_has_no_losses_of_examples_and_its_neighbours_have():
    task = task_of(BinaryNetwork, dataset=all_digits())
    models = population(task, EVERY[:2], [0, 1], dataset=all_digits())
    models.parameters["head.weight"].data[0, 1] = torch.nan
    found = models.example_losses()
    assert found[0, 1].isnan().all()
    assert found[:, 0].isfinite().all()
    assert found[1].isfinite().all()


def test_what_confirms_is_evaluated_with_other_noise_than_what_selects():
    task = task_of(BinaryNetwork, dataset=all_digits())
    models = population(task, EVERY[:1], [0], dataset=all_digits())
    split = all_digits().validation
    first, again, other = (
        task.evaluate(everything(models), split.part(0, 50, noise_seed=seed), models.members)
        for seed in (0, 0, 1)
    )
    assert first["val_loss"] == again["val_loss"] != other["val_loss"]
    assert first["val_loss_argmax"] == other["val_loss_argmax"]
