"""The built-in networks written as plain modules: with the same noise they take the same course of
training.
"""

import pytest
import torch

from tests.support.module_models import (
    Autoencoder,
    BinaryNetwork,
    accuracy,
    cross_entropy_of_pixels,
)
from tests.support.module_populations import (
    EVERY,
    population,
    task_of,
)
from tests.support.tasks import all_digits
from trainables.data import Dataset, Split
from trainables.tasks import task_type

pytestmark = pytest.mark.usefixtures("one_thread")
STEPS = 50


def with_noise_of(task, built_in, change):
    """The module's task with the built-in task's noise, its axes in the module's order."""
    task.noise = lambda batch_size, generator: change(built_in.noise(batch_size, generator))
    return task


def check_same_course(built_in, models, names):
    """50 steps of both from the built-in's initial parameters; `names`: the module's to the built-in's."""
    assert names.keys() == models.parameters.keys()
    for name, other in names.items():
        target = models.parameters[name].data
        target.copy_(built_in.parameters[other].data.view(target.shape))
    for _ in range(STEPS // 10):
        torch.testing.assert_close(models.train(10), built_in.train(10), rtol=1e-9, atol=1e-9)
    for name, other in names.items():
        expected = built_in.parameters[other].view(models.parameters[name].shape)
        torch.testing.assert_close(models.parameters[name], expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("stack", ["vmap", "loop"])
def test_the_binary_network_as_a_module_takes_the_built_in_ones_course(stack):
    cls = task_type("sbn")
    built_in = cls(all_digits(), cls.options_type.parse({"units": [16, 12]}))
    task = with_noise_of(
        task_of(BinaryNetwork, dataset=all_digits(), stack=stack, metrics={"accuracy": accuracy}),
        built_in,
        lambda noise: {f"{name}/0": n.mT for name, n in noise.items()},
    )
    layers = ["layers.0", "layers.1", "head"]
    names = {f"{layer}.weight": f"weight_{i}" for i, layer in enumerate(layers)}
    names |= {f"{layer}.bias": f"bias_{i}" for i, layer in enumerate(layers)}
    before, after = (population(one, EVERY, [0, 7], dataset=all_digits()) for one in (built_in, task))
    check_same_course(before, after, names)
    expected, found = before.evaluate(), after.evaluate()
    for name in ("val_loss_argmax", "val_accuracy_argmax"):  # the sampled ones have noise of their own
        torch.testing.assert_close(found[name], expected[name], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("stack", ["vmap", "loop"])
def test_the_autoencoder_as_a_module_takes_the_built_in_ones_course(stack):
    cls = task_type("catae")
    built_in = cls(all_digits(), cls.options_type.parse({"hidden": [24], "latents": 3, "classes": 5}))
    # digits have labels, and the autoencoder's target is its input.
    unlabelled = Dataset(
        **{
            **{name: getattr(all_digits(), name) for name in ("name", "shape", "classes", "largest")},
            **{
                part: Split(getattr(all_digits(), part).inputs, None)
                for part in ("train", "validation", "test")
            },
        }
    )
    task = with_noise_of(
        task_of(Autoencoder, dataset=unlabelled, loss=cross_entropy_of_pixels, stack=stack),
        built_in,
        lambda noise: {"code/0": noise["code"].permute(2, 0, 1)},
    )
    parts = ("encode", "encoder"), ("decode", "decoder")
    layers = {f"{mine}.{2 * i}": f"{other}_{i}" for mine, other in parts for i in range(2)}
    kinds = ("weight", "bias")
    names = {f"{mine}.{kind}": f"{other}_{kind}" for mine, other in layers.items() for kind in kinds}
    check_same_course(
        population(built_in, EVERY, [0, 7], dataset=all_digits()),
        population(task, EVERY, [0, 7], dataset=unlabelled),
        names,
    )
