"""Populations of stochastic binary networks: what plain torch would train. test_tasks.py shows what holds for
every task.
"""

from collections import Counter
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from tests.support.estimators import sample_binary
from tests.support.tasks import all_digits, training
from trainables.data import Split
from trainables.population import Configuration, Population
from trainables.population_state import join_states, select_state
from trainables.randomness import Stream
from trainables.tasks import sbn
from trainables.tasks.base import DRAWS
from trainables.tasks.sbn import SBN, SBNOptions
from trainables.testing.subject import state

OPTIONS = SBNOptions(units=(16, 12))
STEPS = 30  # of 37 in an epoch at batch 32
ORACLE_STEPS = 12
LOSSES = ("val_loss", "val_loss_argmax", "val_loss_16")

A = Configuration("decoupled", 0.5, 1.0, 1e-3)
B = Configuration("gumbel", None, 0.7, 1e-3)
C = Configuration("identity", None, None, 3e-3)
D = Configuration("softmax", 0.8, 0.8, 1e-2)
E = Configuration("decoupled", 0.0, 0.3, 3e-3)
R = Configuration("reinmax", None, 1.1, 1e-3)
G = Configuration("gumbel_rao", None, 0.6, 3e-3)
H = Configuration("gst", None, 0.9, 3e-3)

pytestmark = pytest.mark.usefixtures("one_thread")


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


# --- batches and noise
# ----------------------------------------------------------------------------------------------------


def test_a_seeds_trials_share_weights_batches_and_noise_and_seeds_do_not():
    models = population([A, B], [5, 6])
    _, labels = models.batch()
    assert all(
        torch.equal(p[:, 0], p[:, 1]) and not torch.equal(p[0], p[1]) for p in models.parameters.values()
    )
    assert not torch.equal(labels[0], labels[1])
    assert all(n.shape[:2] == (2, 1) and not torch.equal(n[0], n[1]) for n in models.noise().values())


def test_an_epoch_shows_no_example_twice_and_the_next_is_shuffled_anew():
    models = population([A], [5])
    assert models.steps_per_epoch == len(all_digits().train) // 32
    everything = Counter(map(bytes, all_digits().train.inputs.numpy()))
    assert max(everything.values()) == 1  # an image tells which example it is
    orders = []
    for epoch in range(2):
        shown = []
        for step in range(models.steps_per_epoch):
            models.steps = epoch * models.steps_per_epoch + step
            shown += map(bytes, models.batch()[0][0].numpy())
        assert len(shown) == len(all_digits().train) // 32 * 32
        assert Counter(shown) <= everything
        orders.append(shown)
    assert orders[0] != orders[1]


# --- saving, selecting
# ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("configurations", "seeds"), [([A], [0, 7]), ([B, A], [0, 7]), ([A, D], [0, 7]), ([A, B], [7, 0])]
)
def test_the_state_of_other_trials_or_seeds_is_an_error(configurations, seeds):
    state = population([A, B], [0, 7]).state_dict()
    with pytest.raises(ValueError, match="the state is of other trials, seeds or batches"):
        population(configurations, seeds).load_state_dict(state)


def test_a_selection_shares_no_memory_with_the_population():
    models, _ = trained([A, B], [0], steps=3)
    chosen = models.select([0, 1])
    before = [p.detach().clone() for p in models.parameters.values()]
    undisturbed = [p.detach().clone() for p in trained([A, B], [0], steps=6)[0].parameters.values()]
    chosen.train(3)
    assert equal(models.parameters.values(), before)
    models.train(3)  # the moments are its own as well
    assert equal(models.parameters.values(), undisturbed)


# --- an independent oracle
# ------------------------------------------------------------------------------------------------


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


