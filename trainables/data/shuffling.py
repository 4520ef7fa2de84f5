"""Fixed random orders, in which datasets are split: the same for every seed, study and machine.

A tensor's examples are shuffled by torch, an array's without it: whoever reads a dataset to look at it, and
trains nothing, need not import torch. Both draw the same order, because numpy's `RandomState` is the same
Mersenne Twister as torch's generator for CPUs, begun in the same way.
"""

from typing import TYPE_CHECKING

from trainables.seeding import base_of

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor


def shuffled(n: int, purpose: str) -> "Tensor":
    """The numbers 0 to n - 1 in the order that belongs to a purpose, [n] int64."""
    import torch

    from trainables.randomness import Stream

    return torch.randperm(n, generator=Stream(0, purpose).at(0))


def shuffled_array(n: int, purpose: str) -> "np.ndarray":
    """The same as an array, without torch: what `torch.randperm` does with a generator for CPUs, which is to
    exchange every number with one at or behind its place.

    torch takes another way for more than 200 million numbers.
    """
    import numpy as np  # not on a machine that has only torch

    drawn = np.random.RandomState(base_of(0, purpose)).randint(0, 2**32, size=max(n - 1, 0), dtype=np.uint32)
    places = (np.arange(n - 1) + drawn % np.arange(n, 1, -1)).tolist()
    order = list(range(n))
    for i, place in enumerate(places):
        order[i], order[place] = order[place], order[i]
    return np.array(order, dtype=np.int64)
