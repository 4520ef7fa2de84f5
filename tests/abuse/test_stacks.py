"""Whole stacks with a real Ray and a real MLflow: two beside each other, and one whose processes are
killed one after the other while three studies run.
"""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial

import httpx
import pytest

from api.client import Client
from tests.support import checker
from tests.support.abused import Stack
from tests.support.patience import patient, wait_for
from tests.support.processes import command
from tests.support.specs import TINY
from tuner.ledger.store import Ledger

pytestmark = [pytest.mark.abuse, pytest.mark.timeout(7200)]

REPORTS = 15
STUDY = TINY | {
    "baselines": [], "confirm_seeds": 0, "extend": False, "refine": False, "epochs": 300, "reports": REPORTS,
    "members_per_population": 4,
}  # fmt: skip


@pytest.fixture
def stacks(tmp_path):
    """Starts stacks over folders of a name each."""
    started = []

    def start(name, **settings):
        started.append(Stack(tmp_path / name, **settings))
        return started[-1].start()

    yield start
    for stack in started:
        stack.remove()


def all_well(stack):
    return stack.running() and set(stack.parts().values()) == {"ok"}


# --- two stacks ---


def test_a_second_stack_on_one_home_is_refused_and_the_first_goes_on(stacks):
    first = stacks("home").wait()
    second = subprocess.run(
        [sys.executable, "-m", "api.cli", "serve"],
        env=first.environment | {"TUNER_PORT": "0"},
        capture_output=True, text=True, timeout=patient(60), check=False,
    )  # fmt: skip
    assert second.returncode == 2
    assert f"is held by tuner serve (process {first.process.pid})" in second.stderr
    assert all_well(first)
    assert first.end(signal.SIGINT) == 0


def test_a_stack_that_was_killed_is_followed_by_another_at_once(stacks):
    first = stacks("home").wait()
    first.processes()
    first.process.kill()
    first.process.wait()
    second = stacks("home").wait()
    assert first.left() == []
    assert second.end() == 0


def test_two_stacks_started_together_over_one_ledger_share_the_work_and_mix_nothing(stacks, tmp_path):
    ledger_url = f"sqlite:///{tmp_path}/shared.db"
    Ledger(ledger_url).close()
    both = [stacks(name, ledger_url=ledger_url, max_running=1) for name in ("one", "two")]
    for stack in both:
        stack.wait()
    with Client(both[0].url) as client:
        studies = [
            client.submit(STUDY | {"name": f"s{n}", "epochs": 40, "reports": 4})["id"] for n in range(4)
        ]
        wait_for(lambda: all(client.status(s)["state"] == "succeeded" for s in studies), 400, every_s=1)
    ran = {}
    for stack in both:
        runs = checker.mlflow_runs(f"sqlite:///{stack.home}/mlflow/mlflow.db")
        ran[stack.home.name] = {tags["study"] for tags, *_ in runs if "study" in tags}
    print(f"\n{ran}")
    assert ran["one"] | ran["two"] == set(studies)
    assert ran["one"]
    assert ran["two"]
    for study in studies:
        trials, _ = checker.check_ledger(ledger_url, study, intervals=4)
        assert all(t.attempts == 1 for t in trials)
    for stack in both:
        assert stack.end() == 0


