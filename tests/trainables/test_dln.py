"""The logic gate network: what plain torch would train, metrics computed directly, and the network that is
handed out.
"""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from tests.support.estimators import sample
from tests.support.gate_probabilities import PROBABILITY
from tests.support.tasks import all_digits, training
from trainables.gate_names import GATES
from trainables.logic_network import LogicNetwork
from trainables.population import Configuration, Population
from trainables.randomness import Stream
from trainables.tasks import dln
from trainables.tasks.base import DRAWS
from trainables.tasks.declarations.dln import cutoffs
from trainables.tasks.dln import DLN, DLNOptions

pytestmark = pytest.mark.usefixtures("one_thread")

OPTIONS = {
    "deep": DLNOptions(widths=(40, 35, 30), group_sum_temperature=3.0, thresholds=(0.5, 0.2, 0.75)),
    "one threshold, one layer": DLNOptions(widths=(50,), thresholds=(0.5,), residual=True),
}
DEEP = OPTIONS["deep"]
STEPS = 20  # two more than an epoch at batch 64
CONFIGURATIONS = [
    Configuration("decoupled", 0.1, 2.0, 1e-2),
    Configuration("softmax", 0.8, 0.8, 1e-2),
    Configuration("gumbel", None, 0.7, 1e-2),
    Configuration("identity", None, None, 3e-2),
    Configuration("reinmax", None, 1.1, 1e-2),
    Configuration("gumbel_rao", None, 0.6, 1e-2),
    Configuration("gst", None, 0.9, 1e-2),
    Configuration("soft", None, None, 3e-2),
]


def population(configurations, seeds, *, options=DEEP, dtype=torch.float32, batch_size=64):
    return Population(
        DLN(all_digits(), options), all_digits(), configurations, seeds, batch_size=batch_size, dtype=dtype
    )


class PlainNetwork:
    """One member written as in its paper: every neuron a mixture of all gates, batch first, no stacks."""

    def __init__(self, models, s, t, options):
        self.configuration, self.options = models.configurations[t], options
        self.logits = models.parameters["gates"][s, t].detach().clone().requires_grad_()  # [16, all gates]
        self.wires = [models.members.constants[f"inputs_{i}"][s] for i in range(len(options.widths))]

    def gates(self, noise, draws=None):
        """[all gates, 16], from noise [16, all gates]; the most probable ones for None."""
        if noise is None:
            return F.one_hot(self.logits.argmax(0), 16).double()
        draws = None if draws is None else draws.mT
        return sample(self.configuration, self.logits.T, noise.T, draws)

    def scores(self, inputs, gates):
        """Class scores [n, classes] of inputs [n, features] with gates [all gates, 16]."""
        x = torch.cat([(inputs.double() / 16 > t) for t in sorted(self.options.thresholds)], 1).double()
        for weights, (wires_a, wires_b) in zip(gates.split(self.options.widths), self.wires, strict=True):
            everything = torch.stack(
                [gate(x[:, wires_a], x[:, wires_b]) for gate in PROBABILITY], -1
            )  # [n, N, 16]
            x = (everything * weights).sum(-1)
        return x.view(len(x), 10, -1).sum(-1) / self.options.group_sum_temperature


# --- training ---


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("t", range(len(CONFIGURATIONS)), ids=[c.estimator for c in CONFIGURATIONS])
def test_a_member_is_what_plain_torch_trains_on_the_same_batches_and_noise(t, options):
    s = 1
    models = population(CONFIGURATIONS, [0, 7], options=options, dtype=torch.float64)
    twin = population(
        CONFIGURATIONS, [0, 7], options=options, dtype=torch.float64
    )  # tells the batches and the noise
    plain = PlainNetwork(models, s, t, options)
    adam = torch.optim.Adam([plain.logits], lr=models.configurations[t].lr, foreach=False)
    total = 0.0
    for inputs, labels, noise in training(twin, STEPS):
        gates = plain.gates(noise["gates"][s, 0], noise["gates" + DRAWS][:, s, 0])
        loss = F.cross_entropy(plain.scores(inputs[s], gates), labels[s])
        adam.zero_grad()
        loss.backward()
        adam.step()
        total += loss.item()
    assert float(models.train(STEPS)[s, t]) == pytest.approx(total / STEPS, rel=1e-9)
    # Adam enlarges the rounding of gradients that are near zero.
    torch.testing.assert_close(
        models.parameters["gates"][s, t].detach(), plain.logits.detach(), rtol=1e-7, atol=1e-8
    )


