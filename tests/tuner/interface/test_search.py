"""tuner.search and the study that it returns. The studies are trained in this process, without Ray, but for
the one at the end.
"""

import os
import sys
import threading
import time
from contextlib import closing, redirect_stderr
from io import StringIO
from itertools import count
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import tuner
from tests.support.hand_driver import HandDriver
from tests.support.patience import patient
from trainables.model_file import read
from trainables.modules import ModuleTask
from trainables.nn import StraightThrough
from trainables.optim import Optimizer
from trainables.tasks.own_source import code_of, modules_of
from tuner.errors import UserError
from tuner.interface import study as study_module
from tuner.interface.running import Run
from tuner.ledger.store import Ledger

pytestmark = pytest.mark.usefixtures("one_thread")


class Bottleneck(nn.Module):
    """Three classes through one of a few categories."""

    def __init__(self, width: int = 8, categories: int = 6):
        super().__init__()
        self.encode = nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, categories))
        self.code = StraightThrough()
        self.head = nn.Linear(categories, 3)

    def forward(self, x):
        return self.head(self.code(self.encode(x)))


NOTEBOOKS = "_repr_html_"  # what they call
X = torch.randn(300, 6, generator=torch.Generator().manual_seed(0))
Y = X[:, :3].argmax(1)
GRID = {"tau_f": [0, 0.5], "tau_b": [0.5, 1], "epochs": 2, "seeds": 2, "extend": False, "refine": False}
MODULE = {"loss": F.cross_entropy, "data": (X, Y), "learning_rates": 0.01, "confirm_seeds": 3}


class InThisProcess:
    """In place of the process that trains a study."""

    running = False
    reports = 10_000  # after so many it is stopped

    def __init__(self, errand):
        with closing(Ledger(errand.settings.ledger_address)) as ledger:
            driver = HandDriver(ledger, errand.study, errand.settings.home_folder)
            ended = driver.run(reports=self.reports)
            ledger.release(driver.lease, "succeeded" if ended else "interrupted")

    def wait(self, each, _timeout_s):
        each()
        return True


def live_in(home, monkeypatch):
    """Studies have their state in a folder, and are trained in this process."""
    # A study's fresh seeds follow from its id, which is random: here they are the same in every run.
    ids = count(1)
    monkeypatch.setattr("tuner.ledger.new_study.secrets.token_hex", lambda n: f"{next(ids):0{2 * n}x}")
    monkeypatch.setenv("TUNER_HOME", str(home))
    monkeypatch.setattr(study_module, "Run", InThisProcess)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    live_in(tmp_path / "home", monkeypatch)
    return tmp_path / "home"


@pytest.fixture(scope="module")
def bottleneck(tmp_path_factory):
    """A finished study, which is only looked at."""
    with pytest.MonkeyPatch.context() as patch, redirect_stderr(StringIO()) as said:
        live_in(tmp_path_factory.mktemp("bottleneck"), patch)
        study = tuner.search(Bottleneck, **GRID, **MODULE, options={"width": 4}, baselines=["gumbel"])
    assert "100 %|" in said.getvalue()
    assert "10/10 trials, best " in said.getvalue()
    return study


def test_a_search_ends_with_a_verdict_and_all_that_it_rests_on(bottleneck, tmp_path):
    study = bottleneck
    assert study.state == "succeeded"
    assert study.results.objective.name == "val_loss"
    assert study.verdict == study.results.verdict
    table = study.trials
    assert list(table["role"]).count("confirm") == 4  # off the diagonal, argmax, on it, gumbel
    assert table["val_loss"].notna().all()
    assert table["number"].is_monotonic_increasing
    assert study.progress.share == 1
    assert study.progress.trials == study.progress.trials_total == len(table)
    assert study.best.tau_f in (0, 0.5)
    assert study.best.confirmed.objective.mean == pytest.approx(
        table[table["role"] == "confirm"].set_index(["estimator", "tau_f", "tau_b"]).loc[
            (study.best.estimator, study.best.tau_f, study.best.tau_b), "val_loss"
        ], rel=0.5,
    )  # fmt: skip
    assert study.report(tmp_path / "out").read_text(encoding="utf-8").startswith("<!")
    assert study.plot_landscape().axes