@pytest.mark.parametrize(
    "options", [OPTIONS, SBNOptions(units=(9,), signed=True), SBNOptions(units=(8, 7, 6))], ids=str
)
@pytest.mark.parametrize("t", range(8))
def test_a_member_is_what_plain_torch_trains_on_the_same_batches_and_noise(t, options):
    models = population([A, B, C, D, E, R, G, H], [0, 7], dtype=torch.float64, options=options)
    twin = population([G], [0, 7], dtype=torch.float64, options=options)  # tells the batches and the noise
    s = 1
    plain = PlainNetwork(models, s, t, signed=options.signed)
    adam = torch.optim.Adam(plain.parameters(), lr=models.configurations[t].lr, foreach=False)
    total = 0.0
    for inputs, labels, drawn in training(twin, ORACLE_STEPS):
        noise, draws = (
            [drawn[f"layer_{i}{kind}"] for i in range(len(options.units))] for kind in ("", DRAWS)
        )
        scores = plain(inputs[s], [n[s, 0] for n in noise], draws=[d[:, s, 0] for d in draws])
        loss = F.cross_entropy(scores, labels[s])
        adam.zero_grad()
        loss.backward()
        adam.step()
        total += loss.item()
    assert float(models.train(ORACLE_STEPS)[s, t]) == pytest.approx(total / ORACLE_STEPS, rel=1e-9)
    for name, expected in plain.tensors().items():
        actual = models.parameters[name][s, t].detach().view_as(expected)
        torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12)


# --- evaluation
# -----------------------------------------------------------------------------------------------------------


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


# --- bad arguments
# --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [0, -1, 1198])
def test_a_batch_must_fit_into_the_training_examples(batch_size):
    with pytest.raises(
        ValueError, match=rf"batch_size must be from 1 to 1197, the training examples. Got {batch_size}\."
    ):
        Population(SBN(all_digits(), OPTIONS), all_digits(), [A], [0], batch_size=batch_size)


@pytest.mark.parametrize(("configurations", "seeds"), [([], [0]), ([A], []), ([A], [0, 0])])
def test_a_population_needs_configurations_and_distinct_seeds(configurations, seeds):
    with pytest.raises(ValueError, match="a population needs configurations and distinct seeds"):
        population(configurations, seeds)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("reinforce", 1.0, 1.0, 1e-3), "estimator must be one of .*'decoupled'.* Got 'reinforce'"),
        (("softmax", 0.5, 1.0, 1e-3), "tau_f must equal tau_b"),
        (("decoupled", None, 1.0, 1e-3), "Got tau_f=None"),
        (("gumbel", 1.0, 1.0, 1e-3), "Got tau_f=1.0"),
        (("identity", None, 1.0, 1e-3), "no temperature. Got tau_b=1.0"),
        (("decoupled", 0.5, 0.0, 1e-3), "tau_b must be > 0"),
        (("decoupled", 0.5, 1.0, 0.0), "lr must be > 0 and finite"),
        (("decoupled", 0.5, 1.0, float("nan")), "lr must be > 0 and finite"),
    ],
)
def test_a_configuration_that_does_not_fit_its_estimator_is_an_error(arguments, message):
    with pytest.raises(ValueError, match=message):
        Configuration(*arguments)


@pytest.mark.parametrize("units", [(), (0,), (16, 1.5), [16, 12], (True,)])
def test_units_must_be_whole_numbers(units):
    with pytest.raises(ValueError, match="units: must be a list of whole numbers"):
        SBNOptions(units=units)


def test_the_state_of_another_batch_size_or_model_is_an_error():
    state = population([A], [0]).state_dict()
    other = Population(SBN(all_digits(), OPTIONS), all_digits(), [A], [0], batch_size=64)
    with pytest.raises(ValueError, match="batches"):
        other.load_state_dict(state)
    wider = Population(SBN(all_digits(), SBNOptions(units=(16, 13))), all_digits(), [A], [0], batch_size=32)
    with pytest.raises(ValueError, match="another model"):
        wider.load_state_dict(state)


# --- schedules and joined states
# ------------------------------------------------------------------------------------------


def scheduled(*segments):
    _, tau_f, tau_b, lr = segments[0]
    return Configuration("decoupled", tau_f, tau_b, lr, schedule=segments)


def test_a_constant_schedule_is_a_constant_temperature_bit_for_bit():
    constant = scheduled((0, 0.5, 1.0, 1e-3), (0.3, 0.5, 1.0, 1e-3), (0.7, 0.5, 1.0, 1e-3))
    (models, loss), (expected, expected_loss) = trained([constant], [0, 7]), trained([A], [0, 7])
    assert equal(models.parameters.values(), expected.parameters.values())
    assert torch.equal(loss, expected_loss)
    assert equal(models.evaluate().values(), expected.evaluate().values())


