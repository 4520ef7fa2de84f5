"""Populations of stochastic binary networks against the same training in plain torch. test_tasks.py tests
what holds for every task.
"""

from collections import Counter

import pytest
import torch
import torch.nn.functional as F

from tests.support.sbn import OPTIONS, A, B, C, D, E, G, H, PlainNetwork, R, equal, population, trained
from tests.support.tasks import all_digits, training
from trainables.population import Configuration, Population
from trainables.population_state import join_states, select_state
from trainables.tasks.base import DRAWS
from trainables.tasks.sbn import SBN, SBNOptions

ORACLE_STEPS = 12
pytestmark = pytest.mark.usefixtures("one_thread")


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


def test_the_state_of_another_batch_size_or_model_is_an_error():
    state = population([A], [0]).state_dict()
    other = Population(SBN(all_digits(), OPTIONS), all_digits(), [A], [0], batch_size=64)
    with pytest.raises(ValueError, match="batches"):
        other.load_state_dict(state)
    wider = Population(SBN(all_digits(), SBNOptions(units=(16, 13))), all_digits(), [A], [0], batch_size=32)
    with pytest.raises(ValueError, match="another model"):
        wider.load_state_dict(state)


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
