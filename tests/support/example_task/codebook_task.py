"""Codebook: every image becomes one of K code vectors (vector quantisation). An example of a task of one's
own.

A linear encoder gives K logits, one of K is sampled, and its code vector is the reconstruction. The loss is
the squared error. Axes: S seeds, T trials, B examples, D pixels, K code vectors.
"""

from dataclasses import dataclass
from typing import ClassVar, cast

import torch
from torch import Tensor

from trainables.data import Dataset, Split
from trainables.errors import OptionError
from trainables.layers import init_linear, shared_input_linear
from trainables.metrics import Collapse, Metric, Panel, Trend
from trainables.randomness import Stream, gumbel_
from trainables.tasks.base import Members, Noise, Objective, Options, Parameters, Task


@dataclass(frozen=True)
class CodebookOptions(Options):
    """What a study may set under `options`."""

    vectors: int = 32  # K

    def __post_init__(self) -> None:
        if not (type(self.vectors) is int and 2 <= self.vectors <= 10_000):
            raise OptionError("vectors", "must be a whole number from 2 to 10000")


class Codebook(Task):
    """Metrics, each [S, T]: val_loss, and val_perplexity, the exp of the entropy of how often each vector is
    used, at most K.
    """

    datasets: ClassVar = ("digits",)
    objective: ClassVar = Objective("val_loss", "minimize")
    options_type: ClassVar = CodebookOptions
    # Labels and units for tables and axes, the two panels of the learning curves, and what claim C3 expects.
    metrics: ClassVar = (
        Metric("val_loss", "validation loss", "squared error", "minimize", panel=Panel("left")),
        Metric(
            "val_perplexity", "perplexity of the codebook", direction="maximize",
            panel=Panel("right"), trends=(Trend("tau_f", "rises", "left"),),
        ),
    )  # fmt: skip
    collapsed: ClassVar = Collapse("val_perplexity", "below", 1.5)  # one vector for every image

    def __init__(self, dataset: Dataset, options: Options) -> None:
        self._D, self._K = dataset.features, cast(CodebookOptions, options).vectors
        self._scale = 1 / dataset.largest
        self._evaluated = max(len(dataset.validation), len(dataset.test))  # examples at a time, in evaluate

    def init(self, generator: torch.Generator) -> Parameters:
        """ONE model: weight [K, D] and bias [K, 1] of the encoder, codebook [D, K]."""
        weight, bias = init_linear(self._D, self._K, generator)
        return {"weight": weight, "bias": bias, "codebook": torch.rand(self._D, self._K, generator=generator)}

    def logit_parameters(self) -> tuple[str, ...]:
        """For the rescaling control: scaled together, they scale the logits."""
        return ("weight", "bias")

    def noise(self, batch_size: int, generator: torch.Generator) -> Noise:
        """ONE seed: Gumbel noise [K, B]."""
        return {"code": gumbel_(torch.empty(self._K, batch_size, device=generator.device), generator)}

    def loss(
        self,
        parameters: Parameters,
        inputs: Tensor,
        labels: Tensor,  # noqa: ARG002  # an autoencoder learns its inputs
        noise: Noise,
        members: Members,
    ) -> Tensor:
        """Mean squared error of every member, [S, T]."""
        return self._errors(parameters, inputs, noise, members)[0]

    def evaluate(self, parameters: Parameters, split: Split, members: Members) -> dict[str, Tensor]:
        """The metrics of the class docstring."""
        drawn = self.noise(
            len(split), Stream(split.noise_seed, "evaluation noise", split.inputs.device).at(0)
        )  # the same in every evaluation
        noise = {
            "code": drawn["code"][None, None].to(parameters["weight"].dtype)
        }  # [1, 1, K, n], for all members the same
        error, z = self._errors(
            parameters, split.inputs.expand(len(parameters["weight"]), -1, -1), noise, members
        )
        return {"val_loss": error, "val_perplexity": torch.special.entr(z.mean(-1)).sum(-1).exp()}

    def bytes_per_member(self, batch_size: int) -> int:
        """Parameters, gradients, two moments; logits, samples and reconstructions with their gradients. A
        float has 4 bytes.
        """
        parameters = self._K * (2 * self._D + 1)
        return 4 * (4 * parameters + 2 * (2 * self._K + self._D) * max(batch_size, self._evaluated))

    def _errors(
        self, parameters: Parameters, inputs: Tensor, noise: Noise, members: Members
    ) -> tuple[Tensor, Tensor]:
        """Mean squared errors [S, T] and codes [S, T, K, B] of inputs [S, B, D] uint8."""
        x = inputs.mT.to(parameters["weight"].dtype) * self._scale  # [S, D, B], in [0, 1]
        logits = shared_input_linear(parameters["weight"], parameters["bias"], x)  # [S, T, K, B]
        z = members.sample(logits, noise, "code")  # one-hot over K, by each trial's own estimator
        reconstruction = parameters["codebook"] @ z  # [S, T, D, B]
        return (reconstruction - x[:, None]).square().mean((2, 3)), z
