"""The science: straight-through estimators, tasks, and populations of models trained as stacked tensors.
torch only.
"""

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
