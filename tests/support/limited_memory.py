"""A program: trains a population in an address space that is limited, and says what came out.

    python -m tests.support.limited_memory MB

MB is what the process may take beyond what it has after its first steps. It prints JSON: the metrics of two
intervals, the number of blocks, and the MB that were taken.
"""

import json
import resource
import sys
from pathlib import Path

import torch

from trainables.blocks import Blocks
from trainables.data import load
from trainables.memory import keep_freed_memory
from trainables.population import Configuration, Population
from trainables.tasks.sbn import SBN, SBNOptions

UNITS, BATCH, MEMBERS = 400, 1000, 24
SEEDS = [7, 0]
# MB of all members' logits and bits of one layer in float64, which the backward pass needs at once.
WHOLE = 2 * UNITS * BATCH * MEMBERS * 8 / 2**20


def trained(spare=None):
    """What came out: {"metrics": of each interval, "blocks": how many, "taken": MB}."""
    data = load("digits", "not used")
    model = SBN(data, SBNOptions(units=(UNITS,)))
    configurations = [Configuration("decoupled", 0.1 * t, 2.0, 1e-2) for t in range(MEMBERS // 2)]

    def build(trials, seeds):
        chosen = [configurations[t] for t in trials]
        # float64: a bit that is rounded the other way in another stack would change the results.
        return Population(
            model, data, chosen, [SEEDS[s] for s in seeds], batch_size=BATCH, dtype=torch.float64
        )

    Blocks(build, trials=1, seeds=1).train(0, 1, last=True)  # what torch takes once, whatever it trains
    before = address_space()
    if spare is not None:
        resource.setrlimit(resource.RLIMIT_AS, (before + spare * 2**20, resource.RLIM_INFINITY))
    blocks = Blocks(build, trials=MEMBERS // 2, seeds=2)
    results = [blocks.train(0, 2, last=False), blocks.train(2, 4, last=True)]
    metrics = [{name: value.tolist() for name, value in result.metrics.items()} for result in results]
    taken = (address_space() - before) / 2**20
    return {"metrics": metrics, "blocks": len(blocks), "taken": taken}


def address_space():
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    torch.set_num_threads(1)
    keep_freed_memory()
    print(json.dumps(trained(int(sys.argv[1]))))
