"""The categorical autoencoder: its loss and what plain torch would train, perplexities of codes made by hand,
its picture.
"""

import itertools
import math
from dataclasses import replace
from io import BytesIO

import pytest
import torch
import torch.nn.functional as F
from matplotlib.image import imread
from torch import nn

from tests.support.estimators import sample
from tests.support.tasks import all_digits, training
from trainables.data import Split
from trainables.population import Configuration, Population
from trainables.randomness import Stream
from trainables.tasks import catae
from trainables.tasks.base import DRAWS
from trainables.tasks.catae import CatAE, CatAEOptions
from trainables.testing.subject import state

pytestmark = pytest.mark.usefixtures("one_thread")

OPTIONS = {
    "one hidden layer": CatAEOptions(hidden=(24,), latents=3, classes=5),
    "two, with KL": CatAEOptions(hidden=(20, 16), latents=2, classes=4, kl_weight=0.3),
    "none": CatAEOptions(hidden=(), latents=1, classes=2, kl_weight=1),
}
SMALL = OPTIONS["one hidden layer"]
STEPS = 20  # two more than an epoch at batch 64
CONFIGURATIONS = [
    Configuration("decoupled", 2.0, 0.5, 1e-3),
    Configuration("softmax", 0.8, 0.8, 1e-3),
    Configuration("gumbel", None, 0.7, 3e-3),
    Configuration("identity", None, None, 3e-3),
    Configuration("reinmax", None, 1.1, 1e-3),
    Configuration("gumbel_rao", None, 0.6, 1e-3),
    Configuration("gst", None, 0.9, 1e-2),
]


def population(configurations, seeds, *, options=SMALL, dtype=torch.float64):
    return Population(
        CatAE(all_digits(), options), all_digits(), configurations, seeds, batch_size=64, dtype=dtype
    )


class PlainAutoencoder(nn.Module):
    """One member written as anyone would write it: batch first, no stacks."""

    def __init__(self, models, s, t, options):
        super().__init__()
        self.configuration, self.options = models.configurations[t], options

        def layers(part):
            for i in itertools.count():
                if f"{part}_{i}_weight" not in models.parameters:
                    return
                weight, bias = (
                    models.parameters[f"{part}_{i}_{kind}"][s, t].detach().clone()
                    for kind in ("weight", "bias")
                )
                layer = nn.Linear(*weight.shape[::-1], dtype=weight.dtype)
                layer.weight.data, layer.bias.data = weight, bias[:, 0]
                yield layer

        def sequential(part):
            return nn.Sequential(*[m for layer in layers(part) for m in (nn.ReLU(), layer)][1:])

        self.encoder, self.decoder = sequential("encoder"), sequential("decoder")

    def logits(self, inputs):
        """[B, L, K]."""
        return self.encoder(inputs.double() / 16).unflatten(1, (self.options.latents, self.options.classes))

    def code(self, logits, noise, draws=None):
        """[B, L, K], from noise [L, K, B]; the most probable one for None."""
        if noise is None:
            return F.one_hot(logits.argmax(-1), logits.shape[-1]).double()
        draws = None if draws is None else draws.permute(0, 3, 1, 2)
        return sample(self.configuration, logits, noise.permute(2, 0, 1), draws)

    def reconstruction_loss(self, inputs, code):
        """Summed over pixels, mean over the examples."""
        out = self.decoder(code.flatten(1))
        return F.binary_cross_entropy_with_logits(out, inputs.double() / 16, reduction="sum") / len(inputs)

    def divergence(self, logits):
        """KL divergence from the code's distribution to the uniform one, mean over the examples."""
        code = torch.distributions.Categorical(logits=logits)
        uniform = torch.distributions.Categorical(logits=torch.zeros_like(logits))
        return torch.distributions.kl_divergence(code, uniform).sum(-1).mean()

    def tensors(self):
        """{name in the population: [...]}."""
        return {
            f"{part}_{i}_{kind}": getattr(layer, kind).detach()
            for part in ("encoder", "decoder")
            for i, layer in enumerate(m for m in getattr(self, part) if isinstance(m, nn.Linear))
            for kind in ("weight", "bias")
        }


# --- training ---


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("t", range(len(CONFIGURATIONS)), ids=[c.estimator for c in CONFIGURATIONS])
def test_a_member_is_what_plain_torch_trains_on_the_same_batches_and_noise(t, options):
    s = 1
    models = population(CONFIGURATIONS, [0, 7], options=options)
    twin = population(CONFIGURATIONS, [0, 7], options=options)  # tells the batches and the noise
    plain = PlainAutoencoder(models, s, t, options)
    adam = torch.optim.Adam(plain.parameters(), lr=models.configurations[t].lr, foreach=False)
    total = 0.0
    for inputs, _, noise in training(twin, STEPS):
        logits = plain.logits(inputs[s])
        code = plain.code(logits, noise["code"][s, 0], noise["code" + DRAWS][:, s, 0])
        loss = plain.reconstruction_loss(inputs[s], code) + options.kl_weight * plain.divergence(logits)
        adam.zero_grad()
        loss.backward()
        adam.step()
        total += loss.item()
    assert float(models.train(STEPS)[s, t]) == pytest.approx(total / STEPS, rel=1e-9)
    tensors = plain.tensors()
    assert tensors.keys() == models.parameters.keys()
    for name, expected in tensors.items():
        actual = models.parameters[name][s, t].detach().view_as(expected)
        torch.testing.assert_close(actual, expected, rtol=1e-8, atol=1e-10)


