"""Checks that a module learns through its sampling layers. If it does not, its temperatures have no effect,
and a study of them would compare noise with noise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from trainables.nn import StraightThrough
from trainables.sites import site_name


@dataclass(frozen=True)
class Call:
    """One call of a sampling layer."""

    site: str
    layer: StraightThrough
    logits: Tensor
    samples: Tensor


class SiteCalls:
    """Notes the calls of a module's sampling layers that are made inside `with calls:`, in `made`."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._handles: list[Any] = []
        self.made: list[Call] = []

    def __enter__(self) -> "SiteCalls":
        self.made = []
        for path, layer in self._module.named_modules():
            if isinstance(layer, StraightThrough):
                noting = self._noting(site_name(layer, path))
                self._handles.append(layer.register_forward_hook(noting, with_kwargs=True))
        return self

    def __exit__(self, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def _noting(self, site: str) -> Any:
        def note(layer: StraightThrough, args: Sequence[Any], more: Mapping[str, Any], samples: Any) -> None:
            self.made.append(Call(site, layer, args[0] if args else more["logits"], samples))

        return note


def obstacles(sites: Sequence[str], calls: Sequence[Call], loss: Tensor) -> dict[str, str]:
    """Why a loss teaches nothing through some sites: {site: reason}.

    The loss's graph is kept.
    """
    tracked = [call for call in calls if call.samples.requires_grad]
    given: tuple[Tensor | None, ...] = ()
    if tracked:
        samples = [call.samples for call in tracked]
        given = torch.autograd.grad(loss, samples, retain_graph=True, allow_unused=True)
    reached = {id(call) for call, gradient in zip(tracked, given, strict=True) if gradient is not None}
    found = {}
    for site in sites:
        mine = [call for call in calls if call.site == site]
        reasons = [_reason(call, reached=id(call) in reached) for call in mine] or [
            "is not called in training; call it in forward, on the logits"
        ]
        if all(reasons):
            found[site] = reasons[0]
    return found


def _reason(call: Call, *, reached: bool) -> str:
    """Why a call teaches nothing; empty where it does."""
    layer, shape = call.layer, list(call.logits.shape)
    if not layer.binary and shape[layer.dim] == 1:
        return (
            f"is given logits {shape}, one category along axis {layer.dim}, so that there is nothing to "
            "choose; give it two or more, or say StraightThrough(binary=True) for bits"
        )
    if not call.logits.requires_grad:
        return (
            "is given logits that depend on no parameter that is trained; compute them from some, without "
            "detach() or no_grad()"
        )
    if not reached:
        return (
            "has samples through which no gradient comes back from the loss; let forward use them as they "
            "are, without argmax, detach(), no_grad(), item() or numpy, or the temperatures change nothing"
        )
    return ""


def is_given_probabilities(call: Call) -> bool:
    """Whether what it takes for logits are probabilities: the output of a softmax, in all likelihood."""
    logits, dim = call.logits.detach(), call.layer.dim
    if call.layer.binary or not logits.numel() or logits.shape[dim] < 2:
        return False
    total = logits.sum(dim)
    return bool((logits >= 0).all()) and bool(torch.allclose(total, torch.ones_like(total), atol=1e-4))
