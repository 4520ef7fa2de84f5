"""Populations of plain modules: the built-in networks as modules, members alone and in company, loop and
vmap.
"""

import io
import logging
import re
import subprocess
import sys
from dataclasses import fields
from functools import cache
from itertools import pairwise

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.support.module_models import (
    Autoencoder,
    BinaryNetwork,
    Mixed,
    Recurrent,
    accuracy,
    cross_entropy_of_pixels,
)
from tests.support.paths import ROOT
from tests.support.patience import patient
from tests.support.tasks import all_digits
from trainables.blocks import Blocks
from trainables.data import Dataset, Split
from trainables.data.arrays import from_examples
from trainables.diagnostics import Diagnosis
from trainables.metrics import Metrics
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from trainables.population import Configuration, Population
from trainables.tasks import task_type
from trainables.testing import CHECKS, Subject

pytestmark = pytest.mark.usefixtures("one_thread")
BATCH, STEPS = 16, 50
LEARNING_RATE = 3e-3
EVERY = [  # estimators of all kinds, in an order that makes several runs
    Configuration("decoupled", 0.5, 1.0, LEARNING_RATE),
    Configuration("softmax", 0.8, 0.8, 1e-2),
    Configuration("gumbel", None, 0.7, LEARNING_RATE),
    Configuration("gumbel_rao", None, 0.6, LEARNING_RATE),
    Configuration("identity", None, None, 1e-3),
    Configuration("reinmax", None, 1.1, LEARNING_RATE),
    Configuration("gst", None, 0.9, 1e-2),
    Configuration("decoupled", 0.0, 0.3, LEARNING_RATE),
]
SOFT = Configuration("soft", None, None, LEARNING_RATE)


