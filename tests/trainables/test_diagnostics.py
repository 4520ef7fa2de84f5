"""The noise of gradients, against a direct measurement pass by pass and member by member, and against
closed forms.
"""

import math

import pytest
import torch

from tests.support.tasks import TASKS, all_of, digits, parameters, population, trained
from trainables.data import Split
from trainables.diagnostics import gradient_statistics
from trainables.estimators import ESTIMATORS
from trainables.population import Configuration, Population
from trainables.randomness import Stream
from trainables.surrogates import RAO_DRAWS
from trainables.tasks.base import DRAWS, Members, Task
from trainables.testing.subject import BATCH, BY_ESTIMATOR, assert_close, identical

pytestmark = pytest.mark.usefixtures("one_thread")
every_task = pytest.mark.parametrize("name", TASKS)
R = 6


def fixed_batch():
    return Split(digits().train.inputs[:BATCH], digits().train.labels[:BATCH])


def statistics(models, *, passes=R, memory_bytes=None):
    return gradient_statistics(
        models.task,
        parameters(models),
        fixed_batch(),
        models.members,
        passes=passes,
        memory_bytes=memory_bytes,
    )


def noise_of_pass(task, k, need_draws, dtype):
    def drawn(purpose, step):
        return {
            key: n[None, None].to(dtype) for key, n in task.noise(BATCH, Stream(0, purpose).at(step)).items()
        }

    noise = drawn("diagnostics noise", k)
    if need_draws:
        for key in list(noise):
            draws = [drawn("diagnostics draws", k * RAO_DRAWS + j)[key] for j in range(RAO_DRAWS)]
            noise[key + DRAWS] = torch.stack(draws)
    return noise


def members_alone(models, s, t):
    """What a task is told of one member that is alone."""
    alone = [models.configurations[t]], [models.seeds[s]]
    return Population(models.task, digits(), *alone, batch_size=BATCH, dtype=torch.float64).members


def one_by_one(models, s, t):
    """The three numbers of one member from R passes, one after the other."""
    members = members_alone(models, s, t)
    gradients = []
    for k in range(R):
        mine = {
            key: p[s : s + 1, t : t + 1].detach().clone().requires_grad_()
            for key, p in models.parameters.items()
        }
        noise = noise_of_pass(models.task, k, members.need_draws, torch.float64)
        batch = fixed_batch()
        loss = models.task.loss(mine, batch.inputs[None], batch.labels[None], noise, members)
        gradients.append(
            torch.cat([g.flatten() for g in torch.autograd.grad(loss.sum(), list(mine.values()))])
        )
    g = torch.stack(gradients)  # [R, parameters]
    mean, std = g.mean(0), g.std(0)
    varies = std > 1e-13 * mean.abs()
    norms = g.norm(dim=1)
    snr = (mean[varies].abs() / std[varies]).mean() if varies.any() else torch.tensor(math.inf)
    return {"grad_snr": float(snr), "grad_norm": float(norms.mean()), "grad_norm_std": float(norms.std())}


@every_task
def test_every_member_of_every_estimator_is_measured_as_if_pass_by_pass_alone(name):
    models, _ = trained(name, all_of(name), [0, 7], steps=5, dtype=torch.float64)
    found = statistics(models)
    for s in range(2):
        for t in range(len(models.configurations)):
            expected = one_by_one(models, s, t)
            if math.isinf(expected["grad_snr"]):
                expected["grad_norm_std"] = 0.0  # where nothing varies, but for rounding
            assert {key: float(value[s, t]) for key, value in found.items()} == pytest.approx(
                expected, rel=1e-7, abs=1e-15
            )


@every_task
def test_how_many_passes_are_made_at_a_time_and_beside_whom_does_not_matter(name):
    models, _ = trained(name, all_of(name), [0, 7], steps=5, dtype=torch.float64)
    expected = statistics(models)
    bytes_of_all = 2 * len(all_of(name)) * models.task.bytes_per_member(BATCH)
    for at_once in (1, 4):  # of 6
        torch.testing.assert_close(
            statistics(models, memory_bytes=at_once * bytes_of_all), expected, rtol=1e-7, atol=1e-14
        )
    alone = models.select([3])
    torch.testing.assert_close(
        statistics(alone), {key: value[:, 3:4] for key, value in expected.items()}, rtol=1e-7, atol=1e-14
    )


@every_task
def test_single_precision_tells_about_the_same(name):
    double, _ = trained(name, all_of(name), [0], steps=5, dtype=torch.float64)
    single = population(name, all_of(name), [0])
    for key, p in double.parameters.items():
        single.parameters[key].data.copy_(p.data)
    found, expected = statistics(single), statistics(double)
    for key in ("grad_norm", "grad_norm_std"):
        torch.testing.assert_close(found[key].double(), expected[key], rtol=1e-4, atol=1e-6)
    # Rounding makes more or fewer parameters vary by a hair; the mean over them moves a little.
    torch.testing.assert_close(found["grad_snr"].double(), expected["grad_snr"], rtol=1e-3, atol=0)


@every_task
def test_without_noise_the_ratio_is_infinite(name):
    models, _ = trained(
        name, [Configuration("decoupled", 0.0, 0.5, 1e-2), BY_ESTIMATOR["identity"]], [0, 7], steps=5
    )
    found = models.diagnose(R)
    assert found["grad_snr"].isposinf().all()
    assert (found["grad_norm_std"] == 0).all()
    assert (found["grad_norm"] > 0).all()