def test_training_reconstructs_better_than_the_mean_image():
    configuration = Configuration("decoupled", 0.3, 1.0, 1e-2)
    models = population([configuration], [0], options=CatAEOptions(hidden=()), dtype=torch.float32)
    models.train(20 * models.steps_per_epoch)
    mean = all_digits().train.inputs.double().mean(0) / 16
    x = all_digits().validation.inputs.double() / 16
    blind = F.binary_cross_entropy(mean.expand_as(x), x, reduction="sum") / len(x)
    assert models.evaluate()["val_loss"].item() < blind - 2


def test_the_loss_is_torchs_binary_cross_entropy():
    generator = torch.Generator().manual_seed(0)
    out = 20 * torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64)  # [S, T, D, B]
    x = torch.rand(2, 5, 4, generator=generator, dtype=torch.float64).round(decimals=1)  # 0 and 1 among them
    loss = catae.binary_cross_entropy(out, x)
    for s in range(2):
        for t in range(3):
            expected = F.binary_cross_entropy_with_logits(out[s, t], x[s], reduction="sum")
            torch.testing.assert_close(loss[s, t], expected, rtol=1e-8, atol=0)  # softplus leaves e^-20 out


def test_the_losss_gradient_is_that_of_finite_differences():
    generator = torch.Generator().manual_seed(1)
    out = torch.randn(2, 3, 5, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    x = torch.rand(2, 5, 4, generator=generator, dtype=torch.float64)
    torch.autograd.gradcheck(lambda out: catae.binary_cross_entropy(out, x), (out,))


def test_the_loss_of_very_sure_pixels_stays_finite_and_has_a_gradient():
    out = torch.tensor([-1e4, 1e4]).view(1, 1, 2, 1).requires_grad_()
    loss = catae.binary_cross_entropy(out, torch.tensor([1.0, 0.0]).view(1, 2, 1))
    loss.sum().backward()
    assert loss.item() == 2e4
    assert out.grad.flatten().tolist() == [-1, 1]


# --- metrics ---


def evaluation_noise(task, n):
    """The noise of every sampled pass over a split of n examples, [L, K, n] each."""
    stream = Stream(0, "evaluation noise")
    starts = range(0, n, catae.CHUNK)
    return [
        torch.cat(
            [
                task.noise(min(catae.CHUNK, n - start), stream.at(chunk * catae.SAMPLES + k))["code"]
                for chunk, start in enumerate(starts)
            ],
            -1,
        ).double()
        for k in range(catae.SAMPLES)
    ]


def perplexity(probabilities):
    return math.exp(-sum(p * math.log(p) for p in probabilities.tolist() if p))


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda c: c.estimator)
def test_metrics_equal_a_direct_computation(configuration, options):
    split = all_digits().validation
    assert len(split) % catae.CHUNK != 0
    models = population([CONFIGURATIONS[0], configuration], [0, 7], options=options)
    models.train(10)
    metrics = {name: float(value[1, 1]) for name, value in models.evaluate().items()}
    plain = PlainAutoencoder(models, 1, 1, options)
    with torch.no_grad():
        logits = plain.logits(split.inputs)
        codes = [plain.code(logits, noise) for noise in evaluation_noise(models.task, len(split))]
        losses = [plain.reconstruction_loss(split.inputs, code).item() for code in codes]
        argmax = plain.reconstruction_loss(split.inputs, plain.code(logits, None)).item()
        divergence = plain.divergence(logits).item()
    latents = [perplexity(used) for used in codes[0].mean(0)]
    joint = codes[0].argmax(-1).unique(dim=0, return_counts=True)[1] / len(split)
    assert metrics == pytest.approx(
        {
            "val_loss": sum(losses) / len(losses),
            "val_loss_argmax": argmax,
            "perplexity": sum(latents) / len(latents),
            "perplexity_min": min(latents),
            "joint_perplexity": perplexity(joint.double()),
            "kl": divergence,
        },
        rel=1e-6,
    )


def with_codes(codes, classes):
    """Metrics of an autoencoder whose code for the i-th of the examples is codes[i], [n, L]."""
    n, latents = codes.shape
    options = CatAEOptions(hidden=(), latents=latents, classes=classes)
    split = Split(torch.eye(n, dtype=torch.uint8), torch.zeros(n, dtype=torch.int64))
    splits = {"train": split, "validation": split, "test": split}
    data = replace(all_digits(), **splits, largest=1, shape=(1, 1, n))
    task = CatAE(data, options)
    models = Population(task, data, [Configuration("identity", None, None, 1e-3)], [0], batch_size=1)
    models.parameters["encoder_0_weight"].data[0, 0] = (
        F.one_hot(codes, classes).float().flatten(1).T
    )  # example i is column i
    models.parameters["encoder_0_bias"].data.zero_()
    return models.task.evaluate(state(models), data.train, models.members)


