"""The contract of a task, the same for all: those that come with the package, and the example of a user's
own.

A study compares configurations by training them side by side. That is fair only where a member is trained as
if it were alone, whatever its estimator and whoever its neighbours, and where everything random is a function
of the seed.
"""

import io
import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest
import torch

from tests.support.paths import EXAMPLE_TASK, ROOT
from tests.support.patience import patient
from trainables.data import DATASETS, Split, load
from trainables.estimators import ESTIMATORS
from trainables.metrics import ENGINE, Metrics
from trainables.population import Configuration, Population
from trainables.tasks import task_type
from trainables.tasks.base import Members, Objective, Task

EXAMPLE = EXAMPLE_TASK / "codebook_task.py"


def example_task():
    """The example's class, from its source: test_plugin.py installs it."""
    spec = spec_from_file_location("codebook_task", EXAMPLE)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.Codebook


TASKS = {name: task_type(name) for name in ("sbn", "catae", "dln")} | {"codebook": example_task()}
OPTIONS = {
    "sbn": {"units": [16, 12]},
    "catae": {"hidden": [24], "latents": 3, "classes": 5, "kl_weight": 0.1},
    "dln": {"widths": [60, 50], "thresholds": [0.2, 0.5]},
    "codebook": {"vectors": 12},
}
BATCH = 32
STEPS = 14  # four more than an epoch has

BY_ESTIMATOR = {
    "identity": Configuration("identity", None, None, 3e-3),
    "softmax": Configuration("softmax", 0.8, 0.8, 1e-2),
    "gumbel": Configuration("gumbel", None, 0.7, 1e-2),
    "decoupled": Configuration("decoupled", 0.5, 1.0, 1e-2),
    "reinmax": Configuration("reinmax", None, 1.1, 3e-3),
    "gumbel_rao": Configuration("gumbel_rao", None, 0.6, 3e-3),
    "gst": Configuration("gst", None, 0.9, 1e-2),
    "soft": Configuration("soft", None, None, 1e-2),
}
DECOUPLED = BY_ESTIMATOR["decoupled"]
SILENT = Configuration("decoupled", 0.0, 0.3, 1e-2)  # no noise in the forward pass
CROWD = [
    Configuration("decoupled", 0.1 * t, 0.5, 1e-3 * 1.1**t) for t in range(20)
]  # the optimiser's stacked path

# Rounding depends on the stack's size, and Adam enlarges it where gradients are small. Measured over 1,392
# members: parameters differ by up to 7e-7 in float32 and 4e-15 in float64, metrics by 6e-7 and 9e-16 of their
# value. A member that hears its neighbours is off by about a learning rate. Steps are few because a perturbed
# logit that is within rounding of another would flip a sample and part the trajectories for good; of those
# members none did.
CLOSE = {torch.float32: {"rtol": 1e-5, "atol": 1e-5}, torch.float64: {"rtol": 1e-11, "atol": 1e-12}}

pytestmark = pytest.mark.usefixtures("one_thread")
every_task = pytest.mark.parametrize("name", TASKS)


@cache
def digits():
    """A part of the digits; the test set is longer than what tasks evaluate at a time."""
    whole = load("digits", "not used")
    splits = {"train": (whole.train, 320), "validation": (whole.validation, 100), "test": (whole.test, 300)}
    return replace(
        whole, **{name: Split(split.inputs[:n], split.labels[:n]) for name, (split, n) in splits.items()}
    )


@cache
def task(name):
    cls = TASKS[name]
    return cls(digits(), cls.options_type.parse(OPTIONS[name]))


def population(name, configurations, seeds, *, dtype=torch.float32):
    return Population(task(name), digits(), configurations, seeds, batch_size=BATCH, dtype=dtype)


def trained(name, configurations, seeds, *, steps=STEPS, dtype=torch.float32):
    """A population after some steps, and its mean training loss over them, [S, T]."""
    models = population(name, configurations, seeds, dtype=dtype)
    return models, models.train(steps)


def all_of(name):
    """A configuration of every estimator that the task allows, and one more of the last that has no noise."""
    return [*(BY_ESTIMATOR[estimator] for estimator in TASKS[name].estimators), SILENT]


