"""The stochastic binary network's metrics, against a direct computation."""

import pytest
import torch
import torch.nn.functional as F

from tests.support.sbn import OPTIONS, A, B, C, D, E, PlainNetwork, population, trained
from tests.support.tasks import all_digits
from trainables.data import Split
from trainables.randomness import Stream
from trainables.tasks import sbn
from trainables.tasks.sbn import SBNOptions
from trainables.testing.subject import state

LOSSES = ("val_loss", "val_loss_argmax", "val_loss_16")
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.mark.parametrize("options", [OPTIONS, SBNOptions(units=(9,), signed=True)], ids=str)
@pytest.mark.parametrize("split", ["validation", "test"])
def test_argmax_metrics_on_a_split_that_is_no_multiple_of_the_chunk(split, options):
    models, _ = trained([A, B, C], [0, 7], steps=10, dtype=torch.float64, options=options)
    examples = getattr(all_digits(), split)
    assert len(examples) % sbn.CHUNK != 0
    metrics = models.evaluate(split)
    for s in range(2):
        for t in range(3):
            plain = PlainNetwork(models, s, t, signed=options.signed)
            scores = plain(examples.inputs, None).detach()
            accuracy = (scores.argmax(1) == examples.labels).double().mean()
            assert float(metrics["val_loss_argmax"][s, t]) == pytest.approx(
                float(F.cross_entropy(scores, examples.labels))
            )
            assert float(metrics["val_accuracy_argmax"][s, t]) == pytest.approx(float(accuracy))


@pytest.mark.parametrize("chunk", [250, 3])
def test_sampled_metrics_and_inactive_units_equal_a_direct_computation(monkeypatch, chunk):
    monkeypatch.setattr(sbn, "CHUNK", chunk)
    n = 7
    split = Split(all_digits().validation.inputs[:n], all_digits().validation.labels[:n])
    models, _ = trained([A, B, C, D, E], [0, 7], steps=10, dtype=torch.float64)
    for p in (models.parameters["bias_0"], models.parameters["bias_1"]):
        p.data += torch.linspace(-25, 25, p.shape[2], dtype=torch.float64)[
            :, None
        ]  # saturated units: gradients of every size
    metrics = models.task.evaluate(state(models), split, models.members)
    noises = evaluation_noise(models.task, n, chunk)
    for s in range(2):
        for t in range(5):
            expected = direct_metrics(PlainNetwork(models, s, t), split, noises)
            actual = {name: float(metrics[name][s, t]) for name in expected}
            assert actual == pytest.approx(expected, rel=1e-6)  # fractions come as float32
    assert (
        len({float(metrics[f"inactive_{eps:.0e}"][0, 0]) for eps in sbn.INACTIVE_EPS}) > 1
    )  # the thresholds tell units apart


def evaluation_noise(task, n, chunk):
    """The noise of every sampled pass over a split of n examples: [pass][layer] of [N, n]."""
    stream = Stream(0, "evaluation noise")
    passes = []
    for k in range(sbn.SAMPLES):
        chunks = [
            task.noise(min(chunk, n - i), stream.at(i // chunk * sbn.SAMPLES + k)) for i in range(0, n, chunk)
        ]
        passes.append([torch.cat([c[name] for c in chunks], 1).double() for name in chunks[0]])
    return passes


def direct_metrics(plain, split, noises):
    n = len(split)
    scores = torch.stack([plain(split.inputs, noise) for noise in noises]).detach()  # [16, n, K]
    mean = scores.softmax(-1).mean(0)
    hits = (scores.argmax(-1) == split.labels).double()
    gradient = 0.0  # mean over examples of |dL/dlogit|, [all hidden units]
    for i in range(n):
        seen = []
        one = plain(split.inputs[i : i + 1], [layer[:, i : i + 1] for layer in noises[0]], seen)
        loss = F.cross_entropy(one, split.labels[i : i + 1])
        gradient += torch.cat(torch.autograd.grad(loss, seen), 1)[0].abs() / n
    return {
        "val_loss": float(F.cross_entropy(scores.flatten(0, 1), split.labels.repeat(len(noises)))),
        "val_loss_16": float(F.nll_loss(mean.log(), split.labels)),
        "val_accuracy": float(hits.mean()),
        "val_accuracy_16": float((mean.argmax(-1) == split.labels).double().mean()),
    } | {f"inactive_{eps:.0e}": float((gradient < eps).double().mean()) for eps in sbn.INACTIVE_EPS}


def test_inactive_fractions_lie_in_zero_to_one_and_grow_with_the_threshold():
    metrics = trained([A, B, C, D, E], [0, 7])[0].evaluate()
    fractions = torch.stack([metrics[f"inactive_{eps:.0e}"] for eps in sorted(sbn.INACTIVE_EPS)])
    assert ((fractions >= 0) & (fractions <= 1)).all()
    assert (fractions.diff(dim=0) >= 0).all()


@pytest.mark.parametrize("neighbours", [(), (A, B)], ids=["alone", "among noisy ones"])
def test_without_forward_noise_sampled_and_argmax_metrics_agree(neighbours):
    models, _ = trained([E, C, *neighbours], [0, 7])
    metrics = {name: value[:, :2] for name, value in models.evaluate().items()}
    for name in ("val_loss", "val_loss_16"):
        torch.testing.assert_close(metrics[name], metrics["val_loss_argmax"], rtol=1e-5, atol=0)
    for name in ("val_accuracy", "val_accuracy_16"):
        torch.testing.assert_close(metrics[name], metrics["val_accuracy_argmax"], rtol=1e-5, atol=0)


def test_losses_of_very_sure_networks_stay_finite():
    models = population([A, B], [0])
    models.parameters["weight_2"].data *= 1e4
    metrics = models.evaluate()
    assert {name: bool(metrics[name].isfinite().all()) for name in LOSSES} == dict.fromkeys(LOSSES, True)


@pytest.mark.parametrize("units", [(), (0,), (16, 1.5), [16, 12], (True,)])
def test_units_must_be_whole_numbers(units):
    with pytest.raises(ValueError, match="units: must be a list of whole numbers"):
        SBNOptions(units=units)
