"""Forward and backward of the estimators against the usual ways to write them: `python -m
benchmarks.estimators` prints JSON.

The usual way to write a decoupled estimator is `z + p - p.detach()`: z the one-hot sample, p the softmax, and
autograd does the rest. Straight-through Gumbel-softmax is torch's own function, which draws its noise itself.
Shapes: the categorical autoencoder's with a batch of 1,024; a layer of binary units; the gates of a logic
gate network. 2 CPU threads.
"""

import json
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.measure import alternate
from trainables import decoupled_st, decoupled_st_binary, gumbel_st

CATEGORICAL, BINARY = [(1024, 4, 8), (48_000, 16)], [(128, 400)]
TAU_F, TAU_B = 0.5, 0.7
THREADS, ROUNDS, ELEMENTS = 2, 51, 500_000  # a turn is as many calls as go through about so many logits


def usual_decoupled(logits: Tensor, tau_f: float, tau_b: float, *, noise: Tensor | None = None) -> Tensor:
    """Decoupled straight-through over the last axis, as it is usually written."""
    if noise is None:
        noise = -torch.empty_like(logits).exponential_().log()
    z = F.one_hot((logits + tau_f * noise).argmax(-1), logits.shape[-1])
    p = F.softmax(logits / tau_b, dim=-1)
    return z + p - p.detach()


def usual_decoupled_binary(
    logits: Tensor, tau_f: float, tau_b: float, *, noise: Tensor | None = None
) -> Tensor:
    """The same for units with one logit each."""
    if noise is None:
        u = torch.rand_like(logits)
        noise = u.log() - (1 - u).log()
    z = (logits + tau_f * noise > 0).float()
    p = torch.sigmoid(logits / tau_b)
    return z + p - p.detach()


def compare(
    name: str, shape: tuple[int, ...], ours: Callable[[Tensor], Tensor], usual: Callable[[Tensor], Tensor]
) -> dict[str, object]:
    """Microseconds of a forward and backward pass of both, taking turns."""
    logits, gradient = torch.randn(shape, requires_grad=True), torch.randn(shape)
    calls = max(1, ELEMENTS // logits.numel())

    def passes(estimator: Callable[[Tensor], Tensor]) -> None:
        for _ in range(calls):
            torch.autograd.grad(estimator(logits), logits, gradient)

    seconds = alternate(
        {"ours": partial(passes, ours), "usual": partial(passes, usual)}, rounds=ROUNDS, warmup=3
    )
    return {"estimator": name, "shape": shape} | {f"{who}_us": 1e6 * s / calls for who, s in seconds.items()}


def decoupled(shape: tuple[int, ...], *, binary: bool, given: bool) -> dict[str, object]:
    """The decoupled estimator at a shape, with its noise given or drawn."""
    noise = None
    if given:
        noise = torch.rand(shape).logit(1e-6) if binary else -torch.empty(shape).exponential_().log()
    ours, usual = (decoupled_st_binary, usual_decoupled_binary) if binary else (decoupled_st, usual_decoupled)
    options = {"tau_f": TAU_F, "tau_b": TAU_B, "noise": noise}
    return compare(ours.__name__, shape, partial(ours, **options), partial(usual, **options))


def gumbel(shape: tuple[int, ...]) -> dict[str, object]:
    """Straight-through Gumbel-softmax at a shape."""
    return compare(
        "gumbel_st", shape, partial(gumbel_st, tau=TAU_B), partial(F.gumbel_softmax, tau=TAU_B, hard=True)
    )


def main() -> None:
    """Both tables, as one line of JSON."""
    torch.set_num_threads(THREADS)
    shapes = [(s, False) for s in CATEGORICAL] + [(s, True) for s in BINARY]
    tables = {
        "noise drawn inside": [decoupled(s, binary=b, given=False) for s, b in shapes]
        + [gumbel(s) for s in CATEGORICAL],
        "noise given": [decoupled(s, binary=b, given=True) for s, b in shapes],
    }
    print(json.dumps({"device": f"{THREADS} CPU threads", "tables": tables}))


if __name__ == "__main__":
    main()