def test_a_schedule_changes_temperatures_and_learning_rate_at_its_epoch():
    later = Configuration("decoupled", 0.0, 0.3, 3e-3)  # E
    models = population([scheduled((0, 0.5, 1.0, 1e-3), (10 / 37, 0.0, 0.3, 3e-3)), B], [0, 7])
    models.train(STEPS)
    before = population([A, B], [0, 7])
    before.train(10)
    after = population([later, B], [0, 7])
    after.load_state_dict(before.state_dict() | {"configurations": after.state_dict()["configurations"]})
    after.train(STEPS - 10)
    assert equal(models.parameters.values(), after.parameters.values())


@pytest.mark.parametrize(
    "segments",
    [
        [(1, 0.5, 1.0, 1e-3)],
        [(0, 0.6, 1.0, 1e-3)],
        [(0, 0.5, 1.0, 1e-3), (0, 0.1, 1.0, 1e-3)],
        [(0, 0.5, 1.0, 1e-3), (1, 0.5, 0.0, 1e-3)],
        [(0, 0.5, 1.0, 1e-3), (1, 0.5, 1.0, 0.0)],
    ],
)
def test_a_schedule_that_cannot_be_trained_is_an_error(segments):
    with pytest.raises(ValueError, match=r"schedule must begin|tau_b must be|lr must be"):
        Configuration("decoupled", 0.5, 1.0, 1e-3, schedule=tuple(segments))


def test_states_that_are_taken_apart_are_joined_again():
    models, _ = trained([A, D, E], [0, 7], steps=3)
    state = models.state_dict()
    trials = [select_state(state, [t], range(2)) for t in range(3)]
    cells = [join_states([select_state(one, [0], [s]) for s in range(2)], by="seeds") for one in trials]
    joined = population([A, D, E], [0, 7])
    joined.load_state_dict(join_states(cells, by="trials"))
    assert equal(joined.parameters.values(), models.parameters.values())
    joined.train(3)
    models.train(3)
    assert equal(joined.parameters.values(), models.parameters.values())
    with pytest.raises(ValueError, match="must be alike"):
        join_states([trials[0], select_state(joined.state_dict(), [1], range(2))], by="trials")


# --- optimisers
# --------------------------------------------------------------------------------------------------

OPTIMIZER = {"weight_decay": 0.1, "betas": [0.8, 0.99], "clip_norm": 0.5, "schedule": "cosine", "warmup": 0.2}


def with_optimizer(configuration, optimizer):
    return replace(configuration, optimizer=optimizer)


def optimised(configurations, *, total_steps=STEPS):
    return Population(
        SBN(all_digits(), OPTIONS),
        all_digits(),
        configurations,
        [0, 7],
        batch_size=32,
        total_steps=total_steps,
    )


def test_a_members_optimizer_is_its_own_wherever_it_stands():
    configurations = [A, with_optimizer(A, OPTIMIZER), with_optimizer(B, {"weight_decay": 0.1}), B]
    together = optimised(configurations)
    together.train(STEPS)
    for t, configuration in enumerate(configurations):
        alone = optimised([configuration])
        alone.train(STEPS)
        for name, p in alone.parameters.items():
            torch.testing.assert_close(together.parameters[name][:, t : t + 1], p, rtol=1e-5, atol=1e-5)


def test_an_optimizer_of_defaults_changes_nothing():
    models = optimised([with_optimizer(A, {"weight_decay": 0.0, "betas": [0.9, 0.999]})])
    models.train(STEPS)
    assert equal(models.parameters.values(), trained([A], [0, 7])[0].parameters.values())


def test_a_saved_population_continues_its_schedules():
    configurations = [with_optimizer(A, OPTIMIZER), B]
    whole, first, second = (optimised(configurations) for _ in range(3))
    whole.train(STEPS)
    first.train(11)
    second.load_state_dict(first.state_dict())
    second.train(STEPS - 11)
    assert equal(whole.parameters.values(), second.parameters.values())
    other = optimised([A, B])
    with pytest.raises(ValueError, match="the state is of other trials"):
        other.load_state_dict(first.state_dict())


def test_a_schedule_needs_the_trainings_length():
    with pytest.raises(ValueError, match="needs total_steps, the training's length"):
        optimised([with_optimizer(A, {"warmup": 0.1})], total_steps=None)
    with pytest.raises(ValueError, match="warmup must be a share of the training"):
        with_optimizer(A, {"warmup": 2})