def test_a_modules_gain_has_an_interval_over_seeds_and_examples(bottleneck):
    found = bottleneck.results.examples["off_diagonal"]
    assert (found.seeds, found.examples) == (3, 30)  # a tenth of the data
    assert found.mean == pytest.approx(bottleneck.results.test_gain["test_loss"].mean, rel=1e-4)
    assert found.ci95[0] < found.mean < found.ci95[1]


def test_a_trained_module_comes_back_with_its_temperatures_set(bottleneck):
    best = bottleneck.best_of("diagonal")
    model = best.model(seed=2)
    assert not model.training
    assert model.encode[0].out_features == 4
    assert (model.code.tau_f, model.code.tau_b, model.code.estimator) == (0.5, best.tau_b, "decoupled")
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        assert F.cross_entropy(model(X), Y) < F.cross_entropy(Bottleneck(4).eval()(X), Y)
    weights = [model.state_dict() for model in (best.model(0), best.model(1))]
    assert not torch.equal(weights[0]["head.weight"], weights[1]["head.weight"])
    with pytest.raises(UserError, match="seed must be from 0 to 2, the confirmed seeds, got 3"):
        best.model(3)
    with pytest.raises(UserError, match="no best 'softmax'; it has off_diagonal, argmax, diagonal, gumbel"):
        bottleneck.best_of("softmax")


def test_the_test_loss_of_the_file_is_the_one_that_was_measured():
    data = (X[:200], Y[:200])
    held_out = {"validation": (X[200:250], Y[200:250]), "test": (X[250:], Y[250:])}
    study = tuner.search(Bottleneck, **GRID, **MODULE | {"data": data}, **held_out, score="last")
    best = study.best_of("argmax")  # which draws nothing
    for k, measured in enumerate(study.results.confirmed["argmax"].metrics["test_loss_argmax"].seeds):
        with torch.no_grad():
            assert F.cross_entropy(best.model(k)(X[250:]), Y[250:]).item() == pytest.approx(
                measured, rel=1e-5
            )


def test_a_notebook_shows_the_verdict_and_the_methods(bottleneck):
    html, text = getattr(bottleneck, NOTEBOOKS)(), repr(bottleneck)
    for part in (
        bottleneck.verdict,
        "on the diagonal",
        "validation loss, search",
        "fresh seeds",
        bottleneck.id,
    ):
        assert part in html
        assert part in text
    assert html.count("<tr>") == 5


def test_a_notebook_shows_a_study_that_has_only_begun(monkeypatch):
    monkeypatch.setattr(study_module.Study, "resume", lambda self, **_: self)
    study = tuner.search(Bottleneck, **GRID, **MODULE)
    for shown in (getattr(study, NOTEBOOKS)(), repr(study)):
        assert "no trial has succeeded so far" in shown
        assert "no verdict: not started yet" in shown
        assert "<table>" not in shown


def test_a_stopped_study_keeps_what_it_has_and_goes_on(monkeypatch):
    monkeypatch.setattr(InThisProcess, "reports", 1)
    study = tuner.search(Bottleneck, **GRID, **MODULE)
    assert study.state == "interrupted"
    assert study.verdict == "no verdict"
    assert 0 < study.progress.share < 1
    monkeypatch.setattr(InThisProcess, "reports", 10_000)
    with pytest.raises(UserError, match="was begun with another seeds; give the same arguments"):
        tuner.search(Bottleneck, **GRID | {"seeds": 3}, **MODULE, study=study.id)
    again = tuner.search(Bottleneck, **GRID, **MODULE, study=study.id)  # in another session
    assert (again.id, again.state) == (study.id, "succeeded")
    assert study.resume().verdict == again.verdict


