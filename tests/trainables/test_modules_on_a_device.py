"""Plain modules on another device than the CPU, which is simulated: where their tensors are, and that a
module that makes its own on the CPU is told so.
"""

from unittest.mock import patch

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from tests.support.module_models import Mixed, accuracy
from tests.support.module_populations import BATCH, tabular, task_of
from tests.support.simulated_device import simulated_device
from trainables.diagnostics import Diagnosis
from trainables.nn import StraightThrough
from trainables.population import Configuration, Population
from trainables.randomness import seeded
from trainables.scoring import ScoreRule

pytestmark = pytest.mark.usefixtures("one_thread")
TRIALS = [Configuration("decoupled", 0.5, 1.0, 3e-3), Configuration("gumbel_rao", None, 0.6, 3e-3)]


class Drawing(nn.Module):
    """Draws random numbers by itself, on the device of its input, so that it is looped over."""

    def __init__(self):
        super().__init__()
        self.body = nn.Linear(6, 6)
        self.code = StraightThrough()

    def forward(self, x):
        h = self.body(x + 0.1 * torch.randn(x.shape, device=x.device))
        return self.code(h.unflatten(-1, (2, 3))).flatten(1)[:, :3]


class Scaled(nn.Module):
    """Takes the dataset, and makes a buffer of it."""

    def __init__(self, dataset=None):
        super().__init__()
        self.register_buffer("mean", torch.zeros(6) + dataset.train.inputs.mean(0))
        self.body = nn.Linear(6, 3)
        self.code = StraightThrough()

    def forward(self, x):
        return self.code(self.body(x - self.mean))


class Careless(Drawing):
    """Makes a tensor where torch makes it by default."""

    def forward(self, x):
        return self.code((self.body(x) + torch.zeros(6)).unflatten(-1, (2, 3))).flatten(1)[:, :3]


class Keeping(Drawing):
    """Keeps a tensor that is no buffer."""

    def __init__(self):
        super().__init__()
        self.shift = torch.ones(6)

    def forward(self, x):
        return self.code((self.body(x) + self.shift).unflatten(-1, (2, 3))).flatten(1)[:, :3]


def measured(factory, device, **keywords):
    """Everything that a short study takes from a population, on the host."""
    data = tabular().to(device)
    task = task_of(factory, dataset=data, metrics={"accuracy": accuracy}, samples=2, **keywords)
    models = Population(
        task, data, TRIALS, [0, 7], batch_size=BATCH, dtype=torch.float64, accelerator=True, vary_split=True
    )
    found = {"train_loss": models.train(3)} | models.report(ScoreRule()) | models.test() | models.diagnose(2)
    losses = models.example_losses()
    found |= {"losses of examples": losses} | models.parameters | models.buffers
    assert models.bias_artifacts(0, 0, Diagnosis(2, (0.5,), (1.0,))) == {}
    assert all(x.device.type == torch.device(device).type for x in found.values())
    one = task.module(models.weights(1, 0), "decoupled", 0.5, 1.0)
    assert {x.device.type for x in (*one.parameters(), *one.buffers())} == {"cpu"}
    return {name: x.detach().cpu() for name, x in found.items()}


@pytest.mark.parametrize(
    ("factory", "keywords"),
    [(Mixed, {"stack": "vmap"}), (Mixed, {"stack": "loop"}), (Drawing, {}), (Scaled, {})],
    ids=["vmap", "loop", "draws by itself", "takes the dataset"],
)
def test_a_module_is_trained_on_a_device_as_on_the_cpu(factory, keywords):
    expected = measured(factory, "cpu", **keywords)
    with simulated_device() as device:
        found = measured(factory, device, **keywords)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-9, equal_nan=True)


@pytest.mark.parametrize("factory", [Careless, Keeping])
def test_a_module_whose_tensors_stay_on_the_cpu_is_told_what_to_do(factory):
    task_of(factory, dataset=tabular())  # works on the CPU
    with simulated_device() as device, pytest.raises(ValueError, match="register_buffer") as error:
        task_of(factory, dataset=tabular().to(device))
    said = str(error.value)
    assert said.startswith(
        f"module {factory.__name__} works on the CPU, and not on meta: {factory.__name__}: "
    )
    assert "device=x.device" in said


def test_a_loss_whose_tensors_stay_on_the_cpu_is_told_what_to_do():
    def loss(output, labels):
        return F.cross_entropy(output, labels, weight=torch.ones(3))

    with (
        simulated_device() as device,
        pytest.raises(ValueError, match=r"not on meta: the loss, or a metric: "),
    ):
        task_of(Mixed, dataset=tabular().to(device), loss=loss)


def test_a_module_that_puts_itself_on_a_gpu_is_built_on_the_cpu():
    with simulated_device() as device:
        data = tabular().to(device)
        task = task_of(lambda: Mixed().to(device), dataset=data)
        drawn = task.init(torch.Generator().manual_seed(0))
    assert {x.device.type for x in drawn.values()} == {"cpu"}


def test_the_generators_of_cpu_and_gpu_are_set_and_put_back():
    states, seeds = [torch.tensor([17], dtype=torch.uint8)], []
    before = torch.get_rng_state()
    with (
        patch("torch.cuda.get_rng_state", lambda _: states[-1]),
        patch("torch.cuda.set_rng_state", lambda state, _: states.append(state)),
        patch("torch.cuda.device"),
        patch("torch.cuda.manual_seed", seeds.append),
    ):
        with seeded(5, "cuda:0"):
            drawn = torch.rand(3)
        assert seeds == [5]
        assert [int(state) for state in states] == [17, 17]
        with seeded(5):
            assert torch.equal(torch.rand(3), drawn)
    assert seeds == [5]
    assert torch.equal(torch.get_rng_state(), before)