def in_company(name, company):
    """Seeds and configurations of a population: neighbours, places, runs of equal estimators and learning
    rates of all kinds.
    """
    everyone = all_of(name)
    return {
        "twins": ((7,), [DECOUPLED, DECOUPLED]),
        "one estimator": ((7, 0), [SILENT, DECOUPLED]),
        "without noise": ((7,), [BY_ESTIMATOR["identity"], SILENT]),
        "every estimator": ((0, 7), everyone),
        "reversed": ((7, 3, 0), everyone[::-1]),
        "a crowd": ((3, 7), [*CROWD[:9], *everyone, *CROWD[9:]]),
    }[company]


COMPANIES = ("twins", "one estimator", "without noise", "every estimator", "reversed", "a crowd")


def member(models, loss, metrics, s, t):
    """Everything that is known of one member."""
    known = {name: p.detach() for name, p in models.parameters.items()} | metrics | {"train_loss": loss}
    return {name: value[s, t] for name, value in known.items()}


@cache
def alone(name, configuration, seed, dtype):
    models, loss = trained(name, [configuration], [seed], dtype=dtype)
    return member(models, loss, models.evaluate(), 0, 0)


def identical(first, second):
    """Whether two {name: tensor} are the same bit for bit."""
    return first.keys() == second.keys() and all(
        torch.equal(value, second[name]) for name, value in first.items()
    )


def parameters(models):
    return {name: p.detach().clone() for name, p in models.parameters.items()}


def generator(seed):
    return torch.Generator().manual_seed(seed)


# --- members are independent of each other
# --------------------------------------------------------------------------------