def test_two_runs_in_one_fresh_home_both_end_well(tmp_path):
    import yaml

    (tmp_path / "spec.yaml").write_text(yaml.safe_dump(TINY | {"baselines": [], "confirm_seeds": 0}))
    environment = os.environ | {"TUNER_HOME": str(tmp_path / "home"), "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-m", "api.cli", "run", str(tmp_path / "spec.yaml"), "--json"]
    both = [
        subprocess.Popen(run, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=patient(400))
        assert process.returncode == 0, err
        assert "has not got everything" not in out
        assert "Traceback" not in err


# --- kill -9 of everything in turn ---

KINDS = {  # of each part of a stack, a few minutes: what is killed -> what its command line has
    "MLflow": {"MLflow": "mlflow_process", "MLflow's server": "-m uvicorn", "MLflow's watcher": None},
    "Ray": {"ray start": "ray.scripts", "Ray's watcher": None},
    "core": {"GCS": "gcs_server", "raylet": "/raylet "},
    "dashboard": {"dashboard": "dashboard/dashboard.py", "dashboard's jobs": "JobHead"},
    "agent": {"dashboard agent": "DashboardAgent"},
    "environment": {"runtime environment agent": "RuntimeEnvAgent"},
    "monitor": {"autoscaler's monitor": "monitor.py"},
    "studies": {"a study's driver": "tuner drive", "a population's worker": "Trainable"},
}  # fmt: skip


def victim(stack, kind, pattern):
    """The process id of one of a kind."""
    of = command(stack.process.pid)
    for pid in stack.processes()[1:]:
        said = command(pid)
        if pattern is None:
            part = "mlflow" if kind.startswith("MLflow") else "ray"
            if "processes.py watch" in said and part in command(int(said.split()[-1])):
                return pid
        elif pattern in said and "processes.py watch" not in said and said != of:
            return pid
    return None


class Watched:
    """A stack with three studies, looked at again and again: what has ended stays as it is."""

    def __init__(self, stack):
        self.stack, self.url = stack, f"sqlite:///{stack.home}/ledger.db"
        self.ledger, self.client = Ledger(self.url), Client(stack.url)
        self.studies, self.statuses, self.ended = [], Counter(), {}
        for _ in range(3):
            self.submit()

    def submit(self):
        self.studies.append(self.client.submit(STUDY | {"name": f"killed-{len(self.studies)}"})["id"])

    def look(self):
        """{study: its state}."""
        self.stack.running()
        answer = httpx.get(f"{self.stack.url}/studies", timeout=patient(30))
        self.statuses[answer.status_code] += 1
        for study in self.studies:
            now, known = checker.outcomes(self.ledger.trials(study)), self.ended.setdefault(study, {})
            assert {n: now.get(n) for n in known} == known
            known |= now
        return {s["id"]: s["state"] for s in answer.json()["items"]}

    def over(self):
        return all(state == "succeeded" for state in self.look().values())

    def measured(self):
        return {study: len(self.ledger.measurements(study)) for study in self.studies}

    def go_on(self):
        """Waits until every study has ended, or has been measured again."""
        before = self.measured()

        def well():
            states, now = self.look(), self.measured()
            return all(states[s] == "succeeded" or now[s] > before[s] for s in self.studies)

        wait_for(well, 300, every_s=1)

    def in_mlflow(self):
        """Whether MLflow has it all: the service completes what drivers could not send."""
        mlflow = f"sqlite:///{self.stack.home}/mlflow/mlflow.db"
        try:
            for study in self.studies:
                checker.check_ledger_and_mlflow(self.url, mlflow, study, intervals=REPORTS)
        except (AssertionError, KeyError):
            return False
        return True

    def close(self):
        self.ledger.close()
        self.client.close()


@pytest.mark.parametrize("part", KINDS)
def test_every_process_of_the_stack_is_killed_in_turn_and_nothing_is_lost_or_doubled(stacks, part):
    stack = stacks("home", max_running=3, max_attempts=3).wait()
    watched = Watched(stack)
    watched.go_on()
    for kind, pattern in KINDS[part].items():
        if "running" not in watched.look().values():
            watched.submit()
            watched.go_on()
        running = Counter(watched.look().values())["running"]
        find = partial(victim, stack, kind, pattern)
        pid = wait_for(lambda find=find: watched.look() and find(), 240)
        began = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda find=find, pid=pid: watched.look() and find() not in (None, pid), 300, every_s=0.5)
        there = time.monotonic() - began
        wait_for(lambda: watched.look() and all_well(stack), 300, every_s=1)
        watched.go_on()
        told = f"there again {there:.0f} s, measured again {time.monotonic() - began:.0f} s"
        print(f"\n| {kind} | {running} studies ran | {told} |", flush=True)
    wait_for(watched.over, 1500, every_s=2)
    wait_for(watched.in_mlflow, 400, every_s=5)
    assert set(watched.statuses) <= {200, 503}
    watched.close()
    assert stack.end() == 0  # and nothing is left of all that it ever started
    print(f"\n{len(watched.studies)} studies are as they should be, {dict(watched.statuses)}", flush=True)
