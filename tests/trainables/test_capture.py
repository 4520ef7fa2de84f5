"""Recorded steps against steps as they are. What records on a CPU is torch.fx: it proves that a step reads
and writes tensors that stay, and nothing else; that CUDA can record it is seen on a GPU only.
"""

from contextlib import contextmanager

import pytest
import torch
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from tests.support.accelerators import decoupled, population
from tests.support.module_models import Mixed
from tests.support.module_populations import BATCH, tabular, task_of
from tests.support.tasks import all_of, parameters
from trainables import capture
from trainables.memory import is_out_of_memory
from trainables.population import Configuration, Population

pytestmark = pytest.mark.usefixtures("one_thread")

every_task = pytest.mark.parametrize("name", ["sbn", "catae", "dln"])


def traced(steps):
    """A recorder for a CPU: the operations that steps were, as a graph of torch.fx, which reads and writes
    the same tensors. Recording one runs the steps, unlike CUDA's; so the tensors are put back.
    """
    changed = Changes()
    with changed:
        graph = make_fx(steps)()
    changed.undo()
    return torch.no_grad()(graph)  # a recording of CUDA differentiates nothing when it is replayed


class Changes(TorchDispatchMode):
    """Remembers what the tensors that operations change in place held before."""

    def __init__(self):
        super().__init__()
        self.before = {}

    def __torch_dispatch__(self, function, types, arguments=(), keywords=None):
        name, _, overload = str(function).rpartition(".")
        changes = name.endswith("_") or "out" in overload
        for value in tree_leaves((arguments, keywords or {})) if changes else []:
            if isinstance(value, torch.Tensor):
                self.before.setdefault(value.data_ptr(), (value, value.clone()))
        return function(*arguments, **(keywords or {}))

    @torch.no_grad()
    def undo(self):
        for tensor, value in self.before.values():
            tensor.copy_(value)


class Recorder:
    """`traced`, which says how often it was asked, and may fail."""

    def __init__(self, fails=None):
        self.calls, self.fails = 0, fails

    def __call__(self, steps):
        self.calls += 1
        if self.fails is not None:
            raise self.fails
        return traced(steps)


def of_training(models, steps=(23, 9)):
    """Everything that several intervals make, over the ends of epochs of 10 steps."""
    losses = [models.train(n) for n in steps]
    return losses, parameters(models), models.evaluate()


def assert_same(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=0, equal_nan=True)


@pytest.fixture(autouse=True)
def _graphs_of_two_steps(monkeypatch):
    monkeypatch.setattr(capture, "AT_ONCE", 2)


@every_task
def test_replayed_steps_are_the_steps_bit_for_bit(name):
    record = Recorder()
    expected = of_training(population(name, all_of(name), [0, 7]))
    assert_same(of_training(population(name, all_of(name), [0, 7], recorder=record)), expected)
    assert record.calls == 2  # of two steps, and of one


def test_steps_are_recorded_anew_when_configurations_change():
    schedule = ((0.0, 0.5, 1.0, 1e-3), (1.3, 0.2, 0.6, 1e-2))
    scheduled = [Configuration("decoupled", 0.5, 1.0, 1e-3, schedule=schedule)]
    record = Recorder()
    expected = of_training(population("sbn", scheduled, [0, 7]))
    assert_same(of_training(population("sbn", scheduled, [0, 7], recorder=record)), expected)
    assert record.calls == 4


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("no memory for a graph"), ""),
        (RuntimeError("operation not permitted when stream is capturing"), "cannot be recorded"),
    ],
    ids=["no memory", "not permitted"],
)
def test_where_a_step_cannot_be_recorded_steps_run_as_they_are(error, said, caplog):
    record = Recorder(fails=error)
    expected = of_training(population("sbn", decoupled([1e-3]), [0, 7]))
    models = population("sbn", decoupled([1e-3]), [0, 7], recorder=record)
    assert_same(of_training(models), expected)
    assert (record.calls, models.recordings) == (1, ())
    assert said in caplog.text


class Counting(Mixed):
    """Counts its steps, which a replay would not."""

    def __init__(self):
        super().__init__()
        self.steps = 0

    def forward(self, x):
        self.steps += 1
        return super().forward(x)


@pytest.mark.parametrize(
    ("factory", "stack", "calls"), [(Mixed, "vmap", 2), (Mixed, "loop", 0), (Counting, "vmap", 0)]
)
def test_a_module_is_recorded_where_it_is_stacked_and_keeps_nothing_by_itself(factory, stack, calls):
    record = Recorder()
    task = task_of(factory, dataset=tabular(), stack=stack)
    trials = [Configuration("decoupled", 0.5, 1.0, 1e-3), Configuration("gumbel_rao", None, 0.6, 3e-3)]
    plain, replayed = (
        Population(task, tabular(), trials, [0, 7], batch_size=BATCH, accelerator=True, recorder=recorder)
        for recorder in (None, record)
    )
    assert_same(of_training(replayed), of_training(plain))
    assert (record.calls, len(replayed.recordings)) == (calls, calls)


def test_a_recording_that_fails_is_left_on_the_stream_that_it_was_begun_on(monkeypatch):
    @contextmanager
    def graph(_graph):
        try:
            yield
        finally:
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    def steps():
        raise torch.OutOfMemoryError("CUDA out of memory.")

    streams = []
    for name, stands_in in (
        ("CUDAGraph", object),
        ("synchronize", lambda: None),
        ("current_stream", lambda: "before"),
        ("set_stream", streams.append),
        ("graph", graph),
    ):
        monkeypatch.setattr(torch.cuda, name, stands_in)
    with pytest.raises(RuntimeError, match="previous error") as failed:
        capture.cuda_graph(steps)
    assert streams == ["before"]
    assert is_out_of_memory(failed.value)


def test_a_recorded_population_is_saved_and_goes_on_recorded():
    first = population("sbn", decoupled([1e-3]), [0, 7], recorder=Recorder())
    first.train(17)
    resumed = population("sbn", decoupled([1e-3]), [0, 7], recorder=Recorder())
    resumed.load_state_dict(first.state_dict())
    assert_same(of_training(resumed), of_training(first))


def test_a_task_that_draws_seed_by_seed_is_not_recorded():
    record = Recorder()
    models = population("codebook", all_of("codebook"), [0, 7], recorder=record)
    models.train(12)
    assert record.calls == 0


def test_on_a_cpu_and_where_it_is_off_nothing_is_recorded():
    gpu = torch.device("cuda")
    assert capture.recorder(gpu, "auto") is capture.cuda_graph
    assert capture.recorder(gpu, "off") is None
    assert capture.recorder(torch.device("cpu"), "auto") is None
