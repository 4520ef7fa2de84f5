"""What an accelerator measures with: noise from counters, the same wherever and whenever it is drawn; and the
built-in tasks on another device than the CPU, which is simulated.
"""

import pytest
import torch

from tests.support.accelerators import population
from tests.support.simulated_device import simulated_device
from tests.support.tasks import OPTIONS, TASKS, all_of, digits, task
from trainables import counters
from trainables.drawing import FixedNoise
from trainables.population import Population
from trainables.randomness import Stream
from trainables.scoring import ScoreRule
from trainables.testing import CHECKS, Subject

pytestmark = pytest.mark.usefixtures("one_thread")
every_task = pytest.mark.parametrize("name", ["sbn", "catae", "dln"])


def measured(models):
    found = {f"report {n}": v for n, v in models.report(ScoreRule()).items()}
    found |= {f"test {n}": v for n, v in models.test().items()}
    found |= {"losses": models.example_losses()} | models.diagnose(2)
    return {name: value.cpu() for name, value in found.items()}


@every_task
def test_nothing_that_is_measured_comes_from_a_generator(name, monkeypatch):
    models = population(name, all_of(name), [0, 7])
    expected = measured(models)  # the initial parameters, which diagnosis compares, are a CPU's generator's
    asked = []
    at = Stream.at

    def noted(stream, step):
        asked.append(stream)
        return at(stream, step)

    monkeypatch.setattr(Stream, "at", noted)
    models.report(ScoreRule())
    models.test()
    models.example_losses()
    assert asked == []
    torch.manual_seed(1234)
    torch.testing.assert_close(measured(models), expected, rtol=0, atol=0, equal_nan=True)


@every_task
def test_seeds_are_measured_with_the_same_noise_from_counters(name):
    cls = TASKS[name]
    CHECKS["seeds are evaluated with the same noise"](Subject(cls, digits(), OPTIONS[name], accelerator=True))


def test_fixed_noise_is_what_the_counters_say():
    model, like = task("sbn"), torch.zeros((), dtype=torch.float64)
    fixed = FixedNoise(model, 3, "evaluation noise", like=like, counted=True)
    found = torch.cat([n.flatten() for n in fixed.at(5, 4).values()])
    keys = counters.keys([3], "evaluation noise logistic", torch.device("cpu"))
    expected = counters.logistic(counters.words(keys, torch.tensor(5), len(found)), torch.float64)[0]
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert all(n.shape[:2] == (1, 1) for n in fixed.at(5, 4).values())
    other = FixedNoise(model, 3, "evaluation draws", like=like, counted=True).at(5, 4)
    again = FixedNoise(model, 3, "evaluation noise", like=like, counted=True)
    again.at(4, 7)  # nothing is carried from one draw to the next
    for n, drawn in again.at(5, 4).items():
        assert torch.equal(drawn, fixed.at(5, 4)[n])
        assert not torch.equal(drawn, other[n])


def test_without_counters_fixed_noise_is_the_stream_s():
    model = task("sbn")
    fixed = FixedNoise(model, 3, "evaluation noise", like=torch.zeros(()), counted=False)
    expected = model.noise(4, Stream(3, "evaluation noise").at(5))
    assert {name: n.shape for name, n in fixed.at(5, 4).items()} == {
        name: (1, 1, *n.shape) for name, n in expected.items()
    }
    assert all(torch.equal(n[0, 0], expected[name]) for name, n in fixed.at(5, 4).items())


@every_task
def test_a_device_measures_what_the_cpu_does(name):
    def run(data):
        cls = TASKS[name]
        model = cls(data, cls.options_type.parse(OPTIONS[name]))
        models = Population(
            model, data, all_of(name), [0, 7], batch_size=32, dtype=torch.float64, accelerator=True
        )
        models.train(2)
        return measured(models)

    expected = run(digits())
    with simulated_device() as device:
        found = run(digits().to(device))
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", ["sbn", "dln"])
def test_the_contract_s_own_tensors_are_on_the_device(name):
    with simulated_device() as device:
        subject = Subject(TASKS[name], digits().to(device), OPTIONS[name])
        for check in (
            "seeds are evaluated with the same noise",
            "losses of examples average to the objective",
        ):
            CHECKS[check](subject)
