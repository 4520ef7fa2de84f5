"""The science: straight-through estimators, tasks, and populations of models trained as stacked tensors.
torch only.

The estimators are imported at first use, so that parts of the package which do not need torch can be imported
without waiting for it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trainables.estimators import (
        decoupled_st,
        decoupled_st_binary,
        gst_st,
        gst_st_binary,
        gumbel_rao_st,
        gumbel_rao_st_binary,
        gumbel_st,
        gumbel_st_binary,
        identity_st,
        identity_st_binary,
        reinmax_st,
        reinmax_st_binary,
        softmax_st,
        softmax_st_binary,
    )

__all__ = [
    "decoupled_st",
    "decoupled_st_binary",
    "gst_st",
    "gst_st_binary",
    "gumbel_rao_st",
    "gumbel_rao_st_binary",
    "gumbel_st",
    "gumbel_st_binary",
    "identity_st",
    "identity_st_binary",
    "reinmax_st",
    "reinmax_st_binary",
    "softmax_st",
    "softmax_st_binary",
]

if not TYPE_CHECKING:  # a type checker would otherwise accept any name

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module("trainables.estimators"), name)
