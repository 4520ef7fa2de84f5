"""Populations fill a device, fit into it, and leave none idle."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tuner.placement import CPU_MEMBERS, Placement, trials_per_population

MIB = 1 << 20


def gpus(devices, memory_mib=80_000):
    return Placement("cuda", devices, 1, memory_mib * MIB)


def size(placement, *, trials, seeds=5, mib_per_member=1, members=None):
    return trials_per_population(placement, trials=trials, seeds=seeds, bytes_per_member=mib_per_member * MIB, members=members)


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
    Placement, st.sampled_from(["cpu", "cuda"]), st.integers(1, 16), st.integers(1, 8), st.integers(1, 1 << 37)
)
WORK = {"trials": st.integers(1, 5000), "seeds": st.integers(1, 50), "bytes_per_member": st.integers(0, 1 << 30)}


@settings(deadline=None)
@given(placement=PLACEMENTS, members=st.none() | st.integers(1, 5000), **WORK)
def test_a_population_has_a_trial_and_is_no_larger_than_allowed(placement, members, trials, seeds, bytes_per_member):
    n = trials_per_population(placement, trials=trials, seeds=seeds, bytes_per_member=bytes_per_member, members=members)
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
