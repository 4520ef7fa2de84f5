"""Populations of plain modules: members alone and in company, loop and vmap, the module's form."""

import io
import subprocess
import sys
from dataclasses import fields
from functools import cache

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.support.module_models import (
    Mixed,
    accuracy,
)
from tests.support.module_populations import (
    EVERY,
    MODULES,
    SOFT,
    everything,
    module_task,
    population,
    tabular,
    task_of,
)
from tests.support.paths import ROOT
from tests.support.patience import patient
from trainables.blocks import Blocks
from trainables.data.arrays import from_examples
from trainables.diagnostics import Diagnosis
from trainables.metrics import Metrics
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from trainables.testing import CHECKS, Subject

pytestmark = pytest.mark.usefixtures("one_thread")


# --- members ---


@cache
def alone(configuration, seed):
    models = population(module_task("recurrent"), [configuration], [seed])
    loss = models.train(20)
    return {k: v[0, 0] for k, v in (everything(models) | models.evaluate() | {"loss": loss}).items()}


@pytest.mark.parametrize(
    ("seeds", "configurations"),
    [((7,), [EVERY[0], EVERY[0]]), ((0, 7), [*EVERY, SOFT]), ((7, 3, 0), [SOFT, *EVERY[::-1]])],
    ids=["twins", "every estimator", "reversed"],
)
def test_a_member_of_a_recurrent_module_is_trained_alike_alone_and_in_any_population(seeds, configurations):
    """Of the other module, the contract below shows it."""
    models = population(module_task("recurrent"), configurations, seeds)
    loss = models.train(20)
    together = everything(models) | models.evaluate() | {"loss": loss}
    for s, seed in enumerate(seeds):
        for t, configuration in enumerate(configurations):
            mine = {key: value[s, t] for key, value in together.items()}
            torch.testing.assert_close(mine, alone(configuration, seed), rtol=1e-9, atol=1e-9)


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


# --- the module's form ---


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


# --- parts and rungs ---


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


# --- the contract of a task ---


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
    spoken = ModuleTask.from_module(
        Mixed,
        loss=F.cross_entropy,
        metrics={"hit_rate": accuracy},
        units={"loss": "nats", "hit_rate": "%"},
    )
    titles = [
        Metrics(spoken.metrics).of(name).title for name in ("val_loss", "val_hit_rate_argmax", "test_loss")
    ]
    assert titles == ["validation loss (nats)", "validation hit rate, argmax (%)", "test loss (nats)"]
    with pytest.raises(ValueError, match=r"units must name metrics, which are loss. Got 'accuracy'"):
        ModuleTask.from_module(Mixed, loss=F.cross_entropy, units={"accuracy": "%"})
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
