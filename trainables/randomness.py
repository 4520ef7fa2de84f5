"""Common random numbers: every draw is a function of (seed, purpose, step) alone.

No draw depends on the population, so a member's training cannot depend on the other members, and a checkpoint
needs no state of a generator: a resumed population draws what it would have drawn.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from trainables.seeding import MODULUS, base_of


class Stream:
    """A sequence of generators, one per step, for one seed and one purpose.

    On a GPU they are its own, whose numbers are others than a CPU's and depend on the model of the GPU; the
    built-in tasks draw from counters there (counters.py).
    """

    def __init__(self, seed: int, purpose: str, device: torch.device | str = "cpu") -> None:
        self._base = base_of(seed, purpose)
        self._generator = torch.Generator(device=device)

    def at(self, step: int) -> torch.Generator:
        """The generator for a step. The same object is returned every time, set anew: draw before the next
        call.
        """
        self._generator.manual_seed((self._base + step) % MODULUS)
        return self._generator


@contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """torch's own generators, the CPU's and a GPU's where the device is one, set to a seed; afterwards they
    are as they were.
    """
    device = torch.device(device)
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng([device] if on_gpu else []):
        # Not torch.manual_seed: it sets every GPU's generator, also those that are not put back.
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield


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
