"""Populations of small stochastic binary networks, and one member in plain torch, the oracle."""

import torch

from tests.support.estimators import sample_binary
from tests.support.tasks import all_digits
from trainables.population import Configuration, Population
from trainables.tasks.sbn import SBN, SBNOptions

OPTIONS = SBNOptions(units=(16, 12))
STEPS = 30  # of 37 in an epoch at batch 32
A = Configuration("decoupled", 0.5, 1.0, 1e-3)
B = Configuration("gumbel", None, 0.7, 1e-3)
C = Configuration("identity", None, None, 3e-3)
D = Configuration("softmax", 0.8, 0.8, 1e-2)
E = Configuration("decoupled", 0.0, 0.3, 3e-3)
R = Configuration("reinmax", None, 1.1, 1e-3)
G = Configuration("gumbel_rao", None, 0.6, 3e-3)
H = Configuration("gst", None, 0.9, 3e-3)


def population(configurations, seeds, *, dtype=torch.float32, options=OPTIONS):
    return Population(
        SBN(all_digits(), options), all_digits(), configurations, seeds, batch_size=32, dtype=dtype
    )


def trained(configurations, seeds, *, steps=STEPS, **keywords):
    """A population after some steps, and its mean training loss over them, [S, T]."""
    models = population(configurations, seeds, **keywords)
    return models, models.train(steps)


def equal(first, second):
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


class PlainNetwork(torch.nn.Module):
    """One member written as anyone would write it: batch first, no stacks."""

    def __init__(self, models, s, t, *, signed=False):
        super().__init__()
        self.configuration, self.signed = models.configurations[t], signed
        layers = len(models.parameters) // 2
        self.layers = torch.nn.ModuleList()
        for i in range(layers):
            weight, bias = (
                models.parameters[f"{kind}_{i}"][s, t].detach().clone() for kind in ("weight", "bias")
            )
            layer = torch.nn.Linear(*weight.shape[::-1], dtype=weight.dtype)
            layer.weight.data, layer.bias.data = weight, bias[:, 0]
            self.layers.append(layer)

    def forward(self, inputs, noise, seen=None, draws=None):
        """Class scores [B, K]; noise [N, B] per hidden layer, or None for argmax. `seen` receives the hidden
        logits.

        draws [R, N, B] per hidden layer is Gumbel-Rao's further noise.
        """
        x = inputs.double() / 16
        for i, layer in enumerate(self.layers[:-1]):
            logits = layer(x)
            if seen is not None:
                seen.append(logits)
            further = draws[i].mT if draws else None
            c = self.configuration
            x = sample_binary(c, logits, noise[i].T, further) if noise else (logits > 0).double()
            x = 2 * x - 1 if self.signed else x
        return self.layers[-1](x)

    def tensors(self):
        return {
            f"{kind}_{i}": getattr(layer, kind).detach()
            for i, layer in enumerate(self.layers)
            for kind in ("weight", "bias")
        }
