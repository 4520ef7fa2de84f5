"""What a member of each estimator samples, by the functions that a user calls: for oracles in plain torch."""

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
