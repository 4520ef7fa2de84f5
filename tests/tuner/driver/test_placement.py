"""Populations fill a device, fit into it, and leave none idle; the devices that there are on a cluster."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.driver import ray_cluster
from tuner.driver.placement import CPU_MEMBERS, Placement, trials_per_population
from tuner.errors import UserError
from tuner.settings import Settings

MIB = 1 << 20


def gpus(devices, memory_mib=80_000):
    return Placement("cuda", devices, 1, memory_mib * MIB)


def size(placement, *, trials, seeds=5, mib_per_member=1, members=None):
    return trials_per_population(
        placement, trials=trials, seeds=seeds, bytes_per_member=mib_per_member * MIB, members=members
    )


@pytest.mark.parametrize(
    ("placement", "trials", "expected"),
    [
        (gpus(1), 231, 231),
        (gpus(2), 231, 116),
        (gpus(8), 231, 29),
        (gpus(8), 3, 1),
        (gpus(1, memory_mib=1000), 231, 116),  # 600 MiB for 5 MiB a trial: 120 at most, so two populations
        (gpus(4, memory_mib=100), 100, 9),  # 12 at most: 9 populations are 3 rounds, and 12 populations too
        (Placement("cpu", 1, 2, 80_000 * MIB), 100, 12),  # CPU_MEMBERS // 5
    ],
)
def test_known_sizes(placement, trials, expected):
    assert size(placement, trials=trials) == expected


def test_one_trial_is_the_least():
    assert size(gpus(1, memory_mib=1), trials=10, seeds=1000) == 1
    assert size(gpus(1), trials=10, members=1) == 1


def test_a_members_limit_of_the_users_is_used_as_it_is():
    assert size(gpus(8), trials=12, members=20) == 4
    assert size(Placement("cpu", 1, 2, MIB), trials=100, members=500) == 100


def test_an_unknown_number_of_trials_fills_the_device():
    assert size(gpus(2, memory_mib=1000), trials=0) == 120


PLACEMENTS = st.builds(
    Placement,
    st.sampled_from(["cpu", "cuda"]),
    st.integers(1, 16),
    st.integers(1, 8),
    st.integers(1, 1 << 37),
)
WORK = {
    "trials": st.integers(1, 5000),
    "seeds": st.integers(1, 50),
    "bytes_per_member": st.integers(0, 1 << 30),
}


@settings(deadline=None)
@given(placement=PLACEMENTS, members=st.none() | st.integers(1, 5000), **WORK)
def test_a_population_has_a_trial_and_is_no_larger_than_allowed(
    placement, members, trials, seeds, bytes_per_member
):
    n = trials_per_population(
        placement, trials=trials, seeds=seeds, bytes_per_member=bytes_per_member, members=members
    )
    assert 1 <= n <= trials
    if n == 1:
        return
    if members is not None:
        assert n * seeds <= members
    else:
        assert n * seeds * bytes_per_member < placement.memory_bytes
        assert placement.device == "cuda" or n * seeds <= CPU_MEMBERS


@settings(deadline=None)
@given(placement=PLACEMENTS, **WORK)
def test_no_smaller_population_would_take_as_few_rounds(placement, trials, seeds, bytes_per_member):
    def rounds(n):
        return -(-trials // (n * placement.devices))

    def limit(trials):
        return trials_per_population(placement, trials=trials, seeds=seeds, bytes_per_member=bytes_per_member)

    n = limit(trials)
    assert rounds(n) == rounds(limit(0))  # as few as the largest populations take
    assert n == 1 or rounds(n - 1) > rounds(n)  # and every device has its share in each


# --- devices ---


def node(**resources):
    return {"Alive": True, "Resources": {"memory": 8e9} | resources}


HEAD = node(CPU=0)
CLUSTER = {"ray_address": "ray.example.org:6379"}
LOST = node(CPU=8, GPU=8) | {"Alive": False}


def placement(monkeypatch, *nodes, studies_at_once=1, **settings):
    """What `placement_on` finds on a cluster of some nodes whose GPUs have 16 GB free."""
    monkeypatch.setattr(ray_cluster, "free_gpu_memory", lambda _ray, _gpus, _waiting: 16e9)
    return ray_cluster.placement_on(
        SimpleNamespace(nodes=lambda: [*nodes, LOST]), Settings(**settings), studies_at_once=studies_at_once
    )


@pytest.mark.parametrize(
    ("nodes", "settings", "expected"),
    [
        # Without GPUs every node's CPUs are a device; a head without CPUs is none.
        ([HEAD, node(CPU=4), node(CPU=4)], {}, Placement("cpu", 2, 4, 8 * 10**9)),
        ([node(CPU=4, memory=8e9), node(CPU=2, memory=4e9)], {}, Placement("cpu", 2, 2, 4 * 10**9)),
        # With GPUs each is one, wherever it is.
        ([HEAD, node(CPU=8, GPU=4), node(CPU=8, GPU=1)], {}, Placement("cuda", 5, 1, 16 * 10**9, gpus=1)),
        ([node(CPU=8, GPU=4)], {"device": "cpu"}, Placement("cpu", 1, 8, 8 * 10**9)),
        ([node(CPU=8, GPU=4)], {"gpus_per_population": 0.0}, Placement("cpu", 1, 8, 8 * 10**9)),
        # A fraction shares a GPU and its memory; each population still wants a CPU.
        ([node(CPU=8, GPU=2)], {"gpus_per_population": 0.5}, Placement("cuda", 4, 1, 8 * 10**9, gpus=0.5)),
        ([node(CPU=3, GPU=2)], {"gpus_per_population": 0.5}, Placement("cuda", 3, 1, 8 * 10**9, gpus=0.5)),
        ([node(CPU=8, GPU=1)], {"gpus_per_population": 0.1}, Placement("cuda", 8, 1, int(1.6e9), gpus=0.1)),
        # GPUs that Ray counts and torch does not use; a node's memory is shared by what runs there.
        (
            [HEAD, node(CPU=2, GPU=1), node(CPU=2, GPU=1)],
            {"device": "cpu", "gpus_per_population": 0.5},
            Placement("cpu", 4, 1, 4 * 10**9, gpus=0.5),
        ),
        # A cluster that grows from nothing.
        ([HEAD], {"device": "cuda", "devices": 8} | CLUSTER, Placement("cuda", 8, 1, 16 * 10**9, gpus=1)),
        (
            [HEAD],
            {"device": "cpu", "gpus_per_population": 1.0, "devices": 8} | CLUSTER,
            Placement("cpu", 8, 1, 2 * 10**9, gpus=1),
        ),
    ],
)
def test_known_clusters(monkeypatch, nodes, settings, expected):
    assert placement(monkeypatch, *nodes, **settings) == expected


def test_studies_that_run_at_once_share_the_cpus(monkeypatch):
    found = placement(monkeypatch, node(CPU=2), studies_at_once=2)
    assert (found.cpus, found.memory_bytes, found.resources) == (2, 4 * 10**9, {"CPU": 1.0})
    assert placement(monkeypatch, node(CPU=2), studies_at_once=4).resources == {"CPU": 0.5}


def test_a_gpu_is_reserved_whole_or_in_part(monkeypatch):
    assert placement(monkeypatch, node(CPU=8, GPU=1)).resources == {"CPU": 1.0, "GPU": 1.0}
    assert placement(monkeypatch, node(CPU=8, GPU=1), gpus_per_population=0.25).resources == {
        "CPU": 1.0,
        "GPU": 0.25,
    }


def test_a_cluster_with_nothing_to_train_on_is_an_error(monkeypatch):
    with pytest.raises(UserError, match="neither a GPU nor a node with a CPU"):
        placement(monkeypatch, HEAD)


@pytest.mark.parametrize(
    ("settings", "asked"),
    [
        ({"device": "cuda"}, "TUNER_DEVICE=cuda wants a GPU"),
        ({"device": "cuda"} | CLUSTER, "TUNER_DEVICE=cuda wants a GPU"),
        ({"gpus_per_population": 0.5}, "TUNER_GPUS_PER_POPULATION=0.5 wants a GPU"),
        ({"device": "cuda", "devices": 2}, "TUNER_DEVICE=cuda wants a GPU"),  # this machine does not grow
    ],
)
def test_a_gpu_that_will_never_come_is_not_waited_for(monkeypatch, settings, asked):
    with pytest.raises(UserError, match=asked):
        placement(monkeypatch, node(CPU=8), **settings)


def test_while_a_gpu_is_waited_for_the_driver_shows_that_it_lives():
    beats, answers = [], iter([[], [], ["ready"]])

    class Ray:
        """A cluster that has no GPU at first."""

        def remote(self, **_):
            return lambda _: SimpleNamespace(remote=lambda: "an answer")

        def wait(self, _, timeout):
            assert timeout > 0
            return next(answers), []

        def get(self, answer):
            assert answer == "an answer"
            return 1234

    assert ray_cluster.free_gpu_memory(Ray(), 1.0, lambda: beats.append(1)) == 1234
    assert len(beats) == 2
