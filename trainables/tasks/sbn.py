"""Stochastic binary network (SBN): a classifier whose hidden units are sampled bits (Shah et al., section
5.1.1).

784-200-200-10 by default: linear layers with PyTorch's default initialisation, every hidden unit one logit
and one bit, a linear head and cross-entropy. Activations are batch-last, [S, T, N, B] (layers.py says why).
"""

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from trainables.data import Split
from trainables.drawing import FixedNoise
from trainables.layers import init_linear, linear, shared_input_linear
from trainables.randomness import logistic_
from trainables.surrogates import RAO_DRAWS
from trainables.tasks.base import Members, Noise, NoiseShapes, Parameters, Task, with_draws
from trainables.tasks.declarations.sbn import CHUNK, DeclaredSBN, SBNOptions

__all__ = ["CHUNK", "SBN", "SBNOptions"]

SAMPLES = 16  # sampled passes of an evaluation
INACTIVE_EPS = (1e-7, 1e-6, 1e-5, 1e-4)  # the paper gives no threshold for "negligible"; several are reported


class SBN(DeclaredSBN, Task):
    """Stochastic binary network.

    Metrics of `evaluate`, each [S, T]:
        val_loss: cross-entropy in nats of one sampled pass, averaged over 16 such passes: an estimate of the
            expected loss of the network as it is trained. It is the objective.
        val_loss_argmax: cross-entropy with every unit at its more probable value.
        val_loss_16: cross-entropy of the class probabilities averaged over the 16 passes.
        val_accuracy, val_accuracy_argmax, val_accuracy_16: accuracy of the same three predictions.
        inactive_1e-07 ... inactive_1e-04: share of hidden units for which the mean over the split of
            |dL/dlogit|, L being the loss of one example, is below that threshold (one sampled pass, with the
            member's own estimator). It is not the gradient of the mean loss: that shrinks with the number of
            examples, so a threshold would mean something else for every dataset.
    The names begin with `val_` on every split.
    """

    def init(self, generator: torch.Generator) -> Parameters:
        """weight_i [N_out, N_in] and bias_i [N_out, 1] of every layer."""
        parameters: Parameters = {}
        for i, (fan_in, fan_out) in enumerate(pairwise(self._sizes)):
            parameters[f"weight_{i}"], parameters[f"bias_{i}"] = init_linear(fan_in, fan_out, generator)
        return parameters

    def noise(self, batch_size: int, generator: torch.Generator) -> Noise:
        """Logistic noise [N, B] of every hidden layer."""
        drawn = logistic_(torch.empty(sum(self._hidden), batch_size, device=generator.device), generator)
        return {f"layer_{i}": n for i, n in enumerate(torch.split(drawn, list(self._hidden)))}

    def noise_shapes(self, batch_size: int) -> NoiseShapes:
        """As `noise`."""
        return {f"layer_{i}": ("logistic", (n, batch_size)) for i, n in enumerate(self._hidden)}

    def loss(
        self, parameters: Parameters, inputs: Tensor, labels: Tensor, noise: Noise, members: Members
    ) -> Tensor:
        """Mean cross-entropy of every member, [S, T]."""
        logits = self._first_logits(parameters, inputs.mT)
        scores = self._scores(parameters, [logits], noise, members)
        return _loss(scores.log_softmax(2), labels[:, None, :]).mean(-1)

    def evaluate(self, parameters: Parameters, split: Split, members: Members) -> dict[str, Tensor]:
        """The metrics of the class docstring, {name: [S, T]}."""
        sums: dict[str, Tensor] = {}
        gradients: list[Tensor] = []  # per hidden layer, [S, T, N]
        drawn = self._fixed_noise(split.noise_seed, "evaluation noise", parameters, members)
        for chunk, start in enumerate(range(0, len(split), CHUNK)):
            x, y = split.inputs[start : start + CHUNK], split.labels[start : start + CHUNK]
            noises = [drawn.at(chunk * SAMPLES + k, len(y)) for k in range(SAMPLES)]
            first = self._first_logits(
                parameters, x.mT[None].expand(parameters["weight_0"].shape[0], -1, -1)
            ).detach()
            for name, value in self._sampled_sums(parameters, first, y, noises, members).items():
                sums[name] = sums[name] + value if name in sums else value
            noise = self._gradient_noise(noises[0], len(y), chunk, parameters, members)
            absolute = self._absolute_gradients(parameters, first, y, noise, members)
            gradients = [a + b for a, b in zip(gradients, absolute, strict=True)] if gradients else absolute
        metrics = {name: value / len(split) for name, value in sums.items()}
        mean_gradient = torch.cat(gradients, -1) / len(split)  # [S, T, all hidden units]
        for eps in INACTIVE_EPS:
            metrics[f"inactive_{eps:.0e}"] = (mean_gradient < eps).float().mean(-1)
        return metrics

    @torch.no_grad()
    def example_losses(self, parameters: Parameters, split: Split, members: Members) -> Tensor:
        """The cross-entropy of each example, averaged over the passes of val_loss, [S, T, N]."""
        parts: list[Tensor] = []
        drawn = self._fixed_noise(split.noise_seed, "evaluation noise", parameters, members)
        seeds = parameters["weight_0"].shape[0]
        for chunk, start in enumerate(range(0, len(split), CHUNK)):
            x, y = split.inputs[start : start + CHUNK], split.labels[start : start + CHUNK]
            first = self._first_logits(parameters, x.mT[None].expand(seeds, -1, -1))
            noises = (drawn.at(chunk * SAMPLES + k, len(y)) for k in range(SAMPLES))
            passes = (self._scores(parameters, [first], noise, members) for noise in noises)
            parts.append(sum((_loss(p.log_softmax(2), y) for p in passes), torch.zeros(())) / SAMPLES)
        return torch.cat(parts, -1)

    def _first_logits(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Logits [S, T, N, B] of the first hidden layer from inputs [S, D, B] uint8, one matrix product for a
        seed's trials.
        """
        weight = parameters["weight_0"]
        return shared_input_linear(weight, parameters["bias_0"], x.to(weight.dtype) * self._scale)

    def _scores(
        self, parameters: Parameters, logits: list[Tensor], noise: Noise | None, members: Members
    ) -> Tensor:
        """Class scores [S, T, K, B] from the first layer's logits; noise None is argmax.

        `logits` holds the first layer's and receives those of the layers after it.
        """
        for i in range(len(self._hidden)):
            z = members.sample_binary(logits[i], noise, f"layer_{i}")
            if self._signed:
                z = 2 * z - 1
            logits.append(linear(parameters[f"weight_{i + 1}"], parameters[f"bias_{i + 1}"], z))
        return logits[-1]

    @torch.no_grad()
    def _sampled_sums(
        self, parameters: Parameters, first: Tensor, y: Tensor, noises: list[Noise], members: Members
    ) -> dict[str, Tensor]:
        """Sums over a chunk's examples of losses and hits, {metric: [S, T]}."""
        y = y.expand(*first.shape[:2], -1)
        argmax = self._scores(parameters, [first], None, members).log_softmax(2)
        single_loss = single_hits = torch.zeros((), device=first.device)
        # Log of the sum of the passes' probabilities; in logs a probability of 1e-50 is not 0.
        averaged: Tensor | None = None
        for noise in noises:
            scores = self._scores(parameters, [first], noise, members).log_softmax(2)
            single_loss = single_loss + _loss(scores, y).sum(-1) / len(noises)
            single_hits = single_hits + _hits(scores, y) / len(noises)
            averaged = scores if averaged is None else torch.logaddexp(averaged, scores)
        assert averaged is not None
        averaged -= math.log(len(noises))
        return {
            "val_loss": single_loss,
            "val_loss_argmax": _loss(argmax, y).sum(-1),
            "val_loss_16": _loss(averaged, y).sum(-1),
            "val_accuracy": single_hits,
            "val_accuracy_argmax": _hits(argmax, y),
            "val_accuracy_16": _hits(averaged, y),
        }

    def _fixed_noise(self, seed: int, purpose: str, parameters: Parameters, members: Members) -> FixedNoise:
        like = parameters["weight_0"]
        return FixedNoise(self, seed, purpose, like=like, counted=members.accelerator)

    def _gradient_noise(
        self, noise: Noise, n: int, chunk: int, parameters: Parameters, members: Members
    ) -> Noise:
        """The noise of a chunk of n examples with all that the members' backward pass needs."""
        if not members.need_draws:
            return noise
        drawn = self._fixed_noise(0, "evaluation draws", parameters, members)
        return with_draws(noise, lambda k: drawn.at(chunk * RAO_DRAWS + k, n))

    def _absolute_gradients(
        self, parameters: Parameters, first: Tensor, y: Tensor, noise: Noise, members: Members
    ) -> list[Tensor]:
        """Sums over a chunk's examples of |dloss_i/dlogit|, one [S, T, N] per hidden layer."""
        with torch.enable_grad():
            logits = [first.detach().requires_grad_()]
            fixed = {name: p.detach() for name, p in parameters.items()}
            loss = _loss(self._scores(fixed, logits, noise, members).log_softmax(2), y).sum()
        return [g.abs_().sum(-1) for g in torch.autograd.grad(loss, logits[:-1])]


def _loss(log_probabilities: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy per example, [S, T, B], of log-probabilities [S, T, K, B] against labels that broadcast
    to [S, T, B].
    """
    labels = labels.expand(*log_probabilities.shape[:2], -1)
    return F.nll_loss(log_probabilities.flatten(0, 1), labels.flatten(0, 1), reduction="none").view(
        labels.shape
    )


def _hits(scores: Tensor, labels: Tensor) -> Tensor:
    """Number of examples whose highest score is their label's, [S, T]."""
    return (scores.argmax(2) == labels).sum(-1).to(scores.dtype)
