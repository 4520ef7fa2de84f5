"""Training and validation examples drawn anew for every seed: what a population with such splits trains."""

from dataclasses import replace

import pytest
import torch

from tests.support.tasks import all_digits
from trainables.configuration import Configuration
from trainables.data import Dataset, Split
from trainables.data.redrawn import Redrawn
from trainables.population import Population
from trainables.scoring import ScoreRule
from trainables.tasks.sbn import SBN, SBNOptions

pytestmark = pytest.mark.usefixtures("one_thread")

A, B = Configuration("decoupled", 0.5, 1.0, 1e-3), Configuration("softmax", 0.8, 0.8, 1e-2)
SEEDS = [5, 6]


def numbered(train=10, validation=4):
    """A dataset whose examples are their own numbers."""
    x = torch.arange(train + validation + 3)
    parts = torch.split(x, [train, validation, 3])
    splits = [Split({"x": part.view(-1, 1), "y": part}, part) for part in parts]
    return Dataset("numbered", *splits, shape=(), classes=0, largest=1)


def of_seed(redrawn, s, n):
    """The numbers of the training and of the validation examples of the s-th seed."""
    index = torch.arange(n).expand(2, n)
    training = redrawn.pool.take(redrawn.in_pool(index)[s])
    validation = redrawn.of_seed(s).validation
    for split in (training, validation):
        assert torch.equal(split.inputs["y"], split.labels)
        assert torch.equal(split.inputs["x"][:, 0], split.labels)
    return training.labels.tolist(), validation.labels.tolist()


def test_every_seed_has_all_examples_once_in_parts_as_large_as_they_were():
    redrawn = Redrawn(numbered(), SEEDS)
    (training, validation), (another, _) = (of_seed(redrawn, s, 10) for s in (0, 1))
    assert (len(training), len(validation)) == (10, 4)
    assert sorted(training + validation) == list(range(14))
    assert sorted(another) != sorted(training)
    assert torch.equal(redrawn.of_seed(0).test.labels, numbered().test.labels)


def test_a_seeds_split_depends_on_no_other_seed():
    assert of_seed(Redrawn(numbered(), [6, 5]), 1, 10) == of_seed(Redrawn(numbered(), SEEDS), 0, 10)


def test_data_without_labels_can_be_redrawn():
    plain = numbered()
    splits = {name: Split(getattr(plain, name).inputs["x"], None) for name in ("train", "validation", "test")}
    redrawn = Redrawn(replace(plain, **splits), SEEDS)
    assert redrawn.pool.labels is None
    assert sorted(redrawn.pool.inputs[:, 0].tolist()) == list(range(14))


def trained(dataset, task, seeds, **keywords):
    models = Population(task, dataset, [A, B], seeds, batch_size=32, **keywords)
    losses = models.train(12)
    rule = ScoreRule("best", confirms=True)
    return {"losses": losses, **models.report(rule), **{f"test {k}": v for k, v in models.test().items()}}


def test_each_seed_is_trained_and_measured_as_on_a_dataset_with_its_split():
    digits, options = all_digits(), SBNOptions(units=(16, 12))
    task, redrawn = SBN(digits, options), Redrawn(digits, SEEDS)
    both = trained(digits, task, SEEDS, vary_split=True)
    n = len(digits.train)
    for s, seed in enumerate(SEEDS):
        places = redrawn.in_pool(torch.arange(n).expand(2, n))[s]
        own = replace(redrawn.of_seed(s), train=redrawn.pool.take(places))
        alone = trained(own, task, [seed])
        for name, value in alone.items():
            torch.testing.assert_close(both[name][s : s + 1], value, msg=name)
    plain = trained(digits, task, SEEDS)
    assert not torch.allclose(both["val_loss"], plain["val_loss"])


def test_a_selection_and_a_state_keep_the_split():
    digits = all_digits()
    task = SBN(digits, SBNOptions(units=(16, 12)))
    models = Population(task, digits, [A, B], SEEDS, batch_size=32, vary_split=True)
    models.train(3)
    chosen = models.select([1])
    again = Population(task, digits, [A, B], SEEDS, batch_size=32, vary_split=True)
    again.load_state_dict(models.state_dict())
    losses = models.train(3)
    assert torch.equal(losses, again.train(3))
    torch.testing.assert_close(chosen.train(3), losses[:, 1:])
