"""A population that does not fit is trained in blocks, and nothing but its memory is different.

A device too small is simulated: Population's methods run out of memory above a number of members. A real one
is a process whose address space is limited, so that torch's own allocator fails.
"""

import io
import json
import subprocess
import sys
import weakref
from dataclasses import replace
from functools import cache

import pytest
import torch

from tests.support import limited_memory
from tests.support.paths import ROOT
from tests.support.tasks import all_digits
from trainables.blocks import Blocks, NoMemoryError, tables_on_host
from trainables.memory import is_out_of_memory
from trainables.population import Configuration, Population
from trainables.tasks.dln import DLN, DLNOptions
from trainables.tasks.sbn import SBN, SBNOptions

pytestmark = pytest.mark.usefixtures("one_thread")

ENDS = (6, 12, 18)  # of the intervals, in steps
CONFIGURATIONS = [
    Configuration("decoupled", 0.5, 1.0, 1e-3),
    Configuration("gumbel", None, 0.7, 1e-3),
    Configuration("softmax", 0.8, 0.8, 1e-2),
    Configuration("identity", None, None, 3e-3),
    Configuration("decoupled", 0.0, 0.3, 3e-3),
]
SEEDS = [7, 0, 3]
CLOSE = {"rtol": 1e-5, "atol": 1e-6}  # matrix products round differently in another stack


@cache
def task(name):
    return (
        SBN(all_digits(), SBNOptions(units=(12,)))
        if name == "sbn"
        else DLN(all_digits(), DLNOptions(widths=(20,)))
    )


def builder(name):
    def build(trials, seeds):
        faster = 30 if name == "dln" else 1
        configurations = [replace(CONFIGURATIONS[t], lr=faster * CONFIGURATIONS[t].lr) for t in trials]
        return Population(task(name), all_digits(), configurations, [SEEDS[s] for s in seeds], batch_size=32)

    return build


class Device:
    """A machine on which only so many members are at the same time: building more is out of memory."""

    def __init__(self, most):
        self.most, self._there = most, weakref.WeakSet()

    def build(self, trials, seeds):
        population = builder("sbn")(trials, seeds)
        self._there.add(population)
        if sum(members(p) for p in self._there) > self.most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
        return population


def members(population):
    return len(population.seeds) * len(population.configurations)


