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
from tests.support.tasks import all_of, parameters
from trainables import capture
from trainables.memory import is_out_of_memory
from trainables.population import Configuration

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
    """`traced`, which says how often it was asked, and may have no memory."""

    def __init__(self, *, memory=True):
        self.calls, self.memory = 0, memory

    def __call__(self, steps):
        self.calls += 1
        if not self.memory:
            raise torch.OutOfMemoryError("no memory for a graph")
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


def test_without_memory_for_a_recording_steps_run_as_they_are():
    record = Recorder(memory=False)
    expected = of_training(population("sbn", decoupled([1e-3]), [0, 7]))
    assert_same(of_training(population("sbn", decoupled([1e-3]), [0, 7], recorder=record)), expected)
    assert record.calls == 1


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