@every_task
def test_diagnosis_leaves_training_as_it_would_have_been_and_a_diverged_member_has_none(name):
    models, _ = trained(name, all_of(name), [0, 7], steps=6)
    first = models.diagnose(3)
    assert identical(models.diagnose(3), first)
    models.train(6)
    undisturbed, _ = trained(name, all_of(name), [0, 7], steps=12)
    assert identical(parameters(models), parameters(undisturbed))
    for p in models.parameters.values():
        p.data[1, 0].view(-1)[0] = torch.nan
    found = models.diagnose(3)
    for value in found.values():
        assert value[1, 0].isnan()
        assert not value[0].isnan().any()
        assert not value[1, 1:].isnan().any()


def test_the_batch_is_the_first_training_examples():
    models, _ = trained("sbn", all_of("sbn"), [0, 7], steps=5)
    untrained = population("sbn", all_of("sbn"), [0, 7])
    initial = {f"{key}_initial": value for key, value in statistics(untrained).items()}
    assert_close(models.diagnose(R), statistics(models) | initial, torch.float32)


@every_task
def test_at_the_same_initial_weights_a_higher_tau_f_makes_a_noisier_gradient(name):
    """The paper's Figure 6a, where nothing but the temperature differs."""
    models, _ = trained(
        name, [Configuration("decoupled", tau, 1.0, 1e-2) for tau in (0.03, 0.1, 0.3)], [0, 7], steps=5
    )
    ratios = models.diagnose(200)["grad_snr_initial"]
    assert (ratios.diff(dim=1) < 0).all()


def test_a_single_pass_has_no_spread():
    with pytest.raises(
        ValueError, match=r"passes must be 2 or more, because a single one has no spread. Got 1\."
    ):
        population("sbn", [BY_ESTIMATOR["decoupled"]], [0]).diagnose(1)


# --- closed forms: a task whose gradient is told beforehand ---

MEAN, SPREAD = 3.0, 2.0


class Told(Task):
    """Its gradient is `slope` in every pass, and on top of it a multiple of standard normal noise for each of
    P parameters.
    """

    def __init__(self, slope, spread, P=400):
        self.slope, self.spread, self.P = slope, torch.as_tensor(spread).expand(P), P

    def init(self, _generator):
        return {"w": torch.zeros(self.P, dtype=torch.float64)}

    def noise(self, _batch_size, generator):
        return {"n": torch.randn(self.P, generator=generator, dtype=torch.float64)}

    def loss(self, parameters, _inputs, _labels, noise, _members):
        return (parameters["w"] * (self.slope + self.spread * noise["n"])).sum(-1)

    def evaluate(self, *_):
        raise NotImplementedError

    def bytes_per_member(self, _batch_size):
        return 4 * 8 * self.P


def told(slope, spread, *, passes, memory_bytes=None):
    task = Told(slope, spread)
    members = Members([ESTIMATORS["gumbel"].coefficients(None, 1.0)], {}, torch.float64, torch.device("cpu"))
    batch = Split(torch.zeros(2, 1, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64))
    w = {"w": task.init(None)["w"][None, None]}
    found = gradient_statistics(task, w, batch, members, passes=passes, memory_bytes=memory_bytes)
    return {name: float(value) for name, value in found.items()}


def test_of_a_gradient_with_a_known_mean_and_spread():
    found = told(MEAN, SPREAD, passes=4000)
    # |mean| / std has itself a spread of sqrt((1 + ratio^2 / 2) / R), over 400 parameters.
    assert found["grad_snr"] == pytest.approx(MEAN / SPREAD, abs=5 * math.sqrt((1 + 1.5**2 / 2) / 4000 / 400))
    assert found["grad_norm"] == pytest.approx(math.sqrt(400 * (MEAN**2 + SPREAD**2)), rel=1e-2)
    # The square of the norm is a sum of 400 squares of normals: the delta method gives its spread.
    expected = SPREAD * math.sqrt((MEAN**2 + SPREAD**2 / 2) / (MEAN**2 + SPREAD**2))
    assert found["grad_norm_std"] == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("passes", [64, 1024])
def test_pure_noise_has_the_ratio_that_the_docstring_says(passes):
    floor = math.sqrt(2 / (math.pi * passes))
    assert told(0.0, 1.0, passes=passes)["grad_snr"] == pytest.approx(floor, rel=0.15)


@pytest.mark.parametrize("memory_bytes", [1, 2**26])
def test_parameters_that_do_not_vary_are_left_out(memory_bytes):
    constant = torch.arange(400) % 2 == 0
    # 0.1 has no exact binary form: means of it over chunks round
    found = told(
        0.1 + torch.zeros(400),
        torch.where(constant, 0.0, 0.1).double(),
        passes=500,
        memory_bytes=memory_bytes,
    )
    assert found["grad_snr"] == pytest.approx(1.0, abs=0.03)


def test_a_gradient_of_nothing_has_no_ratio():
    found = told(0.0, 0.0, passes=5)
    assert math.isnan(found["grad_snr"])
    assert (found["grad_norm"], found["grad_norm_std"]) == (0.0, 0.0)


def test_a_large_mean_does_not_drown_the_spread():
    found = told(1e6, 1e-3, passes=300, memory_bytes=1)
    assert found["grad_snr"] == pytest.approx(1e9, rel=0.02)


def test_populations_know_who_has_noise():
    configurations = [*BY_ESTIMATOR.values(), Configuration("decoupled", 0.0, 0.3, 1e-2)]
    models = Population(
        population("dln", [BY_ESTIMATOR["soft"]], [0]).task, digits(), configurations, [0], batch_size=BATCH
    )
    silent = {"identity", "soft"}
    expected = [c.estimator not in silent and c.tau_f != 0.0 for c in configurations]
    assert models.members.noisy == expected
