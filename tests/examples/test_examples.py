"""The example models: their files are short, they train, and they learn."""

from importlib import import_module

import pytest

from tests.support.paths import ROOT
from trainables.data import load
from trainables.population import Population
from trainables.testing.__main__ import load_task
from trainables.testing.subject import DECOUPLED
from tuner import Study

EXAMPLES = {"wine": 20, "conv_autoencoder": 1, "world_model": 2, "binary_weights": 2}  # and their epochs

pytestmark = pytest.mark.usefixtures("one_thread")
every_example = pytest.mark.parametrize("name", EXAMPLES)


@every_example
def test_an_example_asks_for_a_study_that_can_be_trained(name, tmp_path, monkeypatch):
    monkeypatch.delenv("TUNER_DATA", raising=False)
    monkeypatch.setenv("TUNER_HOME", str(tmp_path))
    monkeypatch.setattr(Study, "resume", lambda self, **_: self)  # which would train it
    study = import_module(f"examples.{name}").main(seeds=1)
    assert study.state == "queued"
    assert study.spec.trials_total >= 4
    assert study.spec.seeds == 1
    assert study.spec.dataset == "own"
    assert len(study.trials) == 0


@pytest.mark.stack
@pytest.mark.timeout(900)  # on a machine that may be busy
def test_an_example_ends_with_a_verdict_and_a_model(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TUNER_HOME", str(tmp_path))
    example = import_module("examples.wine")
    study = example.main(epochs=20, confirm_seeds=3, extend=False, refine=False, mlflow=False)
    assert study.state == "succeeded"
    assert study.results.verdict_line in repr(study)
    x, y = example.wines()
    assert example.accuracy(study.best.model(seed=2)(x), y) > 0.5
    assert "trials, best" in capsys.readouterr().err


@every_example
def test_an_example_is_short_and_its_task_is_loaded_by_its_file(name):
    file = ROOT / "examples" / f"{name}.py"
    assert len(file.read_text(encoding="utf-8").splitlines()) < 80
    assert load_task(f"{file}:Task").__name__ == load_task(f"examples.{name}:Task").__name__


@every_example
def test_an_example_learns_and_is_stacked(name):
    cls = load_task(f"examples.{name}:Task")
    data = cls.own_dataset()
    task = cls(data, cls.options_type.parse({}))
    assert task.stack == "vmap"
    models = Population(task, data, [DECOUPLED], [0], batch_size=32)
    before = models.evaluate()["val_loss"]
    models.train(EXAMPLES[name] * models.steps_per_epoch)
    assert models.evaluate()["val_loss"] < 0.8 * before


def test_the_autoencoder_takes_images_of_either_size():
    example = import_module("examples.conv_autoencoder")
    digits = load("digits", "not used")
    model = example.ConvAutoencoder(digits)
    assert model(digits.train.inputs[:2].view(2, 1, 8, 8).float()).shape == (2, 1, 8, 8)
