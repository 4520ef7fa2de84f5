"""How many members a population holds: enough to fill a device, few enough that every device has work."""

from dataclasses import dataclass

# On a CPU a few members are enough to make the matrix products compute-bound, and larger stacks no longer fit
# the caches.
CPU_MEMBERS = 64
_MEMORY_SHARE = 0.6  # of the device's free memory; the rest is for the dataset, evaluation and the allocator


@dataclass(frozen=True)
class Placement:
    """The devices that populations run on, one population on each at a time."""

    device: str  # "cpu" or "cuda": what torch trains on
    devices: int  # how many there are
    cpus: int  # threads of each
    memory_bytes: int  # free on each
    gpus: float = 0.0  # that Ray reserves for a population; a fraction lets several share one
    studies_at_once: int = 1  # how many studies share the CPUs

    @property
    def resources(self) -> dict[str, float]:
        """What Ray reserves for a population.

        CPUs are divided by the studies that run at once, so that all of them get a place; each trains with
        all the threads. Above 1, Ray wants whole numbers.
        """
        cpus = self.cpus / self.studies_at_once
        reserved = {"CPU": float(max(1, int(cpus))) if cpus >= 1 else cpus}
        return reserved | ({"GPU": self.gpus} if self.gpus else {})


def trials_per_population(
    placement: Placement, *, trials: int, seeds: int, bytes_per_member: int, members: int | None = None
) -> int:
    """How many trials a population should hold, so that `trials` of them are spread evenly.

    Args:
        placement: the devices.
        trials: how many there are to run; 0 or less where that is not known.
        seeds: S; a population holds every seed of its trials.
        bytes_per_member: the task's estimate.
        members: the user's own limit on a population's members; None chooses.
    """
    most = int(_MEMORY_SHARE * placement.memory_bytes) // max(1, bytes_per_member)
    if placement.device == "cpu":
        most = min(most, CPU_MEMBERS)
    if members is not None:
        most = members
    limit = max(1, most // seeds)
    if trials <= 0:
        return limit
    populations = -(-trials // limit)
    rounds = -(-populations // placement.devices)
    if members is None:
        # A last round that leaves devices idle takes as long as a full one: spread the work over all of them.
        populations = min(trials, rounds * placement.devices)
    return -(-trials // populations)
