"""Categorical autoencoder (CatAE): images through a bottleneck of sampled categories (Shah et al., section
5.1.2).

784-512-256-(L*K)-256-512-784 by default: ReLU between linear layers, no activation on the logits, L one-hot
samples of K categories as the code, sigmoid pixels and binary cross-entropy, summed over pixels. Activations
are batch-last, [S, T, N, B].
"""

import math
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from trainables.data import Split
from trainables.drawing import FixedNoise
from trainables.kernels import cross_entropy
from trainables.layers import init_linear, linear, shared_input_linear
from trainables.randomness import gumbel_
from trainables.tasks.base import Code, Members, Noise, NoiseShapes, Parameters, Task
from trainables.tasks.declarations.catae import CHUNK, CatAEOptions, DeclaredCatAE

__all__ = ["CHUNK", "CatAE", "CatAEOptions", "binary_cross_entropy"]

SAMPLES = 4  # sampled passes of an evaluation
JOINT_CODES = 2**16  # above, the joint perplexity is not counted
_PICTURES = 16  # examples that are shown with their reconstructions


class CatAE(DeclaredCatAE, Task):
    """Categorical autoencoder.

    Metrics of `evaluate`, each [S, T]:
        val_loss: binary cross-entropy in nats, summed over pixels, of one sampled pass, averaged over 4 such
            passes. It is the objective, and does not contain the KL term.
        val_loss_argmax: the same with every latent at its most probable category.
        perplexity: exp of the entropy of a latent's mean one-hot over the split (sampled pass), averaged over
            latents; at most K.
        perplexity_min: of the least used latent.
        joint_perplexity: of the whole code, at most min(K^L, examples); not counted where K^L exceeds 65,536.
        kl: KL divergence from softmax(logits) to the uniform distribution, summed over latents, in nats.
    """

    def init(self, generator: torch.Generator) -> Parameters:
        """weight [N_out, N_in] and bias [N_out, 1] of every layer: encoder_0, encoder_1, ..., decoder_0,
        ...
        """
        parameters: Parameters = {}
        for part, layers in (("encoder", self._encoder), ("decoder", self._decoder)):
            for i, (fan_in, fan_out) in enumerate(layers):
                weight, bias = init_linear(fan_in, fan_out, generator)
                parameters |= {f"{part}_{i}_weight": weight, f"{part}_{i}_bias": bias}
        return parameters

    def noise(self, batch_size: int, generator: torch.Generator) -> Noise:
        """Gumbel noise [L, K, B] of the code."""
        return {
            "code": gumbel_(torch.empty(self._L, self._K, batch_size, device=generator.device), generator)
        }

    def noise_shapes(self, batch_size: int) -> NoiseShapes:
        """As `noise`."""
        return {"code": ("gumbel", (self._L, self._K, batch_size))}

    def loss(
        self,
        parameters: Parameters,
        inputs: Tensor,
        labels: Tensor,  # noqa: ARG002  # an autoencoder learns its inputs
        noise: Noise,
        members: Members,
    ) -> Tensor:
        """Mean over the batch of the summed binary cross-entropy, and of the weighted KL term, [S, T]."""
        x = self._pixels(inputs, parameters)
        logits = self._encode(parameters, x)
        out = self._decode(parameters, members.sample(logits, noise, "code"))
        loss = binary_cross_entropy(out, x) / inputs.shape[1]
        return loss + self._kl_weight * _kl(logits).mean(-1) if self._kl_weight else loss

    @torch.no_grad()
    def evaluate(self, parameters: Parameters, split: Split, members: Members) -> dict[str, Tensor]:
        """The metrics of the class docstring, {name: [S, T]}."""
        weight = parameters["encoder_0_weight"]
        S, T = weight.shape[:2]
        sums: dict[str, Tensor] = {}
        used = torch.zeros(S, T, self._L, self._K, device=weight.device, dtype=weight.dtype)
        codes: list[Tensor] = []
        drawn = self._evaluation_noise(split, parameters, members)
        for chunk, inputs in enumerate(_chunks(split)):
            x = self._pixels(inputs.expand(S, -1, -1), parameters)
            logits = self._encode(parameters, x)
            argmax = members.sample(logits, None, "code")
            found = {
                "val_loss_argmax": binary_cross_entropy(self._decode(parameters, argmax), x),
                "kl": _kl(logits).sum(-1),
            }
            for k in range(SAMPLES):
                z = members.sample(logits, drawn.at(chunk * SAMPLES + k, inputs.shape[1]), "code")
                loss = binary_cross_entropy(self._decode(parameters, z), x) / SAMPLES
                found["val_loss"] = found["val_loss"] + loss if k else loss
                if k == 0:
                    used += z.sum(-1)
                    codes.append(z.argmax(-2))
            sums = {name: sums.get(name, 0) + value for name, value in found.items()}
        metrics = {name: value / len(split) for name, value in sums.items()}
        per_latent = torch.special.entr(used / len(split)).sum(-1).exp()  # [S, T, L]
        metrics |= {"perplexity": per_latent.mean(-1), "perplexity_min": per_latent.amin(-1)}
        if self._K**self._L <= JOINT_CODES:
            metrics["joint_perplexity"] = self._joint_perplexity(torch.cat(codes, -1)).to(weight.dtype)
        return metrics

    @torch.no_grad()
    def example_losses(self, parameters: Parameters, split: Split, members: Members) -> Tensor:
        """The binary cross-entropy of each example, averaged over the passes of val_loss, [S, T, N]."""
        weight, parts = parameters["encoder_0_weight"], []
        drawn = self._evaluation_noise(split, parameters, members)
        for chunk, inputs in enumerate(_chunks(split)):
            x = self._pixels(inputs.expand(len(weight), -1, -1), parameters)
            logits = self._encode(parameters, x)
            losses = torch.zeros((), device=weight.device)
            for k in range(SAMPLES):
                z = members.sample(logits, drawn.at(chunk * SAMPLES + k, inputs.shape[1]), "code")
                out = self._decode(parameters, z)  # [S, T, D, B]
                losses = losses + (F.softplus(out) - out * x[:, None]).sum(2) / SAMPLES
            parts.append(losses)
        return torch.cat(parts, -1)

    def artifacts(self, parameters: Parameters, split: Split, members: Members) -> dict[str, bytes]:
        """reconstructions.png: examples above their reconstructions, argmax code."""
        from torchvision.utils import save_image  # not on a machine that has only torch

        inputs = split.inputs[None, :_PICTURES]
        logits = self._encode(parameters, self._pixels(inputs, parameters))
        out = self._decode(parameters, members.sample(logits, None, "code")).sigmoid()
        shown = torch.stack([self._pixels(inputs, parameters), out[:, 0]])[:, 0].mT  # [2, n, D]
        C, H, W = self._shape
        zoom = max(1, 64 // H)
        tiles = shown.reshape(2, -1, C, H, W).repeat_interleave(zoom, 3).repeat_interleave(zoom, 4)
        tiles = F.pad(tiles, (1, 1, 1, 1), value=1.0)  # white lines between the pictures
        picture = tiles.permute(2, 0, 3, 1, 4).flatten(3).flatten(1, 2)  # [C, 2*H, n*W]
        file = BytesIO()
        save_image(picture, file, format="png")
        return {"reconstructions.png": file.getvalue()}

    def code(self, parameters: Parameters, inputs: Tensor) -> Code:
        """The summed binary cross-entropy of every example as a function of its code; the KL term is no part
        of it.
        """
        x = self._pixels(inputs[None], parameters)  # [1, D, n]
        logits = self._encode(parameters, x)[0, 0].permute(2, 0, 1)

        def losses(z: Tensor) -> Tensor:
            out = self._decode(parameters, z.flatten(0, 1).permute(1, 2, 0)[None, None])  # [1, 1, D, C*n]
            out = out.view(-1, *z.shape[:2])
            return F.softplus(out).sum(0) - torch.einsum("dcn,dn->cn", out, x[0])

        return Code(logits, losses)

    def _evaluation_noise(self, split: Split, parameters: Parameters, members: Members) -> FixedNoise:
        """The noise of the sampled passes over a split."""
        like, counted = parameters["encoder_0_weight"], members.accelerator
        return FixedNoise(self, split.noise_seed, "evaluation noise", like=like, counted=counted)

    def _pixels(self, inputs: Tensor, parameters: Parameters) -> Tensor:
        """Pixels in [0, 1], [S, D, B], of inputs [S, B, D] uint8."""
        return inputs.mT.to(parameters["encoder_0_weight"].dtype) * self._scale

    def _encode(self, parameters: Parameters, x: Tensor) -> Tensor:
        """Logits [S, T, L, K, B] of pixels [S, D, B]."""
        h = shared_input_linear(parameters["encoder_0_weight"], parameters["encoder_0_bias"], x)
        for i in range(1, len(self._encoder)):
            h = linear(parameters[f"encoder_{i}_weight"], parameters[f"encoder_{i}_bias"], h.relu())
        S, T, _, B = h.shape
        return h.view(S, T, self._L, self._K, B)

    def _decode(self, parameters: Parameters, z: Tensor) -> Tensor:
        """Logits [S, T, D, B] of the pixels from a code [S, T, L, K, B]."""
        h = z.flatten(2, 3)
        for i in range(len(self._decoder)):
            h = linear(
                parameters[f"decoder_{i}_weight"], parameters[f"decoder_{i}_bias"], h.relu() if i else h
            )
        return h

    def _joint_perplexity(self, codes: Tensor) -> Tensor:
        """Perplexity [S, T] of codes [S, T, L, n]."""
        places = self._K ** torch.arange(self._L, device=codes.device)
        joint = (codes * places[:, None]).sum(2)  # [S, T, n]
        counts = torch.zeros(*joint.shape[:2], self._K**self._L, device=codes.device, dtype=torch.float64)
        counts.scatter_add_(2, joint, torch.ones_like(joint, dtype=counts.dtype))
        entropy: Tensor = torch.special.entr(counts / joint.shape[-1]).sum(-1)
        return entropy.exp()


class _BinaryCrossEntropy(torch.autograd.Function):
    """Keeps the logits only; torch's own keeps and makes several tensors of their size."""

    @staticmethod
    def forward(ctx: Any, out: Tensor, x: Tensor) -> Tensor:
        ctx.save_for_backward(out, x)
        sums = cross_entropy.binary_cross_entropy if out.is_cuda else cross_entropy.sums_formula
        loss: Tensor = sums(out, x)
        return loss

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, dloss: Tensor) -> tuple[Tensor, None]:
        out, x = ctx.saved_tensors
        backward = cross_entropy.binary_cross_entropy_backward
        return (backward if out.is_cuda else cross_entropy.gradient_formula)(dloss, out, x), None


def binary_cross_entropy(out: Tensor, x: Tensor) -> Tensor:
    """Sum over pixels and examples, [S, T], of the cross-entropy of logits [S, T, D, B] against pixels [S, D,
    B].
    """
    loss: Tensor = _BinaryCrossEntropy.apply(out, x)
    return loss


def _kl(logits: Tensor) -> Tensor:
    """KL divergence to the uniform distribution per example, [S, T, B], of logits [S, T, L, K, B]."""
    q = logits.log_softmax(3)
    return (q.exp() * q).sum((2, 3)) + logits.shape[2] * math.log(logits.shape[3])


def _chunks(split: Split) -> Iterator[Tensor]:
    """Inputs [1, b, D] of a split, a chunk at a time."""
    for start in range(0, len(split), CHUNK):
        yield split.inputs[None, start : start + CHUNK]
