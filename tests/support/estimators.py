"""The samples of a member of each estimator, by the functions that users call; for oracles in plain torch."""

from types import SimpleNamespace

import torch

import trainables
from trainables.estimator_names import DISCRETE, RELAXED
from trainables.estimators import ESTIMATORS


def sample(c, logits, noise, draws):
    """Categories [..., K] of a member with the configuration c, from logits and noise [..., K]; draws [R,
    ..., K] are Gumbel-Rao's further noise.
    """
    if c.estimator in RELAXED:  # which is no estimator, and has no function
        return logits.softmax(-1)
    return _called(f"{c.estimator}_st", c, logits, noise, draws)


def sample_binary(c, logits, noise, draws):
    """Units of a member with the configuration c, from logits and noise of the same shape; draws [R, ...] are
    Gumbel-Rao's further noise.
    """
    return _called(f"{c.estimator}_st_binary", c, logits, noise, draws)


def _called(function, c, logits, noise, draws):
    row = ESTIMATORS[c.estimator]
    taus = [c.tau_b] if row.tied else [getattr(c, name) for name in row.temperatures]
    given = {} if row.s == 0 else {"noise": noise}
    if c.estimator == "gumbel_rao":
        given["draws"] = draws
    return getattr(trainables, function)(logits, *taus, **given)


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
