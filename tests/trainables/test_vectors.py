"""A user's own arrays as inputs of the built-in tasks, and the messages where a task cannot take them."""

import pytest
import torch

from tests.support.tasks import all_digits
from trainables.data import DataError
from trainables.data.arrays import from_examples
from trainables.population import Configuration, Population
from trainables.tasks import task_type

pytestmark = pytest.mark.usefixtures("one_thread")

N = 60
SMALL = {
    "sbn": {"units": [8]},
    "catae": {"hidden": [8], "latents": 2, "classes": 3},
    "dln": {"widths": [30, 30]},
}


def random(*shape, dtype=torch.float32):
    drawn = torch.rand(N, *shape, generator=torch.Generator().manual_seed(0))
    return (255 * drawn).round().to(dtype) if dtype == torch.uint8 else drawn.to(dtype)


def classes(count=3):
    return torch.arange(N) % count


def prepared(name, data):
    return task_type(name).prepared(from_examples(data, name="mine"))


def trained(name, data):
    dataset = prepared(name, data)
    cls = task_type(name)
    task = cls(dataset, cls.options_type.parse(SMALL[name]))
    models = Population(task, dataset, [Configuration("decoupled", 0.5, 1.0, 0.01)], [0, 1], batch_size=16)
    return models.train(4), models.evaluate(), models


@pytest.mark.parametrize(
    ("name", "inputs", "shape"),
    [
        ("sbn", random(7), (1, 1, 7)),
        ("sbn", random(7).double() * 20 - 10, (1, 1, 7)),
        ("sbn", random(), (1, 1, 1)),
        ("sbn", (random(5) * 9).long(), (1, 1, 5)),
        ("sbn", random(4, 6, dtype=torch.uint8), (1, 4, 6)),
        ("sbn", random(2, 3, 4, 5), (1, 1, 120)),
        ("catae", random(4, 6), (1, 4, 6)),
        ("catae", random(3, 4, 6, dtype=torch.uint8), (3, 4, 6)),
        ("dln", random(4, 6, dtype=torch.uint8), (1, 4, 6)),
        ("dln", random(24, dtype=torch.uint8), (1, 1, 24)),
    ],
)
def test_arrays_of_every_form_are_trained_on(name, inputs, shape):
    losses, metrics, models = trained(name, (inputs, classes()))
    assert prepared(name, (inputs, classes())).shape == shape
    assert losses.isfinite().all()
    assert metrics["val_loss"].isfinite().all()
    assert models.test()["val_loss"].isfinite().all()
    assert isinstance(models.artifacts(0, 0), dict)


def test_the_autoencoder_needs_no_labels():
    assert trained("catae", random(4, 6))[0].isfinite().all()


@pytest.mark.parametrize("name", SMALL)
def test_images_are_taken_as_they_are(name):
    digits = all_digits()
    taken = task_type(name).prepared(digits)
    assert (taken.shape, taken.classes, taken.largest) == ((1, 8, 8), 10, 16)
    assert torch.equal(taken.test.inputs, digits.test.inputs)


NUMBERS = random(7)


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("sbn", NUMBERS, "task sbn is a classifier and needs labels; name their field"),
        ("sbn", ({"a": NUMBERS, "b": NUMBERS}, classes()), r"takes one array of inputs\. Got a, b"),
        ("sbn", (NUMBERS, {"a": classes(), "b": classes()}), r"takes one array of labels\. Got a, b"),
        ("sbn", (torch.complex(NUMBERS, NUMBERS), classes()), "takes real numbers. Got complex64"),
        ("sbn", (NUMBERS, random()), r"a class for each example\. Got float32 \[.*\]"),
        ("sbn", (NUMBERS, torch.zeros(N, 3).long()), r"a class for each example\. Got int64 \[48, 3\]"),
        ("sbn", (NUMBERS, classes() - 1), "labels that count from 0, of two classes or more. Got -1 to 1"),
        ("sbn", (NUMBERS, classes() + 1000), "Got 1000 to 1002 for 60 examples; number the classes 0, 1, 2"),
        ("sbn", (NUMBERS, classes(1)), "of two classes or more. Got 0 to 0"),
        ("catae", NUMBERS * 2, "task catae takes pixels: uint8, or floating point from 0 to 1. Got float32 "),
        ("catae", NUMBERS - 1, "from 0 to 1. Got float32 from -"),
        ("catae", (NUMBERS * 9).long(), "from 0 to 1. Got int64 from 0 to 8; scale them"),
        ("dln", (NUMBERS, classes()), "task dln takes pixels as uint8, from 0 to 255. Got float32"),
        ("dln", random(4, 6, dtype=torch.uint8), "task dln is a classifier and needs labels"),
    ],
)
def test_what_a_task_cannot_learn_from_is_named(name, data, said):
    with pytest.raises(DataError, match=f"dataset mine: .*{said}"):
        prepared(name, data)
