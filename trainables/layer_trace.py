"""Which layers of a module a forward pass is in, and which of them drew a random number."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn


class LayerTrace:
    """Follows the forward passes of a module that are made inside `with trace:`.

    `layer` is the innermost layer that the last pass is in, or was in when it failed; empty outside of the
    module. `given` is what it was called with.
    `drew` is the first layer that drew from torch's generator on the CPU, None where none did.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        # Of each layer that a pass is in: its name, the generator's state when it was entered, its arguments.
        self._inside: list[tuple[str, Tensor, tuple[Any, ...]]] = []
        self._handles: list[Any] = []
        self.drew: str | None = None

    @property
    def layer(self) -> str:
        """The innermost layer, "path (class)", or its class where it is the module itself."""
        return self._inside[-1][0] if self._inside else ""

    @property
    def given(self) -> tuple[Any, ...]:
        """The arguments of the innermost layer."""
        return self._inside[-1][2] if self._inside else ()

    def __enter__(self) -> "LayerTrace":
        self._inside = [("", torch.get_rng_state(), ())]
        for path, layer in self._module.named_modules():
            kind = type(layer).__name__
            entering = self._entering(f"{path} ({kind})" if path else kind)
            self._handles.append(layer.register_forward_pre_hook(entering))
            self._handles.append(layer.register_forward_hook(self._leave))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        if kind is None and len(self._inside) == 1:  # not where a pass failed
            self._leave()

    def _entering(self, layer: str) -> Callable[..., None]:
        def enter(_: nn.Module, given: tuple[Any, ...]) -> None:
            self._inside.append((layer, torch.get_rng_state(), given))

        return enter

    def _leave(self, *_: Any) -> None:
        layer, state, _ = self._inside.pop()
        if self.drew is None and not torch.equal(state, torch.get_rng_state()):
            self.drew = layer or "the loss"
