"""The contract of a task (trainables/testing) for the tasks that come with the package and for the example of
a user's own; and what holds of the package's own tasks beyond it.
"""

import json
import subprocess
import sys
from functools import cache

import pytest
import torch

from tests.support.paths import ROOT
from tests.support.patience import patient
from tests.support.tasks import EXAMPLE, OPTIONS, TASKS, digits, generator, population, task
from trainables.data import DATASETS
from trainables.estimators import ESTIMATORS
from trainables.metrics import ENGINE, Metrics
from trainables.testing import CHECKS, Subject
from trainables.testing.subject import BY_ESTIMATOR, DECOUPLED

pytestmark = pytest.mark.usefixtures("one_thread")
every_task = pytest.mark.parametrize("name", TASKS)


@cache
def subject(name):
    return Subject(TASKS[name], digits(), OPTIONS[name])


@pytest.mark.parametrize("check", CHECKS)
@every_task
def test_the_contract(name, check):
    CHECKS[check](subject(name))


# --- beyond the contract ---


@every_task
@pytest.mark.parametrize("what", ["init", "constants", "noise"])
def test_everything_that_is_drawn_differs_between_seeds(name, what):
    draw = {"noise": lambda g: task(name).noise(5, g)}.get(what) or getattr(task(name), what)
    first, another = draw(generator(3)), draw(generator(4))
    assert not any(torch.equal(another[key], value) for key, value in first.items())


@every_task
def test_what_is_declared_is_what_is_measured(name):
    cls = TASKS[name]
    declared = Metrics(cls.metrics, cls.collapsed)
    measured = population(name, [DECOUPLED], [0]).evaluate()
    assert {m.name for m in declared.declared if m.measured == "evaluation"} == measured.keys()
    assert {m.name for m in declared.declared if m.measured != "evaluation"} <= {m.name for m in ENGINE}
    titles = [m.title for m in declared.everything]
    assert len({*titles}) == len(titles)
    assert all(m.label for m in declared.everything)
    assert declared.of(cls.objective.name).direction == cls.objective.direction
    assert cls.collapsed is None or cls.collapsed.metric in measured


@every_task
def test_a_task_learns_from_digits_and_its_options_are_named_where_one_is_wrong(name):
    cls = TASKS[name]
    assert {*cls.datasets} <= DATASETS.keys()
    assert "digits" in cls.datasets
    wanted = "^sise: is not an option of this task.*; it has .*" + next(iter(OPTIONS[name]))
    with pytest.raises(ValueError, match=wanted):
        cls.options_type.parse({"sise": 1})


@pytest.mark.parametrize(
    ("name", "estimator"),
    [(name, row) for name, cls in TASKS.items() for row in ESTIMATORS if row not in cls.estimators],
)
def test_an_estimator_that_the_task_does_not_list_is_refused_by_name(name, estimator):
    with pytest.raises(ValueError, match=f"estimator must be one of .* for this task. Got '{estimator}'"):
        population(name, [DECOUPLED, BY_ESTIMATOR[estimator]], [0])


# --- torch alone ---

TORCH_ALONE = """
import json, sys

ABSENT = {"torchvision", "sklearn", "numpy", "scipy", "pandas", "PIL", "matplotlib", "ray", "mlflow",
          "optuna", "sqlalchemy",
          "pydantic", "yaml", "tuner"}

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{name} is not on this machine")

sys.meta_path.insert(0, Blocked())

import torch
from trainables.data import Dataset, Split
from trainables.population import Configuration, Population
from trainables.tasks import task_type

torch.set_num_threads(1)
sys.path.insert(0, sys.argv[1])
found = {}
for name, options in json.loads(sys.argv[2]).items():
    if name == "codebook":
        from codebook_task import Codebook as cls
    else:
        cls = task_type(name)
    random = torch.Generator().manual_seed(0)
    splits = [
        Split(torch.randint(0, 256, (n, 12), dtype=torch.uint8, generator=random), torch.arange(n) % 10)
        for n in (40, 20, 20)
    ]
    dataset = Dataset("by hand", *splits, classes=10, largest=255, shape=(3, 2, 2))
    configurations = [
        Configuration("decoupled", 0.5, 1.0, 0.01),
        Configuration("identity", None, None, 0.01),
        Configuration("gumbel_rao", None, 1.0, 0.01),
    ]
    task = cls(dataset, cls.options_type.parse(options))
    population = Population(task, dataset, configurations, [0, 1], batch_size=16)
    loss = population.train(5)
    metrics = population.evaluate()
    found[name] = all(bool(m.isfinite().all()) and m.shape == (2, 3) for m in (loss, *metrics.values()))
print(json.dumps(found))
"""


def test_every_task_trains_and_evaluates_where_there_is_only_torch():
    warnings = ("-W", "error", "-W", "ignore:Failed to initialize NumPy")  # which torch says by itself
    command = [sys.executable, *warnings, "-c", TORCH_ALONE, str(EXAMPLE.parent), json.dumps(OPTIONS)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=patient(120)
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == dict.fromkeys(TASKS, True)
