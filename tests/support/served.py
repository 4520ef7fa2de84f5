"""The API over a real ledger that the test fills as a driver would, and a real browser that looks at it."""

import math
import os
import shutil
import threading
from contextlib import contextmanager
from dataclasses import replace

from tests.support.chance import chance
from tests.support.patience import patient
from tests.support.rows import MINIMIZE
from trainables.tasks import task_type
from tuner.evidence.selection import select
from tuner.ledger.rows import Proposal, Role
from tuner.ledger.store import Ledger
from tuner.network import any_free_port
from tuner.spec.study import parse_spec

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
MISSING_BROWSER = None if CHROMIUM else "Chromium is not installed (Debian: apt install chromium)"
FLAGS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SMALL = {
    "name": "small",
    "task": "sbn",
    "dataset": "digits",
    "seeds": 2,
    "confirm_seeds": 3,
    "epochs": 8,
    "reports": 4,
    "search": {"strategy": "grid", "tau_f": [0.1, 0.5], "tau_b": [0.1, 0.5, 1.0]},
    "baselines": ["identity"],
}


class Served:
    """The API over a ledger, on a port of its own."""

    def __init__(self, home, **settings):
        self.home, self.ledger = home, Ledger(f"sqlite:///{home / 'ledger.db'}")
        self.settings = {"rate_per_minute": 0} | settings
        self.port = any_free_port()
        self.start()

    @property
    def address(self):
        return f"http://127.0.0.1:{self.port}/"

    def start(self):
        import uvicorn

        from api.application.app import create
        from api.application.server import configuration
        from api.settings import ServiceSettings

        settings = ServiceSettings(home=self.home, port=self.port, **self.settings)
        config = configuration(create(settings), settings)
        config.timeout_graceful_shutdown = 1
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            assert self.thread.is_alive(), "the service did not start"
            self.thread.join(0.02)

    def stop(self):
        self.server.should_exit = True
        self.thread.join(patient(20))
        assert not self.thread.is_alive()

    def create(self, name="small", **changes):
        """A study that no API has seen: its name may be anything."""
        spec = parse_spec(SMALL | changes)
        objective = task_type(spec.task).objective
        return self.ledger.create_study(
            name=name,
            task=spec.task,
            spec=spec.model_dump(mode="json"),
            objective=objective.name,
            direction=objective.direction,
        )


def loss(trial, seed, share):
    """A landscape with its optimum off the diagonal, at (0.1, 0.5); it falls while `share` goes to 1."""
    tau_f, tau_b = trial.tau_f or 0.0, trial.tau_b or 1.0
    method = 0.3 if trial.estimator == "identity" else 0.1
    noise = 0.003 * chance(trial, seed).random()
    return method + 0.1 * tau_f + abs(math.log10(tau_b / 0.5)) / 5 + noise + math.exp(-4 * share)


class Driver:
    """Writes what a driver would, at the pace of the test."""

    def __init__(self, served, study):
        self.ledger, self.study = served.ledger, study
        self.spec = parse_spec(self.ledger.study(study).spec)
        self.lease = self.ledger.acquire(study, {"device": "cpu"})

    @property
    def fresh_seeds(self):
        """Of the first look of the confirmation."""
        return self.spec.fresh_seeds(self.study, 0)

    def search(self):
        pairs = [(f, b) for f in self.spec.search.forward for b in self.spec.search.backward]
        found = [
            Proposal("search", "decoupled", f, b, lr) for f, b in pairs for lr in self.spec.learning_rates
        ]
        return [*found, Proposal("baseline", "identity", None, None, self.spec.learning_rates[0])]

    def best(self):
        chosen = select(self.ledger.trials(self.study), MINIMIZE).distinct()
        return [replace(trial.proposal, role=Role.CONFIRM) for trial in chosen]

    def start(self, proposals, seeds, population="p"):
        return self.ledger.start_population(self.lease, population, proposals, seeds)

    def report(self, trials, interval, *, final=False, diverged=()):
        def values(trial):
            share = interval / self.spec.reports
            return [
                math.nan if trial.number in diverged else loss(trial, seed, share) for seed in trial.seeds
            ]

        seeds = len(trials[0].seeds)
        test = {"test_loss": [0.2 + 0.1 * s for s in range(seeds)]} if trials[0].role == "confirm" else {}
        rows = {trial.number: {"val_loss": values(trial), **test} for trial in trials}
        self.ledger.record(
            self.lease, interval=interval, epoch=2.0 * interval, training_s=1.0, rows=rows, final=final
        )

    def fail(self):
        """Every trial of the search, with which the study ends."""
        trials = self.start(self.search(), self.spec.search_seeds)
        self.ledger.fail(self.lease, [t.number for t in trials], "it does not fit")
        self.ledger.release(self.lease, "failed", "every trial failed")

    def finish(self, state="succeeded", *, diverged=()):
        """All of a study at once, which then ends in some state."""
        for proposals, seeds, name in (
            (self.search, self.spec.search_seeds, "p"),
            (self.best, self.fresh_seeds, "c"),
        ):
            trials = self.start(proposals(), seeds, name)
            self.report(trials, 2, diverged=diverged)
            self.report(trials, self.spec.reports, final=True, diverged=diverged)
        self.ledger.release(self.lease, state)


@contextmanager
def opened(browser, address, **context):
    """A page on which nothing moves, so that it is never looked at half way. What its scripts throw, and what
    the Content-Security-Policy blocks, fails the test.
    """
    from playwright.sync_api import expect

    expect.set_options(timeout=1000 * patient(5))
    problems = []
    settings = {"viewport": {"width": 1280, "height": 900}, "reduced_motion": "reduce"}
    session = browser.new_context(**(settings | context))
    page = session.new_page()
    page.set_default_timeout(1000 * patient(15))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on(
        "console",
        lambda m: problems.append(m.text) if m.type == "error" and "Failed to load" not in m.text else None,
    )
    page.goto(address)
    yield page
    session.close()
    assert problems == []