@every_task
@pytest.mark.parametrize("company", COMPANIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
def test_a_member_is_trained_alike_alone_and_anywhere_in_any_population(name, company, dtype):
    seeds, configurations = in_company(name, company)
    models, loss = trained(name, configurations, seeds, dtype=dtype)
    metrics = models.evaluate()
    for s, seed in enumerate(seeds):
        for t, configuration in enumerate(configurations):
            if configuration not in CROWD:
                expected = alone(name, configuration, seed, dtype)
                torch.testing.assert_close(member(models, loss, metrics, s, t), expected, **CLOSE[dtype])


@every_task
def test_no_members_loss_depends_on_another_members_parameters(name):
    models = population(name, all_of(name), [0, 7])
    inputs, labels = models._batch()
    loss = models.task.loss(models.parameters, inputs, labels, models._noise(), models._members)
    for s, t in ((0, 0), (1, 3), (1, len(models.configurations) - 1)):
        gradients = torch.autograd.grad(loss[s, t], list(models.parameters.values()), retain_graph=True)
        felt = torch.stack([g.flatten(2).abs().sum(-1) for g in gradients]).sum(0)  # [S, T]
        assert felt.nonzero().tolist() == [[s, t]]


@every_task
@pytest.mark.parametrize("harm", ["NaN parameters", "one NaN", "a huge learning rate"])
@pytest.mark.parametrize("others", ["every estimator", "alike", "a crowd"])
def test_a_member_that_diverges_has_no_metrics_and_leaves_its_neighbours_bit_identical(name, harm, others):
    neighbours = {"every estimator": all_of(name), "alike": [DECOUPLED] * 3, "a crowd": CROWD}[others]
    s, t = 1, 2
    ill = Configuration("decoupled", 0.5, 1.0, 3e38 if harm == "a huge learning rate" else 5e-3)
    healthy = Configuration("decoupled", 0.5, 1.0, 5e-3)
    runs = []
    for inserted in (healthy, ill):
        models = population(name, [*neighbours[:t], inserted, *neighbours[t:]], (0, 1, 2))
        if inserted is ill and harm != "a huge learning rate":
            for p in models.parameters.values():
                p.data[s, t].view(-1)[: 1 if harm == "one NaN" else None] = torch.nan
        runs.append((models, models.train(8), models.evaluate()))
    expected, found = runs
    sick = {(s, t)} if harm != "a huge learning rate" else {(i, t) for i in range(3)}
    for i in range(3):
        for j in range(len(neighbours) + 1):
            of_it = member(*found, i, j)
            if (i, j) in sick:
                known = {name: value for name, value in of_it.items() if name not in found[0].parameters}
                assert {name: bool(value.isnan()) for name, value in known.items()} == dict.fromkeys(
                    known, True
                )
            else:
                assert identical(of_it, member(*expected, i, j))


# --- everything random is a function of the seed
# --------------------------------------------------------------------------


@every_task
def test_the_same_seed_gives_the_same_result_and_another_seed_another(name):
    first, loss = trained(name, all_of(name), [5, 6], steps=8)
    torch.rand(7)  # nothing depends on torch's own generator
    again, loss_again = trained(name, all_of(name), [5, 6], steps=8)
    assert torch.equal(loss, loss_again)
    assert identical(parameters(first), parameters(again))
    assert identical(first.evaluate(), again.evaluate())
    assert not any(torch.equal(p[0], p[1]) for p in first.parameters.values())
    assert (loss[0] != loss[1]).all()


DRAWN = {
    "init": lambda task, generator: task.init(generator),
    "constants": lambda task, generator: task.constants(generator),
    "noise": lambda task, generator: task.noise(5, generator),
}


@every_task
@pytest.mark.parametrize("what", DRAWN)
def test_what_is_drawn_is_a_function_of_the_generator_alone(name, what):
    cls = TASKS[name]
    other = cls(digits(), cls.options_type.parse(OPTIONS[name]))
    torch.manual_seed(1)
    first = DRAWN[what](task(name), generator(3))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    assert identical(DRAWN[what](other, generator(3)), first)
    assert torch.equal(torch.get_rng_state(), before)
    another = DRAWN[what](task(name), generator(4))
    assert another.keys() == first.keys()
    assert not any(torch.equal(another[key], value) for key, value in first.items())
    assert all(value.device.type == "cpu" and not value.requires_grad for value in first.values())


@every_task
def test_noise_has_the_same_names_for_every_batch_size(name):
    assert task(name).noise(1, generator(0)).keys() == task(name).noise(BATCH, generator(0)).keys() != set()


# --- saving, selecting
# ----------------------------------------------------------------------------------------------------


@every_task
@pytest.mark.parametrize("company", ["twins", "every estimator", "a crowd"])
def test_a_saved_population_continues_bit_for_bit(name, company):
    seeds, configurations = in_company(name, company)
    uninterrupted, _ = trained(name, configurations, seeds, steps=7)
    last = uninterrupted.train(15)  # past the end of an epoch
    interrupted, _ = trained(name, configurations, seeds, steps=7)
    file = io.BytesIO()
    torch.save(interrupted.state_dict(), file)
    file.seek(0)
    resumed = population(name, configurations, seeds)
    resumed.load_state_dict(torch.load(file, weights_only=True))
    assert resumed.steps == 7
    assert torch.equal(resumed.train(15), last)
    assert identical(parameters(resumed), parameters(uninterrupted))
    assert identical(resumed.evaluate(), uninterrupted.evaluate())


@every_task
@pytest.mark.parametrize("indices", [[0], [3, 1], [1, 2, 7]], ids=str)
def test_selected_trials_are_as_if_trained_by_themselves_and_continue_so(name, indices):
    everyone = all_of(name)
    models, _ = trained(name, everyone, [0, 7], steps=10, dtype=torch.float64)
    chosen = models.select(indices)
    expected, _ = trained(name, [everyone[i] for i in indices], [0, 7], steps=10, dtype=torch.float64)
    assert (chosen.configurations, chosen.seeds, chosen.steps) == (
        expected.configurations,
        expected.seeds,
        10,
    )
    assert identical(parameters(chosen), {name: p[:, indices] for name, p in parameters(models).items()})
    for _ in range(2):
        torch.testing.assert_close(parameters(chosen), parameters(expected), **CLOSE[torch.float64])
        torch.testing.assert_close(chosen.train(10), expected.train(10), **CLOSE[torch.float64])


# --- evaluation
# -----------------------------------------------------------------------------------------------------------


@every_task
@pytest.mark.parametrize("split", ["validation", "test"])
def test_every_metric_has_a_finite_value_for_every_member_and_the_objective_is_one_of_them(name, split):
    models, loss = trained(name, all_of(name), [0, 7, 3], steps=5)
    metrics = models.evaluate(split)
    assert TASKS[name].objective.name in metrics
    for value in (loss, *metrics.values()):
        assert value.shape == (3, len(all_of(name)))
        assert value.is_floating_point()
        assert value.isfinite().all()


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
def test_the_objective_gets_better_in_training(name):
    models = population(name, [BY_ESTIMATOR["decoupled"]], [0, 7])
    objective = TASKS[name].objective
    before = models.evaluate()[objective.name]
    models.train(6 * models.steps_per_epoch)
    gain = models.evaluate()[objective.name] - before
    assert (gain < 0 if objective.direction == "minimize" else gain > 0).all()


@every_task
def test_evaluation_is_the_same_for_the_same_state_and_leaves_training_as_it_would_have_been(name):
    evaluated, _ = trained(name, all_of(name), [0, 7], steps=6)
    first = evaluated.evaluate()
    evaluated.evaluate("test")
    evaluated.steps += 5  # its noise is the same at every interval
    assert identical(evaluated.evaluate(), first)
    evaluated.steps -= 5
    evaluated.train(6)
    undisturbed, _ = trained(name, all_of(name), [0, 7], steps=12)
    assert identical(parameters(evaluated), parameters(undisturbed))


@every_task
def test_seeds_are_evaluated_with_the_same_noise(name):
    models, _ = trained(name, all_of(name), [5], steps=5, dtype=torch.float64)
    coefficients = [ESTIMATORS[c.estimator].coefficients(c.tau_f, c.tau_b) for c in models.configurations]
    constants = {
        key: value.repeat(2, *[1] * (value.ndim - 1)) for key, value in models._members.constants.items()
    }
    twice = Members(coefficients, constants, torch.float64, torch.device("cpu"))
    stacked = {key: p.repeat(2, *[1] * (p.ndim - 1)) for key, p in parameters(models).items()}
    for value in models.task.evaluate(stacked, digits().validation, twice).values():
        torch.testing.assert_close(value[0], value[1], rtol=1e-12, atol=0)


@every_task
def test_artifacts_are_files_that_do_not_depend_on_the_population(name):
    models, _ = trained(name, all_of(name), [0, 7], steps=5)
    for t in (0, 3, len(all_of(name)) - 1):
        files = models.artifacts(0, t)
        assert models.select([t]).artifacts(0, 0) == models.select([2, t]).artifacts(0, 1) == files
        assert all(
            Path(file).name == file and type(content) is bytes and content for file, content in files.items()
        )


@every_task
def test_a_diverged_member_has_artifacts_without_an_error(name):
    models = population(name, [DECOUPLED], [0])
    for p in models.parameters.values():
        p.data.fill_(torch.nan)
    assert models.artifacts(0, 0).keys() == population(name, [DECOUPLED], [0]).artifacts(0, 0).keys()


# --- what the engine asks of a task before it trains
# ----------------------------------------------------------------------


@every_task
def test_a_task_names_what_a_study_chooses_from(name):
    cls = TASKS[name]
    assert issubclass(cls, Task)
    assert {*cls.datasets} <= DATASETS.keys()
    assert "digits" in cls.datasets
    assert isinstance(cls.objective, Objective)
    assert {"decoupled", "softmax"} <= {*cls.estimators} <= ESTIMATORS.keys()
    with pytest.raises(
        ValueError, match="^sise: is not an option of this task; it has .*" + next(iter(OPTIONS[name]))
    ):
        cls.options_type.parse({"sise": 1})


@pytest.mark.parametrize(
    ("name", "estimator"),
    [(name, row) for name, cls in TASKS.items() for row in ESTIMATORS if row not in cls.estimators],
)
def test_an_estimator_that_the_task_does_not_list_is_refused(name, estimator):
    with pytest.raises(ValueError, match=f"estimator must be one of .* for this task. Got '{estimator}'"):
        population(name, [DECOUPLED, BY_ESTIMATOR[estimator]], [0])


@every_task
def test_a_member_takes_memory_for_its_parameters_and_more_for_a_larger_batch(name):
    small, large = (task(name).bytes_per_member(batch) for batch in (1, 4096))
    assert type(small) is type(large) is int
    assert large > small
    count = sum(p.numel() for p in task(name).init(generator(0)).values())
    assert small >= 4 * 4 * count  # float32: the parameters, their gradients and Adam's two moments


# --- torch alone
# ----------------------------------------------------------------------------------------------------------

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
