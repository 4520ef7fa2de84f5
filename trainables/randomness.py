"""Common random numbers: every draw is a function of (seed, purpose, step) alone.

Nothing about a population enters, so a member's trajectory cannot depend on its neighbours, and a checkpoint
needs no generator
state: a resumed population draws what it would have drawn.
"""

import torch
from torch import Tensor

from trainables.seeding import MODULUS, base_of


class Stream:
    """A sequence of generators, one per step, for one seed and one purpose."""

    def __init__(self, seed: int, purpose: str, device: torch.device | str = "cpu") -> None:
        self._base = base_of(seed, purpose)
        self._generator = torch.Generator(device=device)

    def at(self, step: int) -> torch.Generator:
        """The generator for a step. The same object is returned every time, set anew: draw before the next
        call.
        """
        self._generator.manual_seed((self._base + step) % MODULUS)
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