def limit(monkeypatch, most, *, method="train", error=torch.OutOfMemoryError):
    """Above so many members a method of Population fails; training does half of its steps before.

    Returns a list that receives the members and arguments of the calls that succeed.
    """
    original = getattr(Population, method)
    done = []

    def limited(self, *args, **keywords):
        if members(self) <= most or args == (0,):
            done.append((members(self), *args))
            return original(self, *args, **keywords)
        if method == "train":
            original(self, args[0] // 2)
        raise error("CUDA out of memory. Tried to allocate 20.00 MiB.")

    monkeypatch.setattr(Population, method, limited)
    return done


def train(blocks, first=0, end=3):
    """The results of some of the three intervals."""
    return [blocks.train((0, *ENDS)[i], ENDS[i], last=i == 2) for i in range(first, end)]


@cache
def unsplit(trials, seeds, name="sbn"):
    """The results that a device with room for all of them gives."""
    blocks = Blocks(builder(name), trials=trials, seeds=seeds)
    results = train(blocks)
    assert len(blocks) == 1
    return results


def places(blocks):
    return [(block["trials"], block["seeds"]) for block in blocks.state()]


def assert_same(results, expected):
    assert len(results) == len(expected)
    for mine, theirs in zip(results, expected, strict=True):
        torch.testing.assert_close(mine.metrics, theirs.metrics, **CLOSE)
        assert mine.artifacts == theirs.artifacts


# --- splitting ---


@pytest.mark.parametrize(
    ("trials", "seeds", "most", "expected"),
    [
        (3, 2, 6, [([0, 1, 2], [0, 1])]),
        (3, 2, 4, [([0], [0, 1]), ([1, 2], [0, 1])]),
        (3, 2, 3, [([0], [0, 1]), ([1], [0, 1]), ([2], [0, 1])]),
        (2, 3, 2, [([0], [0]), ([0], [1, 2]), ([1], [0]), ([1], [1, 2])]),
        (1, 3, 2, [([0], [0]), ([0], [1, 2])]),
        (2, 2, 1, [([0], [0]), ([0], [1]), ([1], [0]), ([1], [1])]),
        (5, 1, 3, [([0, 1], [0]), ([2, 3, 4], [0])]),
    ],
)
@pytest.mark.parametrize("method", ["train", "evaluate"])
def test_a_population_is_split_by_trials_then_by_seeds_until_its_blocks_fit(
    monkeypatch, method, trials, seeds, most, expected
):
    whole = unsplit(trials, seeds)
    limit(monkeypatch, most, method=method)
    blocks = Blocks(builder("sbn"), trials=trials, seeds=seeds)
    assert_same(train(blocks), whole)
    assert places(blocks) == expected


def test_members_that_cannot_be_built_at_once_are_split_as_well():
    device = Device(2)
    blocks = Blocks(device.build, trials=3, seeds=2)
    assert_same(train(blocks), unsplit(3, 2))
    assert len(blocks) == 3


@pytest.mark.parametrize("saved", [False, True], ids=["", "after a checkpoint"])
@pytest.mark.parametrize("method", ["train", "evaluate"])
def test_a_population_that_fits_no_longer_is_split_and_loses_nothing(monkeypatch, method, saved):
    whole = unsplit(3, 2)
    blocks = Blocks(builder("sbn"), trials=3, seeds=2)
    results = train(blocks, 0, 2)
    if saved:
        blocks.state()
    limit(monkeypatch, 2, method=method)
    assert_same([*results, *train(blocks, 2)], whole)
    assert len(blocks) == 3


def test_a_block_that_fits_no_longer_is_split_and_loses_nothing(monkeypatch):
    whole = unsplit(4, 2)
    limit(monkeypatch, 4)
    blocks = Blocks(builder("sbn"), trials=4, seeds=2)
    results = train(blocks, 0, 2)
    assert len(blocks) == 2
    done = limit(monkeypatch, 1)
    assert_same([*results, *train(blocks, 2)], whole)
    assert len(blocks) == 8
    assert sum(n * steps for n, steps in done) == 8 * (
        ENDS[2] - ENDS[1]
    )  # the first two intervals are not trained again


@pytest.mark.parametrize(("trials", "seeds", "most"), [(3, 2, 2), (2, 3, 1)])
def test_artifacts_are_the_first_seeds_of_every_trial(monkeypatch, trials, seeds, most):
    whole = unsplit(trials, seeds, "dln")
    assert [list(result.artifacts) for result in whole] == [[], [], list(range(trials))]
    assert len({files["network.json"] for files in whole[-1].artifacts.values()}) == trials
    limit(monkeypatch, most, method="artifacts")
    blocks = Blocks(builder("dln"), trials=trials, seeds=seeds)
    assert_same(train(blocks), whole)
    assert len(blocks) == trials * seeds / most


# --- saving ---


def saved(blocks):
    """The state as it comes back from a file."""
    file = io.BytesIO()
    torch.save(blocks.state(), file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("most", [6, 4, 1])
def test_saved_blocks_continue_bit_for_bit(monkeypatch, most):
    limit(monkeypatch, most)
    uninterrupted = Blocks(builder("sbn"), trials=3, seeds=2)
    expected = train(uninterrupted)
    interrupted = Blocks(builder("sbn"), trials=3, seeds=2)
    results = train(interrupted, 0, 2)
    resumed = Blocks(builder("sbn"), trials=3, seeds=2)
    resumed.load_state(saved(interrupted))
    assert len(resumed) == len(interrupted)
    results += train(resumed, 2)
    assert places(resumed) == places(uninterrupted)
    for mine, theirs in zip(results, expected, strict=True):
        assert all(torch.equal(value, theirs.metrics[name]) for name, value in mine.metrics.items())


def test_a_split_population_is_loaded_where_only_one_of_its_blocks_fits_at_a_time():
    before = Blocks(Device(2).build, trials=3, seeds=2)
    results = train(before, 0, 1)
    resumed = Blocks(Device(2).build, trials=3, seeds=2)
    resumed.load_state(saved(before))
    assert_same(results + train(resumed, 1), unsplit(3, 2))


def test_a_whole_population_is_loaded_where_only_a_part_of_it_fits():
    before = Blocks(builder("sbn"), trials=3, seeds=2)
    results = train(before, 0, 1)
    resumed = Blocks(Device(2).build, trials=3, seeds=2)
    resumed.load_state(saved(before))
    assert_same(results + train(resumed, 1), unsplit(3, 2))


@pytest.mark.parametrize("most", [4, 2], ids=["whole", "split"])
def test_the_state_of_other_trials_is_an_error(monkeypatch, most):
    limit(monkeypatch, most)
    blocks = Blocks(builder("sbn"), trials=2, seeds=2)
    train(blocks, 0, 1)
    state = saved(blocks)
    state[0]["trials"][-1] = 2

    def resume():
        blocks = Blocks(builder("sbn"), trials=2, seeds=2)
        blocks.load_state(state)
        train(blocks, 1)

    with pytest.raises(ValueError, match="the state is of other trials, seeds or batches"):
        resume()


# --- what cannot be helped ---


@pytest.mark.parametrize("method", ["train", "evaluate"])
def test_one_member_that_does_not_fit_is_an_error_that_says_so(monkeypatch, method):
    limit(monkeypatch, 0, method=method)
    with pytest.raises(
        NoMemoryError,
        match="one member alone does not fit into the device's memory; make the model or the batch",
    ):
        train(Blocks(builder("sbn"), trials=3, seeds=2))


@pytest.mark.parametrize("error", [RuntimeError, ValueError, OSError])
def test_another_error_is_not_taken_for_a_lack_of_memory(monkeypatch, error):
    attempts = []

    def fail(self, _steps):
        attempts.append(members(self))
        raise error("The size of tensor a (3) must match the size of tensor b (4)")

    monkeypatch.setattr(Population, "train", fail)
    with pytest.raises(error, match="The size of tensor a"):
        train(Blocks(builder("sbn"), trials=3, seeds=2))
    assert attempts == [6]


def test_what_running_out_of_memory_looks_like():
    with pytest.raises(RuntimeError) as of_torch:
        torch.empty(2**59, dtype=torch.uint8)
    with pytest.raises(MemoryError) as of_python:
        bytearray(2**62)
    assert is_out_of_memory(of_torch.value)
    assert is_out_of_memory(of_python.value)
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB."))
    with pytest.raises(RuntimeError) as of_shapes:
        torch.zeros(3) + torch.zeros(4)
    assert not is_out_of_memory(of_shapes.value)
    assert not is_out_of_memory(OSError(12, "Cannot allocate memory for a process"))


def test_an_error_that_follows_one_of_memory_is_one_of_memory():
    def recorded():
        try:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        finally:  # as the end of a CUDA graph's recording, after an error within it
            raise RuntimeError("CUDA error: operation failed due to a previous error during capture")

    with pytest.raises(RuntimeError, match="previous error") as after:
        recorded()
    assert is_out_of_memory(after.value)
    caused = ValueError("module Net cannot be built")
    caused.__cause__ = RuntimeError("forward failed")
    caused.__cause__.__context__ = after.value
    assert is_out_of_memory(caused)
    other = ValueError("something else")
    other.__context__ = after.value
    other.__suppress_context__ = True  # raise ... from None
    assert not is_out_of_memory(other)
    circle = RuntimeError("one"), RuntimeError("two")
    circle[0].__cause__, circle[1].__context__ = circle[1], circle[0]
    assert not is_out_of_memory(circle[0])


# --- a real limit ---

SPARE = 128  # MB that the limited process has after its first steps


@pytest.mark.skipif(sys.platform != "linux", reason="RLIMIT_AS and /proc are Linux's")
def test_a_process_with_too_little_memory_gives_the_results_of_one_with_enough():
    assert limited_memory.WHOLE > SPARE
    whole = limited_memory.trained()
    command = [sys.executable, "-m", "tests.support.limited_memory", str(SPARE)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    split = json.loads(done.stdout)
    assert whole["blocks"] == 1
    assert split["taken"] <= SPARE
    assert 2 <= split["blocks"] <= limited_memory.MEMBERS
    for mine, theirs in zip(split["metrics"], whole["metrics"], strict=True):
        assert mine.keys() == theirs.keys()
        for name, table in mine.items():
            torch.testing.assert_close(torch.tensor(table), torch.tensor(theirs[name]), **CLOSE)


@pytest.mark.parametrize("most", [4, 1])
def test_losses_of_examples_are_in_their_places_whatever_the_blocks(monkeypatch, most):
    whole = unsplit(3, 2)
    assert [list(result.examples) for result in whole] == [[], [], ["example_losses"]]
    losses = whole[-1].examples["example_losses"]
    assert losses.shape == (2, 3, len(all_digits().test))
    torch.testing.assert_close(losses.mean(-1), whole[-1].metrics["test_loss"], **CLOSE)
    limit(monkeypatch, most)
    blocks = train(Blocks(builder("sbn"), trials=3, seeds=2))
    torch.testing.assert_close(blocks[-1].examples["example_losses"], losses, **CLOSE)


def test_tables_come_to_the_host_as_they_are_with_one_copy(monkeypatch):
    awkward = [[0.1, float("nan")], [float("-inf"), 3.4e38]]
    tables = {
        "single": torch.tensor(awkward),
        "count": torch.tensor([[2**62 + 1, 3], [4, 5]]),
        "double": torch.tensor(awkward, dtype=torch.float64) / 3,
        "half": torch.tensor([[0.1, 1e-8], [float("inf"), 6e4]], dtype=torch.float16),
        "brain": torch.tensor([[0.1, 1e-40], [1e38, -0.0]], dtype=torch.bfloat16),
    }
    copied, cpu = [], torch.Tensor.cpu

    def counting(tensor):
        copied.append(tensor.dtype)
        return cpu(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", counting)
    found = tables_on_host(tables)
    assert copied == [torch.int64, torch.float64]
    assert list(found) == list(tables)
    for name, table in tables.items():
        assert found[name].dtype is table.dtype
        torch.testing.assert_close(found[name], table, rtol=0, atol=0, equal_nan=True)


def test_tables_of_several_shapes_keep_them():
    tables = {"all": torch.rand(2, 3), "by_trial": torch.rand(1, 3), "more": torch.rand(2, 3)}
    found = tables_on_host(tables)
    assert all(torch.equal(found[name], table) for name, table in tables.items())


def test_a_report_is_one_copy_to_the_host(monkeypatch):
    blocks = Blocks(builder("sbn"), trials=len(CONFIGURATIONS), seeds=len(SEEDS))
    blocks.train(0, 2, last=False)
    copied, cpu = [], torch.Tensor.cpu

    def counting(tensor):
        copied.append(tuple(tensor.shape[1:]))
        return cpu(tensor)

    monkeypatch.setattr(torch.Tensor, "cpu", counting)
    result = blocks.train(2, 4, last=False)
    assert copied == [(len(SEEDS), len(CONFIGURATIONS))]
    assert len(result.metrics) > 3
