"""Differentiable logic gate network (DLN): a classifier made of two-input logic gates (Petersen et al. 2022,
Shah et al.).

Inputs are binarised by a thermometer code; every gate reads two outputs of the layer before, wired at random
by the seed; the last layer's gates form one group for each class, whose sum over a temperature is the class
score. What is learned is which of the 16 gates every neuron is: 16 logits, one sample per gate and training
step, shared by the batch.

Logits are kept as [16, gates of all layers]: the categories are not the last axis, which is several times
faster on a CPU.
"""

import json
from collections.abc import Iterator, Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor

from trainables import gate_rows
from trainables.data import Split
from trainables.drawing import FixedNoise
from trainables.gate_names import GATES
from trainables.gates import COEFFICIENTS, Wires, group_sums, random_wires
from trainables.randomness import gumbel_
from trainables.surrogates import RAO_DRAWS
from trainables.tasks.base import Constants, Members, Noise, NoiseShapes, Parameters, Task, with_draws
from trainables.tasks.declarations.dln import CHUNK, DeclaredDLN, DLNOptions

__all__ = ["CHUNK", "DLN", "DLNOptions", "thermometer"]

SAMPLES = 4  # sampled networks of an evaluation
RESIDUAL_LOGIT = 5.0  # of the gate "a" in residual initialisation: it starts with a probability of 91 %
_K = len(GATES)
_GRADIENT_EXAMPLES = 500  # of the split, on which it is counted which gates receive a gradient


def thermometer(inputs: Tensor, cutoffs: Sequence[int] | Tensor) -> Tensor:
    """Thermometer code [S, cutoffs * features, B] uint8 of inputs [S, B, features] uint8: whether they are
    above the first cutoff, whether above the second, and so on. Cutoffs as a tensor are for accelerators.
    """
    x = inputs.mT.contiguous()
    if isinstance(cutoffs, Tensor):
        return (x[:, None] > cutoffs[:, None, None]).flatten(1, 2).view(torch.uint8)
    bits = x.new_empty(len(x), len(cutoffs) * x.shape[1], x.shape[2])
    for part, cutoff in zip(bits.chunk(len(cutoffs), 1), cutoffs, strict=True):
        torch.gt(x, cutoff, out=part)
    return bits


