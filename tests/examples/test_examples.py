"""The example models: short files, which train, and learn something."""

import math
from importlib import import_module

import pytest

from tests.support.paths import ROOT
from trainables.data import load
from trainables.population import Population
from trainables.testing.__main__ import load_task
from trainables.testing.subject import DECOUPLED

EXAMPLES = ("wine", "conv_autoencoder", "world_model", "binary_weights")

pytestmark = pytest.mark.usefixtures("one_thread")
every_example = pytest.mark.parametrize("name", EXAMPLES)


@every_example
def test_an_example_trains_its_grid_and_prints_it(name, capsys, monkeypatch):
    monkeypatch.delenv("TUNER_DATA", raising=False)
    objective = import_module(f"examples.{name}").main(epochs=1)
    assert all(math.isfinite(value) for value in objective)
    printed = capsys.readouterr().out.splitlines()
    assert "(vmap)" in printed[0]
    assert sum(len(line.split()) - 1 for line in printed[2:]) == len(objective)


@every_example
def test_an_example_is_short_and_its_task_is_loaded_by_its_file(name):
    file = ROOT / "examples" / f"{name}.py"
    assert len(file.read_text(encoding="utf-8").splitlines()) < 80
    assert load_task(f"{file}:Task").__name__ == load_task(f"examples.{name}:Task").__name__


@pytest.mark.parametrize(
    ("name", "epochs", "batch_size"), [("wine", 20, 32), ("binary_weights", 2, 32), ("world_model", 2, 50)]
)
def test_an_example_learns(name, epochs, batch_size):
    cls = load_task(f"examples.{name}:Task")
    data = cls.own_dataset()
    models = Population(cls(data, cls.options_type.parse({})), data, [DECOUPLED], [0], batch_size=batch_size)
    before = models.evaluate()["val_loss"]
    models.train(epochs * models.steps_per_epoch)
    assert models.evaluate()["val_loss"] < 0.8 * before


def test_the_autoencoder_takes_images_of_either_size():
    example = import_module("examples.conv_autoencoder")
    digits = load("digits", "not used")
    model = example.ConvAutoencoder(digits)
    assert model(digits.train.inputs[:2].view(2, 1, 8, 8).float()).shape == (2, 1, 8, 8)