def test_decoupled_at_the_papers_temperatures_learns_digits():
    models = population(
        [Configuration("decoupled", 0.1, 2.0, 0.05)],
        [0],
        options=DLNOptions(widths=(400, 400), thresholds=(0.5,)),
    )
    before = models.evaluate()
    models.train(150)
    after = models.evaluate()
    assert after["val_loss"].item() < before["val_loss"].item() - 0.2
    assert before["val_accuracy"].item() < 0.3
    assert after["val_accuracy"].item() > 0.6


class Largest(TorchDispatchMode):
    """Records the elements of the largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        several = out if isinstance(out, tuple | list) else [out]
        sizes = (x.numel() for x in several if isinstance(x, torch.Tensor))
        self.elements = max([self.elements, *sizes])
        return out


@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda c: c.estimator)
def test_no_tensor_of_a_training_step_has_an_axis_of_gates_and_one_of_the_batch(configuration):
    widths, batch_size = (200, 160, 150), 512
    models = population([configuration], [0], options=DLNOptions(widths=widths), batch_size=batch_size)
    models.batch()  # orders the epoch
    with Largest() as largest:
        models.train(1)
    activations = 3 * max(widths) * batch_size  # the table of a backward pass
    draws = 10 * 16 * sum(widths)
    assert largest.elements <= max(activations, draws) < 16 * min(widths) * batch_size
    with Largest() as largest:  # the recorder would have seen one
        plain = PlainNetwork(models, 0, 0, DLNOptions(widths=widths))
        plain.scores(all_digits().train.inputs[:batch_size], plain.gates(None))
    assert largest.elements == 16 * max(widths) * batch_size


# --- the model ---


@pytest.mark.parametrize(
    "thresholds", [(0.25, 0.5, 0.75), (0.75, 0.1, 0.0), (0.999,), (0.3, 0.30001)], ids=str
)
@pytest.mark.parametrize("largest", [16, 100, 255])
def test_bits_tell_whether_a_pixel_is_above_a_threshold(thresholds, largest):
    pixels = torch.arange(largest + 1, dtype=torch.uint8)
    images = torch.stack([pixels, pixels.flip(0)])  # [B, features]
    bits = dln.thermometer(images[None], cutoffs(thresholds, largest))
    expected = [[float(int(x) / largest > t) for x in image] for t in sorted(thresholds) for image in images]
    assert (bits.shape, bits.dtype) == ((1, len(thresholds) * (largest + 1), 2), torch.uint8)
    per_threshold = bits[0].view(len(thresholds), largest + 1, 2).mT.flatten(0, 1)
    assert per_threshold.tolist() == expected


@pytest.mark.parametrize("largest", [16, 100, 255])
def test_a_pixel_exactly_on_a_threshold_is_not_above_it(largest):
    pixels = torch.arange(largest, dtype=torch.uint8)
    on = [x / largest for x in range(largest)]
    bits = dln.thermometer(pixels[None, None], cutoffs(on, largest))
    assert torch.equal(
        bits.view(largest, largest), torch.ones(largest, largest).triu(1).byte()
    )  # [threshold, pixel]


def test_residual_initialisation_starts_with_gate_a_at_91_percent_and_the_others_alike():
    models = population(CONFIGURATIONS[:1], [0], options=replace(DEEP, residual=True))
    probabilities = models.parameters["gates"][0, 0].detach().softmax(0)
    a = probabilities[GATES.index("a")]
    assert a.allclose(torch.tensor(0.908), atol=0.001)
    others = torch.cat([probabilities[: GATES.index("a")], probabilities[GATES.index("a") + 1 :]])
    assert others.allclose((1 - a) / 15)


def test_initial_logits_are_standard_normal_and_each_seeds_own():
    gates = (
        population(CONFIGURATIONS[:1], [0, 1], options=DLNOptions(widths=(2000,)))
        .parameters["gates"][:, 0]
        .detach()
    )
    assert gates.mean().item() == pytest.approx(0, abs=0.02)
    assert gates.std().item() == pytest.approx(1, abs=0.02)
    assert not torch.equal(*gates)


# --- metrics ---


def direct_metrics(plain, split, options):
    """The metrics of the class docstring, of a plain network."""

    def loss_and_accuracy(gates):
        scores = plain.scores(split.inputs, gates)
        return F.cross_entropy(scores, split.labels), (scores.argmax(1) == split.labels).double().mean()

    stream = Stream(0, "evaluation noise")
    task = DLN(all_digits(), options)
    noises = [task.noise(1, stream.at(k))["gates"].double() for k in range(dln.SAMPLES)]
    argmax = loss_and_accuracy(plain.gates(None))
    sampled = [
        torch.stack(m).mean() for m in zip(*(loss_and_accuracy(plain.gates(n)) for n in noises), strict=True)
    ]
    gates = plain.gates(None).mean(0)
    torch.manual_seed(
        0
    )  # Gumbel-Rao draws noise for its gradient, which does not decide whether there is one
    (gradient,) = torch.autograd.grad(loss_and_accuracy(plain.gates(noises[0]))[0], plain.logits)
    metrics = {
        "val_loss": argmax[0],
        "val_accuracy": argmax[1],
        "val_loss_sampled": sampled[0],
        "val_accuracy_sampled": sampled[1],
        "discretisation_gap": sampled[1] - argmax[1],
        "gate_perplexity": gates[gates > 0].pow(-gates[gates > 0]).prod(),
        "gates_without_gradient": (gradient == 0).all(0).double().mean(),
    } | {f"gate_{name}": gates[k] for k, name in enumerate(GATES)}
    return {name: float(value.detach()) for name, value in metrics.items()}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
@pytest.mark.parametrize("configuration", CONFIGURATIONS, ids=lambda c: c.estimator)
def test_metrics_equal_a_direct_computation(configuration, options):
    split = all_digits().validation
    assert len(split) % dln.CHUNK != 0
    models = population([CONFIGURATIONS[0], configuration], [0, 7], options=options, dtype=torch.float64)
    models.train(10)
    metrics = models.evaluate()
    expected = direct_metrics(PlainNetwork(models, 1, 1, options), split, options)
    assert {name: float(value[1, 1]) for name, value in metrics.items()} == pytest.approx(
        expected, rel=1e-9, abs=1e-12
    )


def test_gates_that_nothing_reads_have_no_gradient():
    # 300 gates before 10 that read 20 of them at most.
    models = population(CONFIGURATIONS[:1], [0], options=DLNOptions(widths=(300, 10)))
    assert models.evaluate()["gates_without_gradient"].item() >= 280 / 310


# --- the network that is handed out ---


@pytest.mark.parametrize(
    "options", [DEEP, DLNOptions(widths=(50,), thresholds=(0.5,))], ids=["temperature 3", "temperature 33.3"]
)
def test_the_exported_network_is_the_model_with_its_most_probable_gates(tmp_path, options):
    models = population(CONFIGURATIONS[:2], [0, 7], options=options, batch_size=256)
    models.train(10)
    test = all_digits().test
    accuracy = models.evaluate("test")["val_accuracy"]
    seen = set()
    for s in range(2):
        for t in range(2):
            files = models.artifacts(s, t)
            assert files.keys() == {"network.json"}
            seen.add(files["network.json"])
            (tmp_path / "network.json").write_bytes(files["network.json"])
            network = LogicNetwork.load(tmp_path / "network.json")
            counts = network.scores(test.inputs.numpy())
            plain = PlainNetwork(models, s, t, options)
            scores = plain.scores(test.inputs, plain.gates(None)).detach()  # [n, classes]
            # A class score is a count over the temperature, rounded once: the very same division here.
            assert np.array_equal(counts / options.group_sum_temperature, scores.numpy())
            predictions = network.predict(test.inputs.numpy())
            assert predictions.tolist() == scores.argmax(1).tolist()
            assert (predictions == test.labels.numpy()).mean() == pytest.approx(
                accuracy[s, t].item(), abs=1e-7
            )
    assert len(seen) == 4


def network_file(folder, **changes):
    xor = {"format": "logic-network-1", "features": 2, "cutoffs": [7], "classes": 2}
    xor["layers"] = [{"gate": [6, 1, 9, 14], "a": [0, 0, 0, 0], "b": [1, 1, 1, 1]}]
    file = folder / "network.json"
    file.write_text(json.dumps(xor | changes))
    return file


def test_a_network_written_by_hand_computes_its_truth_tables(tmp_path):
    network = LogicNetwork.load(network_file(tmp_path))
    inputs = np.array([[7, 7], [7, 8], [8, 0], [255, 255]], dtype=np.uint8)  # 00, 01, 10, 11
    # xor + and, xnor + nand
    assert network.scores(inputs).tolist() == [[0, 2], [1, 1], [1, 1], [1, 1]]
    assert network.predict(inputs).tolist() == [1, 0, 0, 0]  # the first of equals


@pytest.mark.parametrize("content", ['{"format": "logic-network-2"}', "{}", "[]", '"logic-network-1"'])
def test_a_file_of_another_format_is_an_error_that_names_it(tmp_path, content):
    file = tmp_path / "network.json"
    file.write_text(content)
    with pytest.raises(
        ValueError, match=r"network\.json is not a logic network: it must say format logic-network-1"
    ):
        LogicNetwork.load(file)


@pytest.mark.parametrize("shape", [(3,), (4, 3), (1, 2, 2)])
def test_inputs_of_another_shape_are_an_error(tmp_path, shape):
    with pytest.raises(ValueError, match=r"inputs must be \[n, 2\]\. Got inputs\.shape="):
        LogicNetwork.load(network_file(tmp_path)).scores(np.zeros(shape, dtype=np.uint8))


# --- options ---


@pytest.mark.parametrize(
    ("given", "message"),
    [
        *(
            ({"widths": w}, "widths: must be a list of whole numbers")
            for w in ([], [0], [10, 1.5], [True], 40, [1_000_001])
        ),
        *(
            ({"group_sum_temperature": t}, "group_sum_temperature: must be a number greater than 0")
            for t in (0, -1.0, math.inf, math.nan, "3", True)
        ),
        *(
            ({"thresholds": t}, "thresholds: must be a list of different numbers from 0 to below 1")
            for t in ([], [1.0], [-0.1], [0.5, 0.5], [math.nan], ["0.5"], [False], 0.5)
        ),
        *(({"residual": r}, "residual: must be true or false") for r in (1, "true", None)),
        (
            {"depth": 4},
            "depth: is not an option of this task; it has widths, group_sum_temperature, thresholds, "
            "residual",
        ),
    ],
)
def test_an_option_that_is_not_possible_is_named(given, message):
    with pytest.raises(ValueError, match=message):
        DLNOptions.parse(given)


def test_options_come_as_a_study_writes_them():
    given = {"widths": [40, 30], "thresholds": [0, 0.5], "group_sum_temperature": 10, "residual": True}
    assert DLNOptions.parse(given) == DLNOptions((40, 30), 10, (0, 0.5), residual=True)


def test_a_last_width_that_the_classes_cannot_share_is_an_error():
    with pytest.raises(
        ValueError, match="widths: the last must be a multiple of 10, the classes of digits, got 45"
    ):
        DLN(all_digits(), DLNOptions(widths=(40, 45)))