class DLN(DeclaredDLN, Task):
    """Differentiable logic gate network.

    Metrics of `evaluate`, each [S, T]:
        val_loss, val_accuracy: with every gate at its most probable type, the network that would be deployed.
            val_loss, the cross-entropy of the class scores in nats, is the objective.
        val_loss_sampled, val_accuracy_sampled: of the network as it is trained, averaged over 4 samples of
            its gates; for the reference estimator "soft", one pass of the network without discretisation.
        discretisation_gap: val_accuracy_sampled - val_accuracy.
        gate_false, gate_and, ...: share of gates of which that type is the most probable one.
        gate_perplexity: exp of the entropy of these 16 shares; at most 16.
        gates_without_gradient: share of gates all of whose logits receive a gradient of exactly 0 from a pass
            over the split's first 500 examples.
    """

    def init(self, generator: torch.Generator) -> Parameters:
        """Gate logits [16, all gates]: standard normal, or 0 but for the gate "a" in residual
        initialisation.
        """
        if not self._residual:
            return {"gates": torch.randn(_K, sum(self._widths), generator=generator)}
        gates = torch.zeros(_K, sum(self._widths))
        gates[GATES.index("a")] = RESIDUAL_LOGIT
        return {"gates": gates}

    def constants(self, generator: torch.Generator) -> Constants:
        """The wires of every layer i, a field of Wires each: inputs_i [2, N], ..."""
        constants: Constants = {}
        for i, (sources, gates) in enumerate(pairwise((self._inputs, *self._widths))):
            wires = Wires.of(random_wires(sources, gates, generator)[None], sources)
            constants |= {f"{name}_{i}": field[0] for name, field in wires._asdict().items()}
        return constants

    def noise(self, batch_size: int, generator: torch.Generator) -> Noise:  # noqa: ARG002  # the batch shares its gates
        """Gumbel noise [16, all gates]."""
        return {"gates": gumbel_(torch.empty(_K, sum(self._widths), device=generator.device), generator)}

    def noise_shapes(self, batch_size: int) -> NoiseShapes:  # noqa: ARG002  # as `noise`
        """As `noise`."""
        return {"gates": ("gumbel", (_K, sum(self._widths)))}

    def loss(
        self, parameters: Parameters, inputs: Tensor, labels: Tensor, noise: Noise, members: Members
    ) -> Tensor:
        """Mean cross-entropy of every member, [S, T]."""
        coefficients = self._coefficients(parameters, noise, members)
        scores = self._scores(coefficients, self._bits(inputs, members), members, members.relaxed)
        return _losses(scores, labels[:, None, :]).mean(-1)

    @torch.no_grad()
    def evaluate(self, parameters: Parameters, split: Split, members: Members) -> dict[str, Tensor]:
        """The metrics of the class docstring, {name: [S, T]}."""
        noises = self._evaluation_noise("evaluation noise", SAMPLES, split, parameters, members)
        metrics: dict[str, Tensor] = {}
        for suffix, networks in (("", [None]), ("_sampled", noises)):
            soft = members.relaxed if suffix else [False] * len(members.relaxed)
            results = [
                self._evaluate(self._coefficients(parameters, n, members), split, members, soft)
                for n in networks
            ]
            metrics[f"val_loss{suffix}"], metrics[f"val_accuracy{suffix}"] = (
                torch.stack(m).mean(0) for m in zip(*results, strict=True)
            )
        metrics["discretisation_gap"] = metrics["val_accuracy_sampled"] - metrics["val_accuracy"]
        chosen = F.one_hot(parameters["gates"].argmax(2), _K)  # [S, T, N, 16]
        shares = chosen.to(parameters["gates"].dtype).mean(2)  # [S, T, 16]
        metrics["gate_perplexity"] = torch.special.entr(shares).sum(-1).exp()
        metrics |= {f"gate_{name}": shares[..., k] for k, name in enumerate(GATES)}
        noise = noises[0]
        if members.need_draws:
            draws = self._evaluation_noise("evaluation draws", RAO_DRAWS, split, parameters, members)
            noise = with_draws(noise, draws.__getitem__)
        metrics["gates_without_gradient"] = self._without_gradient(parameters, split, noise, members)
        return metrics

    @torch.no_grad()
    def example_losses(self, parameters: Parameters, split: Split, members: Members) -> Tensor:
        """The cross-entropy of each example by the most probable gates, as val_loss is, [S, T, N]."""
        coefficients = self._coefficients(parameters, None, members)
        soft = [False] * len(members.relaxed)
        parts: list[Tensor] = []
        for x, y in _chunks(split):
            bits = thermometer(x.expand(coefficients[0].shape[0], -1, -1), self._cutoffs)
            parts.append(_losses(self._scores(coefficients, bits, members, soft), y))
        return torch.cat(parts, -1)

    def artifacts(self, parameters: Parameters, split: Split, members: Members) -> dict[str, bytes]:  # noqa: ARG002
        """network.json: the most probable gates and their wires, which trainables/logic_network.py
        evaluates.
        """
        gates = torch.split(parameters["gates"][0, 0].argmax(0), list(self._widths))
        wires = [members.constants[f"inputs_{i}"][0] for i in range(len(gates))]
        network = {
            "format": "logic-network-1",
            "features": self._inputs // len(self._cutoffs),
            "cutoffs": self._cutoffs,
            "layers": [
                {"gate": g.tolist(), "a": w[0].tolist(), "b": w[1].tolist()}
                for g, w in zip(gates, wires, strict=True)
            ],
            "classes": self._classes,
        }
        return {"network.json": json.dumps(network, separators=(",", ":")).encode()}

    def _coefficients(self, parameters: Parameters, noise: Noise | None, members: Members) -> list[Tensor]:
        """Gate coefficients [S, T, 4, N] of every layer: of sampled gates, or of the most probable ones."""
        gates = parameters["gates"]
        table = self._layout(members, gates).coefficients if members.accelerator else COEFFICIENTS.to(gates)
        chosen = members.sample_rows(gates, noise, "gates", table)
        return list(torch.split(chosen, list(self._widths), -1))

    def _scores(
        self, coefficients: list[Tensor], bits: Tensor, members: Members, soft: Sequence[bool]
    ) -> Tensor:
        """Class scores [S, T, K, B] of bits [S, D, B]."""
        K = self._classes
        if members.accelerator:
            layout = self._layout(members, coefficients[0])
            sums = gate_rows.group_sums(bits, coefficients, layout, groups=K, soft=any(soft))
        else:
            sums = group_sums(bits, coefficients, self._wires(members), groups=K, soft=soft)
        return sums / self._temperature

    def _bits(self, inputs: Tensor, members: Members) -> Tensor:
        """The network's inputs [S, D, B] uint8 of pixels [S, B, features] uint8."""
        if not members.accelerator:
            return thermometer(inputs, self._cutoffs)
        made = members.once(
            "cutoffs", lambda: torch.tensor(self._cutoffs, dtype=torch.uint8, device=inputs.device)
        )
        return thermometer(inputs, made)

    def _wires(self, members: Members) -> list[Wires]:
        """Of every layer."""
        layers = range(len(self._widths))
        return [Wires(*(members.constants[f"{field}_{i}"] for field in Wires._fields)) for i in layers]

    def _layout(self, members: Members, like: Tensor) -> gate_rows.Layout:
        """What an accelerator needs of the wires, for members [S, T, ...] as `like`."""
        trials, dtype = like.shape[1], like.dtype
        return members.once(
            ("gates", trials, dtype), lambda: gate_rows.Layout.of(self._wires(members), trials, dtype)
        )

    def _evaluate(
        self, coefficients: list[Tensor], split: Split, members: Members, soft: Sequence[bool]
    ) -> tuple[Tensor, Tensor]:
        """Mean loss and accuracy [S, T] of networks on a split."""
        S, T = coefficients[0].shape[:2]
        loss = hits = torch.zeros(S, T, device=split.inputs.device, dtype=coefficients[0].dtype)
        for x, y in _chunks(split):
            bits = self._bits(x.expand(S, -1, -1), members)
            scores = self._scores(coefficients, bits, members, soft)
            loss = loss + _losses(scores, y).sum(-1)
            hits = hits + (scores.argmax(2) == y).sum(-1)
        return loss / len(split), hits / len(split)

    def _evaluation_noise(
        self, purpose: str, count: int, split: Split, parameters: Parameters, members: Members
    ) -> list[Noise]:
        like, counted = parameters["gates"], members.accelerator
        drawn = FixedNoise(self, split.noise_seed, purpose, like=like, counted=counted)
        return [drawn.at(k, 1) for k in range(count)]

    def _without_gradient(
        self, parameters: Parameters, split: Split, noise: Noise, members: Members
    ) -> Tensor:
        """Share of gates [S, T] whose logits all receive a gradient of exactly 0."""
        first = Split(split.inputs[:_GRADIENT_EXAMPLES], split.labels[:_GRADIENT_EXAMPLES])
        touched: Tensor | None = None
        for x, y in _chunks(first):
            with torch.enable_grad():
                logits = parameters["gates"].detach().requires_grad_()
                bits = self._bits(x.expand(len(logits), -1, -1), members)
                scores = self._scores(
                    self._coefficients({"gates": logits}, noise, members), bits, members, members.relaxed
                )
                (gradient,) = torch.autograd.grad(_losses(scores, y).sum(), logits)
            found = (gradient != 0).any(2)
            touched = found if touched is None else touched | found
        assert touched is not None
        return 1 - touched.to(parameters["gates"].dtype).mean(-1)


def _chunks(split: Split) -> Iterator[tuple[Tensor, Tensor]]:
    """Inputs [1, b, features] and labels [1, 1, b] of a split, a chunk at a time."""
    for start in range(0, len(split), CHUNK):
        yield split.inputs[None, start : start + CHUNK], split.labels[None, None, start : start + CHUNK]


def _losses(scores: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy per example, [S, T, B], of class scores [S, T, K, B] against labels that broadcast to [S,
    T, B].
    """
    S, T, _, B = scores.shape
    return F.cross_entropy(scores.flatten(0, 1), labels.expand(S, T, B).flatten(0, 1), reduction="none").view(
        S, T, B
    )