@pytest.mark.parametrize("n", [64, 600])  # one chunk, several
def test_perplexity_is_one_for_one_code_and_k_for_uniform_ones(n):
    K, L = 4, 3
    i = torch.arange(n)
    zeros = torch.zeros(n, dtype=torch.int64)
    everything = torch.stack([i % K, i // K % K, i // K**2 % K], 1)
    cases = {
        "one code": (torch.stack([zeros, zeros + 3, zeros + 1], 1), [1, 1, 1], 1),
        "one latent used": (torch.stack([zeros, i % K, zeros], 1), [1, K, 1], K),
        "latents alike": ((i % K)[:, None].expand(-1, L), [K, K, K], K),
        "half of one": (torch.stack([i % 2, zeros, i % K], 1), [2, 1, K], K),
    }
    if n % K**L == 0:
        cases["everything"] = (everything, [K] * L, K**L)
    for codes, latents, joint in cases.values():
        metrics = with_codes(codes, K)
        assert metrics["perplexity"].item() == pytest.approx(sum(latents) / L, rel=1e-5)
        assert metrics["perplexity_min"].item() == pytest.approx(min(latents), rel=1e-5)
        assert metrics["joint_perplexity"].item() == pytest.approx(joint, rel=1e-5)


@pytest.mark.parametrize(
    ("latents", "classes", "counted"), [(8, 4, True), (16, 2, True), (17, 2, False), (4, 17, False)]
)
def test_joint_perplexity_is_counted_up_to_65536_codes(latents, classes, counted):
    metrics = with_codes(torch.zeros(5, latents, dtype=torch.int64), classes)
    assert ("joint_perplexity" in metrics) == counted


def test_the_kl_weight_adds_that_much_of_the_divergence():
    weights = (0, 0.5, 2.0)
    losses, divergences = [], []
    for weight in weights:
        models = population(CONFIGURATIONS[:1], [0], options=replace(SMALL, kl_weight=weight))
        for p in models.parameters.values():
            p.data *= 5  # a code that is far from uniform
        inputs, labels = models.batch()
        losses.append(
            models.task.loss(models.parameters, inputs, labels, models.noise(), models.members).item()
        )
        divergences.append(
            PlainAutoencoder(models, 0, 0, SMALL).divergence(models_logits(models, inputs)).item()
        )
    assert divergences[0] > 0.5
    expected = [losses[0] + weight * divergences[0] for weight in weights]
    assert losses == pytest.approx(expected, rel=1e-9)


def models_logits(models, inputs):
    return PlainAutoencoder(models, 0, 0, SMALL).logits(inputs[0]).detach()


# --- the picture ---


def test_the_picture_shows_examples_above_their_reconstructions():
    models = population(CONFIGURATIONS[:2], [0, 7])
    models.train(10)
    s, t = 1, 1
    files = models.artifacts(s, t)
    assert files.keys() == {"reconstructions.png"}
    picture = (
        torch.from_numpy(255 * imread(BytesIO(files["reconstructions.png"]))).round().int()[..., 0]
    )  # grey
    zoom, n = 8, 16
    side = 8 * zoom + 2  # a white line on either side
    assert picture.shape == (2 * side, n * side)
    tiles = picture.view(2, side, n, side).transpose(1, 2)  # [row, n, side, side]
    plain = PlainAutoencoder(models, s, t, SMALL)
    inputs = all_digits().test.inputs[:n]
    with torch.no_grad():
        out = plain.decoder(plain.code(plain.logits(inputs), None).flatten(1)).sigmoid()
    for row, pixels in zip(tiles, (inputs.double() / 16, out), strict=True):
        assert (row[:, [0, -1]] == 255).all()
        assert (row[:, :, [0, -1]] == 255).all()
        expected = (
            (255 * pixels).round().int().view(n, 8, 8).repeat_interleave(zoom, 1).repeat_interleave(zoom, 2)
        )
        assert torch.equal(row[:, 1:-1, 1:-1], expected)


# --- options ---


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *(
            ({"hidden": h}, "hidden: must be a list of whole numbers from 1 to 100000")
            for h in ([0], [10, 1.5], [True], 40)
        ),
        *(
            ({"latents": n}, "latents: must be a whole number from 1 to 10000")
            for n in (0, 10_001, 2.0, "4", True)
        ),
        *(
            ({"classes": n}, "classes: must be a whole number from 2 to 10000")
            for n in (1, 10_001, 8.0, True)
        ),
        *(
            ({"kl_weight": w}, "kl_weight: must be a number, 0 or more")
            for w in (-0.1, math.inf, math.nan, "1", True)
        ),
        ({"beta": 1.0}, "beta: is not an option of this task; it has hidden, latents, classes, kl_weight"),
    ],
)
def test_an_option_that_is_not_possible_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        CatAEOptions.parse(given)


def test_options_come_as_a_study_writes_them():
    assert CatAEOptions.parse({"hidden": [], "latents": 2, "classes": 3, "kl_weight": 1}) == CatAEOptions(
        (), 2, 3, 1
    )
