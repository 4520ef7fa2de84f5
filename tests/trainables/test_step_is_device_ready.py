"""A training step as an accelerator takes it, looked at on a CPU: how many operations it has, that nothing in
it comes from the host, that it can be traced, compiled and captured.
"""

from collections import Counter

import pytest
import torch
from torch._dynamo import config as dynamo
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode

from tests.support.accelerators import decoupled, population
from tests.support.tasks import OPTIONS, TASKS, all_of, digits, parameters, task
from trainables.optim import Optimizer
from trainables.population import Configuration, Population
from trainables.testing import CHECKS, Subject

pytestmark = pytest.mark.usefixtures("one_thread")

BUILT_IN = ("sbn", "catae", "dln")
every_task = pytest.mark.parametrize("name", BUILT_IN)
# The paper's number of layers; what is measured does not depend on their widths.
SIZES = {"sbn": {}, "catae": {"hidden": [64, 32]}, "dln": {"widths": [80, 70, 60, 50]}}
MOST = {"sbn": 70, "catae": 120, "dln": 130}
# A number read by the host, a host's constant made a tensor, sizes that only the host knows.
FORBIDDEN = {"_local_scalar_dense", "lift_fresh", "nonzero", "item", "masked_select", "_to_cpu"}
UPDATE = "straight_through.adamw_"


class Operations(TorchDispatchMode):
    """Counts operations, views aside; an update counts once for each parameter, which each take a launch."""

    def __init__(self):
        super().__init__()
        self.counts = Counter()
        self.devices = set()

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        out = function(*arguments, **(keywords or {}))
        name = str(function).removeprefix("aten.").rsplit(".", 1)[0]
        if not function.is_view:
            self.counts[name] += len(arguments[0]) if name == UPDATE else 1
        return out


def of_a_step(models):
    """The operations of a step in the middle of an epoch: those of three less those of two."""
    models.train(1)
    found = []
    for steps in (2, 3):
        with Operations() as operations:
            models.train(steps)
        found.append(operations.counts)
    return found[1] - found[0]


@every_task
def test_operations_do_not_grow_with_seeds_trials_or_learning_rates(name):
    few, more, many = (
        of_a_step(population(name, decoupled(rates), range(seeds), options=SIZES[name]))
        for seeds, rates in ((2, [1e-3] * 2), (5, [1e-3] * 9), (5, [1e-3 * t for t in range(1, 41)]))
    )
    assert few == more == many
    assert few.total() <= MOST[name]


@every_task
def test_baselines_in_the_same_population_add_no_launches(name):
    plain = of_a_step(population(name, decoupled([1e-3] * 3), [0, 1]))
    mixed = [
        *decoupled([1e-3]),
        Configuration("gumbel", None, 0.7, 1e-3),
        Configuration("identity", None, None, 2e-3),
    ]
    assert of_a_step(population(name, mixed, [0, 1])) == plain


@every_task
def test_nothing_in_a_step_comes_from_the_host_or_goes_there(name):
    optimizer = Optimizer(weight_decay=0.1, clip_norm=1.0, schedule="cosine", warmup=0.2)
    configurations = [*all_of(name), *decoupled([1e-3, 2e-3], optimizer=optimizer)]
    found = of_a_step(population(name, configurations, [0, 7], total_steps=100))
    assert not FORBIDDEN & found.keys()
    # What is converted are the batch's pixels and, for logic gates, bits and bytes: no constants.
    assert found["scalar_tensor"] == found["tensor"] == 0


@pytest.mark.parametrize(
    "check", [check for check in CHECKS if "what is drawn" not in check and "noise has" not in check]
)
@every_task
def test_the_contract_of_members_holds_on_an_accelerator_too(name, check):
    CHECKS[check](subject(name))


SUBJECTS = {}


def subject(name):
    return SUBJECTS.setdefault(name, Subject(TASKS[name], digits(), OPTIONS[name], accelerator=True))


@every_task
def test_the_two_kinds_of_devices_begin_alike_and_draw_different_noise(name):
    of_host = Population(task(name), digits(), all_of(name), [0, 7], batch_size=32, accelerator=False)
    of_device = population(name, all_of(name), [0, 7])
    assert all(torch.equal(p, of_device.parameters[n]) for n, p in of_host.parameters.items())
    expected, found = of_host.noise(), of_device.noise()
    assert {n: (x.shape, x.dtype) for n, x in found.items()} == {
        n: (x.shape, x.dtype) for n, x in expected.items()
    }
    assert not any(torch.equal(x, expected[n]) for n, x in found.items())


@every_task
def test_given_the_same_examples_and_noise_both_kinds_compute_the_same(name):
    """Losses and gradients of one step, in float64: the samples, the gates and the update are other code."""
    double = torch.float64
    models = [
        Population(
            task(name), digits(), all_of(name), [0, 7], batch_size=32, dtype=double, accelerator=accelerator
        )
        for accelerator in (False, True)
    ]
    inputs, labels = models[1].batch()
    drawn = models[1].noise()
    results = []
    for each in models:
        loss = each.task.loss(each.parameters, inputs, labels, drawn, each.members)
        results.append((loss, *torch.autograd.grad(loss.sum(), list(each.parameters.values()))))
    torch.testing.assert_close(results[1], results[0], rtol=1e-10, atol=1e-12)


def test_an_epoch_shows_no_example_twice_and_the_next_is_shuffled_anew():
    models = population("sbn", decoupled([1e-3]), [0, 7])
    orders = []
    for _ in range(2):
        shown = []
        for _ in range(models.steps_per_epoch):
            shown.append(models.batch()[0])
            models.train(1)
        order = torch.cat(shown, 1)  # [S, n, D]
        assert all(len(seed.unique(dim=0)) == len(seed) for seed in order)
        orders.append(order)
    assert not torch.equal(orders[0], orders[1])
    assert not torch.equal(orders[0][0], orders[0][1])
    models.steps = 3  # set back: the batch is that of the step
    assert torch.equal(models.batch()[0], orders[0][:, 3 * 32 : 4 * 32])


# --- tracing ---


@every_task
def test_a_step_is_traced_without_data(name):
    models = population(name, all_of(name), [0, 7])
    models.train(1)
    with FakeTensorMode(allow_non_fake_inputs=True):
        loss = models.train(1)
    assert (loss.shape, loss.dtype) == ((2, len(models.configurations)), torch.float32)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # within torch's compiler
@every_task
def test_a_step_compiles_as_one_graph(name):
    compiled, plain = (population(name, all_of(name), [0, 7], dtype=torch.float64) for _ in range(2))
    expected = plain.train(2)
    with dynamo.patch(trace_autograd_ops=True):
        compiled.train(1)
        step = torch.compile(compiled.step, fullgraph=True, backend="aot_eager")
        total = torch.zeros_like(expected)
        step(total)
    first = population(name, all_of(name), [0, 7], dtype=torch.float64).train(1)
    torch.testing.assert_close((first + total) / 2, expected, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(parameters(compiled), parameters(plain), rtol=1e-12, atol=1e-12)
