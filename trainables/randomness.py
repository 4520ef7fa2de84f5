"""Common random numbers: every draw is a function of (seed, purpose, step) alone.

Nothing about a population enters, so a member's trajectory cannot depend on its neighbours, and a checkpoint
needs no generator
state: a resumed population draws what it would have drawn.
"""

import hashlib

import torch
from torch import Tensor

# torch's CPU generator (mt19937) uses the low 32 bits of its seed only. Steps of one stream are consecutive
# from a hashed base, so within a stream they never collide before 2^32 steps.
_MODULUS = 2**32


def digest(seed: int, purpose: str) -> bytes:
    """8 bytes that are other ones for every seed and purpose: where the numbers drawn for them begin."""
    return hashlib.blake2b(f"{purpose}:{seed}".encode(), digest_size=8).digest()


class Stream:
    """A sequence of generators, one per step, for one seed and one purpose."""

    def __init__(self, seed: int, purpose: str, device: torch.device | str = "cpu") -> None:
        self._base = int.from_bytes(digest(seed, purpose), "little")
        self._generator = torch.Generator(device=device)

    def at(self, step: int) -> torch.Generator:
        """The generator for a step. The same object is returned every time, set anew: draw before the next
        call.
        """
        self._generator.manual_seed((self._base + step) % _MODULUS)
        return self._generator


def gumbel_(out: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fills a tensor with Gumbel(0, 1) noise, -log(-log u)."""
    # A uniform of exactly 0 would be -inf, and 0 * inf is NaN where tau_f is 0. torch's exponential_, which
    # would save a logarithm, takes four times as long on a CPU.
    return out.uniform_(generator=generator).clamp_min_(2.0**-25).log_().neg_().log_().neg_()


def logistic_(out: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Fills a tensor with Logistic(0, 1) noise, log u - log(1 - u). A uniform of exactly 0 would be -inf and
    is clamped.
    """
    return out.uniform_(generator=generator).logit_(eps=2.0**-25)
