"""What a member of each estimator samples, by the functions that a user calls: for oracles in plain torch."""

from types import SimpleNamespace

import torch

from trainables import (
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
from trainables.estimator_names import DISCRETE


def sample(c, logits, noise, draws):
    """Categories [..., K] of a member with the configuration c, from logits and noise [..., K]; draws
    [R, ..., K] are Gumbel-Rao's further noise.
    """
    match c.estimator:
        case "decoupled":
            return decoupled_st(logits, c.tau_f, c.tau_b, noise=noise)
        case "gumbel_rao":
            return gumbel_rao_st(logits, c.tau_b, noise=noise, draws=draws)
        case "identity":
            return identity_st(logits)
        case "soft":
            return logits.softmax(-1)
    plain = {"softmax": softmax_st, "gumbel": gumbel_st, "reinmax": reinmax_st, "gst": gst_st}
    return plain[c.estimator](logits, c.tau_b, noise=noise)


def sample_binary(c, logits, noise, draws):
    """Units of a member with the configuration c, from logits and noise of the same shape; draws [R, ...] are
    Gumbel-Rao's further noise.
    """
    match c.estimator:
        case "decoupled":
            return decoupled_st_binary(logits, c.tau_f, c.tau_b, noise=noise)
        case "gumbel_rao":
            return gumbel_rao_st_binary(logits, c.tau_b, noise=noise, draws=draws)
        case "identity":
            return identity_st_binary(logits)
    plain = {
        "softmax": softmax_st_binary,
        "gumbel": gumbel_st_binary,
        "reinmax": reinmax_st_binary,
        "gst": gst_st_binary,
    }
    return plain[c.estimator](logits, c.tau_b, noise=noise)


def fresh(noise):
    """Draws [3, ...] for Gumbel-Rao made of noise alone, so that a member alone has those it has among
    others.
    """
    return None if noise is None else torch.stack([-noise, noise.roll(1, -1), 2 * noise.flip(-1)])


def of_all(sample):
    """Every estimator as a function of (logits, tau_f, tau_b, noise)."""

    def one(name):
        return lambda x, f, b, g: sample(SimpleNamespace(estimator=name, tau_f=f, tau_b=b), x, g, fresh(g))

    return {name: one(name) for name in DISCRETE}


CATEGORICAL, BINARY = of_all(sample), of_all(sample_binary)
FAMILIES = {"categorical": CATEGORICAL, "binary": BINARY}
EVERY = [(family, name) for family, functions in FAMILIES.items() for name in functions]