@cache
def tabular():
    """90 examples of 6 features in 3 classes."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(90, 6, generator=generator)
    return from_examples((x, x[:, :3].argmax(1)), name="tabular")


def task_of(factory, *, dataset, loss=F.cross_entropy, options=None, **keywords):
    cls = ModuleTask.from_module(factory, loss=loss, **keywords)
    return cls(dataset, cls.options_type.parse(options or {}))


def population(task, configurations, seeds, *, dtype=torch.float64, dataset=None):
    data = tabular() if dataset is None else dataset
    return Population(task, data, configurations, seeds, batch_size=BATCH, dtype=dtype)


def everything(models):
    return {name: p.detach().clone() for name, p in (models.parameters | models.buffers).items()}


# --- the built-in networks as modules
# ----------------------------------------------------------------------------------------------


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


# --- members
# --------------------------------------------------------------------------------------------------

MODULES = {"mixed": Mixed, "recurrent": Recurrent}


@cache
def module_task(name, stack="auto"):
    return task_of(MODULES[name], dataset=tabular(), stack=stack, metrics={"accuracy": accuracy})


@cache
def alone(name, configuration, seed):
    models = population(module_task(name), [configuration], [seed])
    loss = models.train(20)
    return {k: v[0, 0] for k, v in (everything(models) | models.evaluate() | {"loss": loss}).items()}


@pytest.mark.parametrize("name", MODULES)
@pytest.mark.parametrize(
    ("seeds", "configurations"),
    [((7,), [EVERY[0], EVERY[0]]), ((0, 7), [*EVERY, SOFT]), ((7, 3, 0), [SOFT, *EVERY[::-1]])],
    ids=["twins", "every estimator", "reversed"],
)
def test_a_member_is_trained_alike_alone_and_in_any_population(name, seeds, configurations):
    models = population(module_task(name), configurations, seeds)
    loss = models.train(20)
    together = everything(models) | models.evaluate() | {"loss": loss}
    for s, seed in enumerate(seeds):
        for t, configuration in enumerate(configurations):
            mine = {key: value[s, t] for key, value in together.items()}
            torch.testing.assert_close(mine, alone(name, configuration, seed), rtol=1e-9, atol=1e-9)


def test_a_loop_gives_what_vmap_gives():
    assert (module_task("mixed").stack, module_task("mixed", "loop").stack) == ("vmap", "loop")
    both = [population(module_task("mixed", stack), [*EVERY, SOFT], [0, 7]) for stack in ("auto", "loop")]
    losses = [models.train(20) for models in both]
    torch.testing.assert_close(losses[0], losses[1], rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(everything(both[0]), everything(both[1]), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(both[0].evaluate(), both[1].evaluate(), rtol=1e-9, atol=1e-9)
    found = [models.diagnose(4) for models in both]
    torch.testing.assert_close(found[0], found[1], rtol=1e-7, atol=1e-9)


def test_batch_normalisation_keeps_the_statistics_of_every_member():
    models = population(module_task("mixed"), EVERY[:2], [0, 7])
    statistics = ("running_mean", "running_var", "num_batches_tracked")
    assert {*models.buffers} == {f"body.1.{name}" for name in statistics}
    models.train(3)
    mean = models.buffers["body.1.running_mean"]
    assert mean.shape == (2, 2, 8)
    assert not torch.equal(mean[0, 0], mean[1, 0])
    assert models.buffers["body.1.num_batches_tracked"].dtype == torch.int64
    assert (models.buffers["body.1.num_batches_tracked"] == 3).all()
    before = everything(models)
    models.evaluate()
    models.diagnose(3)
    assert all(torch.equal(tensor, before[name]) for name, tensor in everything(models).items())


@pytest.mark.parametrize("name", MODULES)
def test_a_saved_population_continues_bit_for_bit(name):
    task = module_task(name)
    uninterrupted = population(task, EVERY[:3], [0, 7], dtype=torch.float32)
    uninterrupted.train(4)
    file = io.BytesIO()
    torch.save(uninterrupted.state_dict(), file)
    file.seek(0)
    resumed = population(task, EVERY[:3], [0, 7], dtype=torch.float32)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(uninterrupted.train(5), resumed.train(5))
    assert all(torch.equal(t, everything(resumed)[n]) for n, t in everything(uninterrupted).items())


def test_a_selection_and_diagnostics_work_on_modules_as_on_built_in_tasks():
    models = population(module_task("mixed"), EVERY, [0, 7])
    models.train(3)
    chosen = models.select([1, 4])
    assert all(torch.equal(t, everything(models)[n][:, [1, 4]]) for n, t in everything(chosen).items())
    assert models.diagnose(4)["grad_snr"].shape == (2, len(EVERY))
    assert models.bias_artifacts(0, 0, Diagnosis(4, (0.5,), (1.0,))) == {}


class Checking(Mixed):
    """Fails where its input is not finite, as torch.distributions does."""

    def forward(self, x):
        h = super().forward(x)
        if not bool(h.isfinite().all()):
            raise ValueError("not finite")
        return h


def test_a_looped_member_that_diverged_leaves_its_neighbours_as_they_are():
    task = task_of(Checking, dataset=tabular())
    assert task.stack == "loop"
    ill, healthy = (population(task, EVERY[:3], [0, 7]) for _ in range(2))
    for p in ill.parameters.values():
        p.data[0, 1] = torch.nan
    losses, expected = ill.train(4), healthy.train(4)
    assert losses.isnan().tolist() == [[False, True, False], [False, False, False]]
    metrics = ill.evaluate()["val_loss"]
    assert metrics.isnan().tolist() == losses.isnan().tolist()
    keep = ~losses.isnan()
    assert torch.equal(losses[keep], expected[keep])
    assert torch.equal(metrics[keep], healthy.evaluate()["val_loss"][keep])


# --- random numbers
# --------------------------------------------------------------------------------------------------


def test_a_seeds_trials_drop_the_same_units_and_seeds_do_not():
    class Dropping(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(6))
            self.drop, self.code = nn.Dropout(0.5), StraightThrough(binary=True)

        def forward(self, x):
            return self.drop(self.weight * torch.ones_like(x)) + 0 * self.code(x)

    powers = 2.0 ** -torch.arange(6)
    for stack in ("vmap", "loop"):
        task = task_of(Dropping, dataset=tabular(), loss=lambda out, _: (out * powers).mean(), stack=stack)
        models = population(task, EVERY[:3], [0, 7])
        loss = models.train(1)  # tells the mask
        assert (loss == loss[:, :1]).all()
        assert loss[0, 0] != loss[1, 0]


class OwnNoise(Mixed):
    """Draws by itself, as a functional dropout does."""

    def forward(self, x):
        return super().forward(F.dropout(x, 0.5, self.training))


def test_a_module_that_draws_by_itself_is_looped_and_its_trials_share_what_it_draws(caplog):
    caplog.set_level(logging.INFO, "trainables.modules")
    task = task_of(OwnNoise, dataset=tabular())
    assert (task.stack, task.stack_reason) == ("loop", "OwnNoise draws random numbers by itself")
    assert "module OwnNoise is trained member by member: OwnNoise draws random numbers" in caplog.text
    models = population(task, [EVERY[0], EVERY[0]], [0, 7])
    torch.manual_seed(1)
    state = torch.get_rng_state()
    loss = models.train(3)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(loss[:, 0], loss[:, 1])
    torch.manual_seed(2)
    assert torch.equal(population(task, [EVERY[0]], [7]).train(3)[0, 0], loss[1, 0])


def test_another_site_changes_no_other_sites_noise():
    generator = torch.Generator().manual_seed(3)
    noise = module_task("mixed").noise(BATCH, generator)
    assert {*noise} == {"code/0", "sign/0", "body.3/0"}
    assert noise["code/0"].shape == (BATCH, 2, 4)
    assert noise["sign/0"].shape == (8, 3)
    again = task_of(WithMore, dataset=tabular()).noise(BATCH, generator)
    assert {*again} == {*noise, "more/0"}
    assert all(torch.equal(again[name], n) for name, n in noise.items())


class WithMore(Mixed):
    def __init__(self):
        super().__init__()
        self.more = StraightThrough()

    def forward(self, x):
        return super().forward(x) + self.more(x).sum()


def test_a_layer_that_is_called_for_every_step_has_noise_of_its_own_each_time():
    noise = module_task("recurrent").noise(BATCH, torch.Generator().manual_seed(3))
    calls = [noise[f"code/{k}"] for k in range(3)]
    assert not any(torch.equal(a, b) for a, b in pairwise(calls))


class Uncertain(nn.Module):
    """Samples as often as its data says."""

    def __init__(self):
        super().__init__()
        self.layer, self.code = nn.Linear(6, 3), StraightThrough()

    def forward(self, x):
        z = self.code(self.layer(x))
        for _ in range(int(x[0, 0].abs() * 3)):
            z = self.code(self.layer(x) + z)
        return z


def test_a_module_whose_data_says_how_often_it_samples_is_trained_with_shared_noise():
    task = task_of(Uncertain, dataset=tabular())
    assert task.stack == "loop"
    models = population(task, [EVERY[0], EVERY[0], EVERY[2]], [0, 7])
    loss = models.train(20)
    assert torch.equal(loss[:, 0], loss[:, 1])
    expected = population(task, [EVERY[2]], [7]).train(20)
    torch.testing.assert_close(loss[1:, 2:], expected, rtol=1e-9, atol=1e-9)


# --- what vmap cannot do
# --------------------------------------------------------------------------------------------------


class Branching(Mixed):
    def forward(self, x):
        h = super().forward(x)
        return h if h.mean() > 0 else 2 * h


class Item(Mixed):
    def forward(self, x):
        return super().forward(x) * self.signs.mean().item()


class NoRule(Mixed):
    def forward(self, x):
        return super().forward(x) + torch.histc(x).sum() + torch.histc(self.signs.detach()).sum()


class CumulativeNorm(Mixed):
    def __init__(self):
        super().__init__()
        self.body[1] = nn.BatchNorm1d(8, momentum=None)


@pytest.mark.parametrize(
    ("factory", "layer", "reason"),
    [
        (Recurrent, r"gru \(GRU\)", "Batching rule not implemented"),
        (Branching, "Branching", "data-dependent control flow"),
        (Item, "Item", "item()"),
        (NoRule, "torch has no batching rule for aten::histc", ""),
        (CumulativeNorm, r"body.1 \(BatchNorm1d\)", "item()"),
    ],
)
def test_what_vmap_cannot_do_is_looped_and_the_log_says_which_layer_and_why(factory, layer, reason, caplog):
    caplog.set_level(logging.INFO, "trainables.modules")
    task = task_of(factory, dataset=tabular())
    assert task.stack == "loop"
    assert f"module {factory.__name__} is trained member by member: " in caplog.text
    assert reason in caplog.text
    assert re.search(layer, caplog.text)
    models = population(task, EVERY[:2], [0, 7])
    assert models.train(5).isfinite().all()
    assert models.evaluate()["val_loss"].isfinite().all()
    with pytest.raises(ValueError, match=rf"module {factory.__name__} cannot be trained under vmap: .*auto"):
        task_of(factory, dataset=tabular(), stack="vmap")


def test_a_metric_that_vmap_cannot_do_is_looped_over_and_training_is_not(caplog):
    caplog.set_level(logging.INFO, "trainables.modules")

    def counted(output, labels):
        return torch.tensor((output.argmax(-1) == labels).sum().item() / len(labels), dtype=output.dtype)

    task = task_of(Mixed, dataset=tabular(), metrics={"counted": counted, "accuracy": accuracy})
    assert task.stack == "vmap"
    assert "module Mixed is evaluated member by member: a metric: vmap" in caplog.text
    models = population(task, EVERY[:3], [0, 7])
    models.train(3)
    metrics = models.evaluate()
    torch.testing.assert_close(metrics["val_counted"], metrics["val_accuracy"])


def test_convolutions_and_dictionaries_are_trained_under_vmap():
    class Convolution(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(16 + 2, 3)
            self.code = StraightThrough(dim=1)

        def forward(self, batch):
            z = self.code(self.conv(batch["image"])).flatten(1)
            return {"scores": self.head(torch.cat([z, batch["more"]], 1))}

    generator = torch.Generator().manual_seed(0)
    inputs = {
        "image": torch.randint(0, 256, (60, 1, 4, 4), dtype=torch.uint8, generator=generator),
        "more": torch.rand(60, 2, dtype=torch.float64, generator=generator),
    }
    data = from_examples((inputs, torch.arange(60) % 3))
    task = task_of(Convolution, dataset=data, loss=lambda output, y: F.cross_entropy(output["scores"], y))
    assert (task.stack, task.stack_reason) == ("vmap", "")
    models = population(task, EVERY[:2], [0, 7], dtype=torch.float32, dataset=data)
    assert models.train(4).isfinite().all()


def test_a_label_for_every_pixel_is_trained_as_a_class():
    class PerPixel(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.code, self.head = nn.Conv2d(1, 4, 1), StraightThrough(dim=1), nn.Conv2d(4, 2, 1)

        def forward(self, x):
            return self.head(self.code(self.conv(x)))

    images = torch.randint(
        0, 256, (40, 1, 5, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    data = from_examples((images, (images[:, 0] > 127).to(torch.uint8)))
    assert data.train.labels.dtype == torch.int64
    models = population(task_of(PerPixel, dataset=data), EVERY[:2], [0, 7], dataset=data)
    assert models.train(3).isfinite().all()


# --- the module's form
# --------------------------------------------------------------------------------------------------


def test_shared_frozen_and_unused_parameters_are_what_they_are_in_torch():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.one, self.two = nn.Linear(6, 6), nn.Linear(6, 6)
            self.two.weight = self.one.weight
            self.frozen, self.unused = nn.Linear(6, 3).requires_grad_(False), nn.Linear(2, 2)
            self.code = StraightThrough()

        def forward(self, x):
            return self.frozen(self.two(self.code(self.one(x))))

    for stack in ("vmap", "loop"):
        task = task_of(Tied, dataset=tabular(), stack=stack)
        models = population(task, EVERY[:2], [3])
        assert {*models.parameters} == {"one.weight", "one.bias", "two.bias", "unused.weight", "unused.bias"}
        assert {*models.buffers} == {"frozen.weight", "frozen.bias"}
        before = everything(models)
        models.train(3)
        after = everything(models)
        same = {name for name in after if torch.equal(before[name], after[name])}
        assert same == {"unused.weight", "unused.bias", "frozen.weight", "frozen.bias"}
        # The tied weight is one parameter: its gradient comes from both places.
        member = task.module({name: tensor[0, 0] for name, tensor in after.items()}, "decoupled", 0.5, 1.0)
        assert member.two.weight is member.one.weight


def test_the_keywords_of_a_factory_are_the_studys_options():
    cls = ModuleTask.from_module(Mixed, loss=F.cross_entropy)
    task = cls(tabular(), cls.options_type.parse({"width": 12}))
    assert population(task, EVERY[:1], [0]).parameters["signs"].shape == (1, 1, 12, 3)
    with pytest.raises(
        ValueError, match=r"^sise: is not an option of this task.*; it has stack, features, w"
    ):
        cls.options_type.parse({"sise": 3})
    with pytest.raises(ValueError, match=r"^width: must be like its default, 8"):
        cls.options_type.parse({"width": "wide"})
    with pytest.raises(ValueError, match=r"^stack: must be one of auto, vmap, loop"):
        cls.options_type.parse({"stack": "pile"})


def test_a_keyword_that_no_spec_can_name_keeps_its_default():
    def built(width=8, activation=nn.ReLU, sizes=[3, 4], name=None):  # noqa: B006  # users write it so
        assert (activation, sizes, name) == (nn.ReLU, (3, 4), None)
        return Mixed(6, width)

    cls = ModuleTask.from_module(built, loss=F.cross_entropy)
    assert [f.name for f in fields(cls.options_type)] == ["stack", "width", "sizes", "name"]
    cls(tabular(), cls.options_type.parse({"width": 4}))


def test_a_factory_may_ask_for_the_dataset():
    def sized(dataset, width=8):
        return Mixed(dataset.features, width)

    task = task_of(sized, dataset=tabular())
    assert population(task, EVERY[:1], [0]).parameters["body.0.weight"].shape[-1] == 6


def test_a_trained_member_is_an_ordinary_module_with_its_temperatures():
    models = population(module_task("mixed"), EVERY, [0, 7], dtype=torch.float32)
    models.train(5)
    parameters = {name: tensor[1, 2] for name, tensor in everything(models).items()}
    module = models.task.module(parameters, "gumbel", None, 0.7)
    assert not module.training
    assert (module.code.estimator, module.code.tau_b) == ("gumbel", 0.7)
    split = tabular().validation
    loss = F.cross_entropy(module(split.inputs), split.labels)
    torch.testing.assert_close(loss, models.evaluate()["val_loss_argmax"][1, 2])


def test_a_module_is_built_under_its_seed_and_leaves_torchs_generator_as_it_was():
    task = module_task("mixed")
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = task.init(torch.Generator().manual_seed(1))
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    again, other = (task.init(torch.Generator().manual_seed(k)) for k in (1, 2))
    assert all(torch.equal(again[name], t) for name, t in first.items())
    assert not torch.equal(other["signs"], first["signs"])


# --- parts and rungs
# --------------------------------------------------------------------------------------------------


def blocks_of(task, configurations):
    def build(trials, seeds):
        return population(task, [configurations[t] for t in trials], [(0, 7)[s] for s in seeds])

    return Blocks(build, trials=len(configurations), seeds=2)


@pytest.mark.parametrize("name", MODULES)
def test_trials_go_on_beside_others_with_their_buffers(name):
    task = module_task(name)
    whole = blocks_of(task, EVERY[:3])
    whole.train(0, 5, last=False)
    states = whole.trial_states()
    kept = blocks_of(task, [EVERY[2], EVERY[0]])
    kept.load_trial_states([states[2], states[0]], [EVERY[2], EVERY[0]])
    found = kept.train(5, 9, last=True).metrics
    expected = whole.train(5, 9, last=True).metrics
    assert {"train_loss", "val_loss", "test_loss", "test_accuracy"} <= found.keys()
    for metric, value in found.items():
        torch.testing.assert_close(value, expected[metric][:, [2, 0]], rtol=1e-9, atol=1e-9)


# --- the contract of a task
# --------------------------------------------------------------------------------------------------


@cache
def subject():
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(480, 6, generator=generator)
    data = from_examples((x, x[:, :3].argmax(1)), name="tabular")
    return Subject(ModuleTask.from_module(Mixed, loss=F.cross_entropy, metrics={"accuracy": accuracy}), data)


@pytest.mark.parametrize("check", CHECKS)
def test_the_contract(check):
    CHECKS[check](subject())


def test_the_metrics_are_declared():
    cls = subject().task_type
    declared = Metrics(cls.metrics)
    measured = population(module_task("mixed"), EVERY[:1], [0]).evaluate()
    assert {metric.name for metric in declared.declared} == measured.keys()
    assert [m.name for m in declared.panels()] == ["val_loss", "val_accuracy"]
    chosen = ModuleTask.from_module(
        Mixed,
        loss=F.cross_entropy,
        metrics={"accuracy": accuracy},
        objective="val_accuracy",
        maximize=["accuracy"],
    )
    assert (chosen.objective.name, chosen.objective.direction) == ("val_accuracy", "maximize")
    assert Metrics(chosen.metrics).of("val_accuracy_argmax").direction == "maximize"
    alone = ModuleTask.from_module(Mixed, loss=F.cross_entropy)
    assert [m.name for m in Metrics(alone.metrics).panels()] == ["val_loss", "val_loss_argmax"]


TORCH_ALONE = """
import sys

