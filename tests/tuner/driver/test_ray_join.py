"""The driver of a job joins Ray before it does anything else, and has a worker started for its first
population.
"""

import json
import subprocess
import sys

import pytest
import ray

from tests.support.paths import ROOT
from tuner.driver import ray_join
from tuner.driver.ray_join import RayNotStartedError, join, join_ahead
from tuner.driver.ray_private import JOB_VARIABLE, RayChangedError


class FakeRay:
    """Stands in for the Ray of a job."""

    def __init__(self, monkeypatch, nodes=1, cpus=2.0, gpus=0.0, error=None):
        self.joined, self.started, self.error = [], [], error
        resources = {name: n for name, n in {"CPU": cpus, "GPU": gpus}.items() if n}
        node = {"Alive": True, "Resources": resources}
        self.of_cluster = [{"Alive": False, "Resources": {}}, *[node] * nodes]
        for name in ("init", "nodes", "is_initialized"):
            monkeypatch.setattr(ray, name, getattr(self, name))
        monkeypatch.setattr(ray_join, "start_workers_ahead", lambda *asked: self.started.append(asked))
        monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:6380")
        monkeypatch.setenv(JOB_VARIABLE, "{}")

    def init(self, **given):
        if self.error is not None:
            raise self.error
        self.joined.append(given)

    def nodes(self):
        return self.of_cluster

    def is_initialized(self):
        return bool(self.joined)


@pytest.mark.parametrize(("gpus", "workers"), [(0.0, 1), (1.0, 2)])
def test_a_job_joins_its_ray_once_and_has_a_worker_started(gpus, workers, monkeypatch):
    fake, said = FakeRay(monkeypatch, gpus=gpus), []
    join_ahead(said.append)
    join(ray, "127.0.0.1:6380")  # as the driver does later
    (given,) = fake.joined
    assert given["address"] == "127.0.0.1:6380"
    assert given["runtime_env"]["worker_process_setup_hook"] == "trainables.import_ahead.begin"
    assert given["runtime_env"]["env_vars"]["GOMP_SPINCOUNT"] == "1000"
    assert fake.started == [(fake.of_cluster[-1], workers)]
    assert said == []


@pytest.mark.parametrize(("nodes", "cpus"), [(2, 2.0), (1, 0.0)])
def test_where_the_population_may_be_elsewhere_none_is_started(nodes, cpus, monkeypatch):
    fake = FakeRay(monkeypatch, nodes, cpus)
    join_ahead(pytest.fail)
    assert len(fake.joined) == 1
    assert fake.started == []


def test_a_driver_that_is_no_job_does_not_join(monkeypatch):
    fake = FakeRay(monkeypatch)
    monkeypatch.delenv(JOB_VARIABLE)
    join_ahead(pytest.fail)
    assert fake.joined == []


def test_a_ray_that_a_notebook_has_joined_is_not_taken_for_ours(monkeypatch):
    fake = FakeRay(monkeypatch)
    monkeypatch.delenv(JOB_VARIABLE)
    fake.joined.append({"address": "of the notebook"})
    join(ray, "head:6379")
    (_, ours) = fake.joined
    assert ours["address"] == "head:6379"
    assert "worker_process_setup_hook" not in ours["runtime_env"]


def test_what_fails_is_said_and_the_study_goes_on(monkeypatch):
    FakeRay(monkeypatch, error=ConnectionError("nobody answers"))
    said = []
    join_ahead(said.append)
    assert said == [
        "no worker is started ahead: there is no Ray cluster at 127.0.0.1:6380 (TUNER_RAY_ADDRESS): "
        "nobody answers"
    ]
    with pytest.raises(RayNotStartedError):
        join(ray, "127.0.0.1:6380")

    def refuse(_node, _count):
        raise RayChangedError("Ray's node does not take it")

    FakeRay(monkeypatch)
    monkeypatch.setattr(ray_join, "start_workers_ahead", refuse)
    join_ahead(said.append)
    assert said[1:] == ["no worker is started ahead: Ray's node does not take it"]


STUDY_OF_ONE_ACTOR = """
import json, os, sys, tempfile, time

from tuner.driver.ray_private import LOOPBACK_ENVIRONMENT, NO_IDLE_WORKERS_ENVIRONMENT
os.environ |= LOOPBACK_ENVIRONMENT | NO_IDLE_WORKERS_ENVIRONMENT | {"AWS_SECRET_ACCESS_KEY": "not for actors"}
from tuner.driver import ray_join
ray_join.set_environment({})

import psutil, ray
from ray import tune
from tests.support.patience import wait_for
from tuner.driver.ray_private import JOB_VARIABLE, leave_environment_of_actors, start_workers_ahead

def idle():
    tree = psutil.Process().children(recursive=True)
    return [p.pid for p in tree if " ".join(p.cmdline()).startswith("ray::IDLE")]

class Asked(tune.Trainable):
    def step(self):
        from trainables import import_ahead
        import_ahead.finish()
        env = ray.get_runtime_context().get_runtime_env_string()
        return {"pid": os.getpid(), "torch": "torch" in sys.modules, "env": env, "done": True}

os.environ |= {JOB_VARIABLE: "{}", "RAY_ADDRESS": "set in jobs"}
environment = ray_join.runtime_environment()
del os.environ[JOB_VARIABLE], os.environ["RAY_ADDRESS"]  # Ray would read them
ray.init(address="local", include_dashboard=False, log_to_driver=False, num_cpus=1, runtime_env=environment)
assert idle() == []
start_workers_ahead(ray.nodes()[0], 1)
(ahead,) = wait_for(idle)
leave_environment_of_actors()
with tempfile.TemporaryDirectory() as folder:
    run = tune.RunConfig(storage_path=folder, verbose=0)
    (result,) = tune.Tuner(Asked, run_config=run).fit()
found = {name: result.metrics[name] for name in ("pid", "torch", "env")}
print("FOUND", json.dumps(found | {"ahead": ahead}))
"""


@pytest.mark.stack
def test_tune_is_given_the_worker_that_was_started_ahead():
    """By the real Ray: it tells workers apart by their environment, and Tune's actors must have the job's."""
    done = subprocess.run(
        [sys.executable, "-c", STUDY_OF_ONE_ACTOR], check=False, cwd=ROOT, capture_output=True, text=True
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stderr
    found = json.loads(lines[0].removeprefix("FOUND "))
    assert found["pid"] == found["ahead"]
    assert found["torch"]
    assert "AWS" not in found["env"]