def test_progress_names_what_follows_the_search_and_is_not_all_before_the_end(monkeypatch):
    monkeypatch.setattr(InThisProcess, "reports", 3)
    study = tuner.search(Bottleneck, **GRID, **MODULE)
    half = study.progress
    assert (half.state, half.stage, half.trials) == ("interrupted", "fresh seeds", 4)
    assert 0.5 < half.share < 1
    monkeypatch.setattr(InThisProcess, "reports", 10_000)
    whole = study.resume().progress
    assert (whole.state, whole.stage, whole.share) == ("succeeded", "", 1)
    assert whole.trials == whole.trials_total


def test_without_a_confirmation_there_is_no_model():
    study = tuner.search(Bottleneck, **GRID, **MODULE | {"confirm_seeds": 0})
    with pytest.raises(UserError, match="confirm_seeds of 1 or more confirms the best of every method"):
        study.best.model()


def test_a_task_and_a_dataset_by_their_names_are_searched_too():
    study = tuner.search(
        "sbn", data="digits", options={"units": [8]}, tau_f=(0.5,), tau_b=range(1, 3), steps=20, seeds=1,
        confirm_seeds=1, extend=False, refine=False,
    )  # fmt: skip
    assert (study.spec.name, study.spec.dataset, study.spec.search.tau_b) == ("SBN", "digits", [1.0, 2.0])
    with pytest.raises(UserError, match=r"task sbn is no module; its trained weights are in .*safetensors"):
        study.best.model()