ABSENT = {"torchvision", "sklearn", "numpy", "scipy", "pandas", "safetensors", "ray", "pydantic", "tuner"}

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{name} is not on this machine")

sys.meta_path.insert(0, Blocked())

from tests.support.own_models.good_model import Task
from trainables.population import Configuration, Population

dataset = Task.own_dataset()
task = Task(dataset, Task.options_type.parse({}))
models = Population(task, dataset, [Configuration("decoupled", 0.5, 1.0, 0.01)], [0, 1], batch_size=16)
finite = bool(models.train(5).isfinite().all())
print(finite, {*models.evaluate()} == {"val_loss", "val_loss_argmax"}, task.stack)
"""


def test_a_module_is_trained_where_there_is_only_torch():
    warnings = ("-W", "error", "-W", "ignore:Failed to initialize NumPy")  # which torch says by itself
    command = [sys.executable, *warnings, "-c", TORCH_ALONE]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patient(120)
    )
    assert (done.stdout, done.stderr) == ("True True vmap\n", "")


@pytest.mark.parametrize(
    ("loss", "stack"),
    [(F.mse_loss, None), (F.smooth_l1_loss, None), (lambda output, x: ((output - x) ** 2).mean(), "vmap")],
    ids=["mse_loss", "smooth_l1_loss", "written out"],
)
def test_a_loss_whose_batching_rule_is_wrong_under_two_vmaps_is_looped(loss, stack):
    """torch's rule for mse_loss is, where output and target are batched over different axes."""
    x = torch.rand(60, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = {}
    for wanted in ("auto", "loop"):
        cls = ModuleTask.from_module(
            lambda: nn.Sequential(nn.Linear(6, 4), StraightThrough(), nn.Linear(4, 6)),
            loss=loss,
            data=x,
            stack=wanted,
        )
        data = cls.own_dataset()
        task = cls(data, cls.options_type.parse({}))
        if wanted == "auto":
            # A torch that has mended it may stack it.
            assert task.stack == (stack or task.stack)
            assert (task.stack == "loop") == task.stack_reason.startswith("the loss: The size of tensor a")
        models = Population(task, data, EVERY[:3], [0, 1], batch_size=16, dtype=torch.float64)
        found[wanted] = models.train(6), models.evaluate()["val_loss"]
    torch.testing.assert_close(found["auto"], found["loop"], rtol=1e-9, atol=1e-12)


# --- the loss of each example
# ------------------------------------------------------------------------------------------------------


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
