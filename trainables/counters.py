"""Noise from counters: every draw is a function of (seed, purpose, step, position), by Philox4x32-10 (Salmon
et al. 2011, "Parallel Random Numbers: As Easy as 1, 2, 3").

What an accelerator draws. Nothing is carried from draw to draw, so that one launch serves all seeds, the step
is read from the device, where a captured step can find it, and the numbers do not depend on the model of the
device, as those of torch's own CUDA generators do. They are other numbers than those that `Stream` draws on a
CPU, where torch's generator is faster. Here is the arithmetic, in integers of torch; what runs on a GPU is in
kernels/.
"""

import struct
from collections.abc import Sequence

import torch
from torch import Tensor

from trainables.seeding import digest

_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_WEYL = (0x9E3779B9, 0xBB67AE85)  # what the key grows by in a round
_ROUNDS = 10
_LOW = 0xFFFFFFFF  # the low 32 bits


def keys(seeds: Sequence[int], purpose: str, device: torch.device) -> Tensor:
    """The keys of some seeds for one purpose, [S, 2] int64, each from 0 to 2^32 - 1."""
    rows = [struct.unpack("<II", digest(seed, purpose)) for seed in seeds]
    return torch.tensor(rows, dtype=torch.int64, device=device)


def philox(counter: Sequence[Tensor], key: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Philox4x32-10 of counters (four words) under keys (two words): four words.

    Args:
        counter, key: int64 tensors with values from 0 to 2^32 - 1, which broadcast against each other.
    """
    (a, b, c, d), (low, high) = counter, key
    for _ in range(_ROUNDS):
        # A product of 64 bits overflows int64, but its bits are right, and the masks remove the sign.
        first, second = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (
            ((second >> 32) & _LOW) ^ b ^ low,
            second & _LOW,
            ((first >> 32) & _LOW) ^ d ^ high,
            first & _LOW,
        )
        low, high = (low + _WEYL[0]) & _LOW, (high + _WEYL[1]) & _LOW
    return a, b, c, d


def words(keys: Tensor, step: Tensor, count: int) -> Tensor:
    """Words 0 ... count - 1 of a step, [S, count] int64 from 0 to 2^32 - 1: four of every counter.

    Args:
        keys: [S, 2] of `keys`.
        step: [] int64 on the device.
        count: how many for each seed.
    """
    blocks = torch.arange(-(-count // 4), device=keys.device)
    counter = (blocks & _LOW, blocks >> 32, step & _LOW, step >> 32)
    made = philox(counter, (keys[:, :1], keys[:, 1:]))  # each [S, blocks]
    return torch.stack(made, -1).flatten(1)[:, :count]


def uniform(words: Tensor, dtype: torch.dtype) -> Tensor:
    """Uniform numbers from 2^-24 to 1 - 2^-24 in steps of 2^-23, which are exact in float32: never 0 or 1,
    whose logarithms are infinite.
    """
    return ((words >> 9).to(dtype) + 0.5) * 2.0**-23


def logistic(words: Tensor, dtype: torch.dtype) -> Tensor:
    """Logistic(0, 1) noise of words."""
    u = uniform(words, dtype)
    return u.log() - (1 - u).log()


def gumbel(words: Tensor, dtype: torch.dtype) -> Tensor:
    """Gumbel(0, 1) noise of words."""
    return -(-uniform(words, dtype).log()).log()


KINDS = {"logistic": logistic, "gumbel": gumbel, "uniform": uniform}