@pytest.mark.parametrize(
    ("model", "changes", "said"),
    [
        (Bottleneck, {"loss": None}, "loss is missing: a function"),
        (
            Bottleneck,
            {"data": None},
            r"data is missing: examples, or the name of a dataset \(arrays, cifar10",
        ),
        (Bottleneck, {"data": X[:1]}, "has 1 example, which leaves 0 to train on"),
        (Bottleneck, {"data": X * torch.nan}, "has values that are NaN or infinite in 300 of 300 examples"),
        (Bottleneck, {"tau_b": [0]}, r"search\.tau_b(\.0)?: must be greater than 0"),
        (Bottleneck, {"colour": 1}, "colour: is not a field"),
        (Bottleneck, {"eta": 3}, "eta: is not a field"),
        (Bottleneck, {"strategy": "annealing"}, r"search\.strategy: must be one of grid"),
        (Bottleneck, {"options": {"depth": 2}}, r"options\.depth: is not an option of this task"),
        (Bottleneck, {"epochs": None}, "give either epochs or steps"),
        (Bottleneck, {"batch_size": 1000}, "batch_size: must be at most 240, the training examples"),
        ("chess", {"loss": None, "data": None}, "task: task must be one of"),
        ("sbn", {}, "a task has its own loss, data; give a module"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_trained(model, changes, said, home):
    given = {key: value for key, value in {**GRID, **MODULE, **changes}.items() if value is not None}
    with pytest.raises(UserError, match=said):
        tuner.search(model, **given)
    assert not (home / "ledger.db").exists() or "batch_size" in said or "options" in said


def test_a_module_without_a_sampling_layer_is_named():
    with pytest.raises(UserError, match="task: module <lambda> has no StraightThrough layer"):
        tuner.search(lambda: nn.Linear(6, 3), **GRID, **MODULE)


def test_the_umask_and_matplotlibs_style_stay_the_users(bottleneck, tmp_path):
    import matplotlib as mpl
    from matplotlib.image import imread

    before, size = os.umask(0o022), mpl.rcParams["font.size"]
    os.umask(0o022)
    mpl.rcParams["font.size"] = 13
    try:
        drawn = bottleneck.plot_landscape()
        assert bottleneck.verdict
        page = bottleneck.report(tmp_path)
        assert os.umask(0o022) == 0o022
        assert mpl.rcParams["font.size"] == 13
        width, height = drawn.get_size_inches() * 200
        assert imread(page.parent / "landscape.png").shape[:2] == (round(height), round(width))
    finally:
        mpl.rcParams["font.size"] = size
        os.umask(before)


def test_a_notebooks_backend_is_loaded_because_it_makes_figures_show(bottleneck, monkeypatch):
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    backend, loaded = mpl.get_backend(), []  # asked first, which chooses one
    monkeypatch.setattr(plt, "switch_backend", loaded.append)
    bottleneck.plot_landscape()
    assert not loaded  # no notebook
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    bottleneck.plot_landscape()
    assert loaded == [backend]


def test_importing_the_names_is_lazy_and_others_are_not_there():
    assert {"search", "Study"} <= {*tuner.__all__}
    with pytest.raises(AttributeError, match="module 'tuner' has no attribute 'serach'"):
        tuner.serach  # noqa: B018


def test_the_code_that_is_sent_is_the_code_that_is_hashed():
    first = ModuleTask.from_module(Bottleneck, loss=F.cross_entropy)
    again = ModuleTask.from_module(Bottleneck, loss=F.cross_entropy)
    other = ModuleTask.from_module(Bottleneck, loss=F.mse_loss)
    assert code_of(first) == code_of(again) != code_of(other)
    assert sys.modules[__name__] in [*modules_of(first)]
    assert torch not in [*modules_of(first)]


class HasALock(nn.Module):
    """What no other process can be sent."""

    lock = threading.Lock()

    def __init__(self):
        super().__init__()
        self.encode, self.code, self.head = nn.Linear(6, 4), StraightThrough(), nn.Linear(4, 3)

    def forward(self, x):
        with self.lock:
            return self.head(self.code(self.encode(x)))


def test_a_module_that_cannot_be_sent_to_a_worker_is_named(monkeypatch):
    monkeypatch.setattr(study_module, "Run", Run)
    with pytest.raises(UserError, match=r"the module HasALock cannot be sent to another machine \(.*lock"):
        tuner.search(HasALock, **GRID, **MODULE, stack="loop")


@pytest.mark.stack
@pytest.mark.timeout(900)  # on a machine that may be busy
def test_a_study_in_the_background_is_stopped_and_goes_on_with_its_failure_told(monkeypatch):
    monkeypatch.setattr(study_module, "Run", Run)
    smoothed = {"loss": lambda scores, y: F.cross_entropy(scores, y, label_smoothing=0.1)}
    given = GRID | MODULE | smoothed | {"epochs": 4000, "seeds": 8}
    study = tuner.search(Bottleneck, **given, max_hours=1, mlflow=False, background=True)
    until = time.monotonic() + patient(120)
    while study.progress.share == 0 and time.monotonic() < until:
        time.sleep(0.2)
    assert study.running
    assert 0 < study.progress.share < 1
    assert study.verdict == "no verdict"
    assert study.wait(timeout_s=0.1).running
    study.stop()
    assert not study.running
    assert study.state == "interrupted"
    finished = study.trials
    with closing(Ledger(study.settings.ledger_address)) as ledger:  # as a driver elsewhere has it
        ledger.acquire(study.id, {})
    with pytest.raises(UserError, match=f"study {study.id} is being run by"):
        study.resume()
    assert len(study.trials) == len(finished)


def test_settings_of_the_optimiser_are_searched_and_named(tmp_path):
    searched = {"weight_decay": [0.0, 0.1], "betas": [[0.9, 0.999], [0.5, 0.9]], "schedule": "cosine"}
    study = tuner.search(Bottleneck, **GRID, **MODULE, optimizer=searched)
    table = study.trials
    assert list(table["role"]).count("search") == 4 * 4
    assert {*table["weight_decay"]} == {0.0, 0.1}
    best = study.best
    assert best.optimizer.keys() == {"weight_decay", "betas", "schedule", "clip_norm", "warmup"}
    assert best.optimizer["schedule"] == "cosine"
    assert f"weight_decay {best.optimizer['weight_decay']:g}" in repr(best)
    assert "weight_decay 0" in repr(study)
    about = read(best.weights[0])[1]
    assert Optimizer.of(about["optimizer"]) == Optimizer.of(best.optimizer)
    assert study.report(tmp_path / "out").read_text(encoding="utf-8").count("weight_decay 0.1") > 4
