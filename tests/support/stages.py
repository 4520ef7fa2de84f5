"""Every stage of a study that a user can see, as rows of a ledger. The real strategies propose the trials,
and a formula gives the results of their trainings; so it needs neither Ray nor training, and takes seconds.
"""

import math
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from tests.support.chance import chance, place
from tuner.ledger import lease
from tuner.ledger.rows import Role, TrialState
from tuner.ledger.study_queue import StudyQueue
from tuner.spec.study import parse_spec
from tuner.strategies import Continue, Decision, Signal, strategy_for

EPOCHS, REPORTS, MOST = 40, 12, 32  # of a training; of trials in a population
TEMPERATURES = [0.0, 0.1, 0.3, 0.5, 1.0, 2.0]
GRID = {"strategy": "grid", "tau_f": TEMPERATURES, "tau_b": TEMPERATURES[1:]}
BOUNDS = {"tau_f": {"low": 0.0, "high": 1.0}, "tau_b": {"low": 0.1, "high": 2.0}}
SPEC = {
    "task": "sbn",
    "dataset": "digits",
    "seeds": 3,
    "confirm_seeds": 5,
    "epochs": EPOCHS,
    "reports": REPORTS,
    "search": GRID,
    "baselines": ["identity", "softmax", "gumbel"],
}
# Searches by what their studies are called.
SEARCHES = {
    "grid": GRID,
    "sequential": GRID | {"strategy": "sequential"},
    "halving": GRID | {"strategy": "halving"},
    "gp": BOUNDS | {"strategy": "gp", "trials": 16},
    "tpe": BOUNDS | {"strategy": "tpe", "trials": 16},
    "pbt": BOUNDS | {"strategy": "pbt", "trials": 6, "rounds": 4},
}


@contextmanager
def lasting_leases():
    """Makes leases last an hour. Nobody renews them here, so a running study would soon count as one that
    lost its driver.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lease, "LEASE_S", 3600.0)
        yield


@dataclass(frozen=True)
class Losses:
    """The loss at the end of a training. It is lowest at tau_b = 0.5. `slope` is how much it grows with
    tau_f, `off` what is added off the diagonal, and `noise` its standard deviation over seeds.
    """

    slope: float = 0.1
    off: float = 0.0
    noise: float = 0.004
    unlucky: float = 0.0  # what is added off the diagonal on the first of every 10 fresh seeds

    def of(self, trial, seed):
        """At the end of the training on a seed."""
        tau_f, tau_b = trial.tau_f or 0.0, trial.tau_b or 1.0
        worse = {"identity": 0.2, "gumbel": 0.03}.get(trial.estimator, 0.0)
        off = trial.estimator == "decoupled" and tau_f != tau_b
        unlucky = self.unlucky if off and trial.role is Role.CONFIRM and place(seed) % 10 == 0 else 0.0
        drawn = chance(trial, seed).gauss(0, self.noise)
        landscape = self.slope * tau_f + abs(math.log10(tau_b / 0.5)) / 5
        return 0.2 + worse + landscape + off * self.off + unlucky + drawn


OFF = Losses()
ON = Losses(off=0.1)
EQUAL = Losses(slope=0.0, noise=0.0005)
UNDECIDED = Losses(slope=0.01, noise=0.05)
MIXED = Losses(slope=0.0, off=-0.02, noise=0.001, unlucky=0.6)


class Played:
    """A study of a ledger, driven by its own strategy."""

    def __init__(self, ledger, create, losses=OFF, **changes):
        """`create(**changes)` makes a study with a spec of SPEC and these changes, and returns its id."""
        self.ledger, self.losses = ledger, losses
        self.study = create(**SPEC | changes)
        self.spec = parse_spec(ledger.study(self.study).spec)
        self.lease = ledger.acquire(self.study, {"device": "cpu", "torch": "2.15.0"})
        self.strategy = strategy_for(self.spec)
        self.populations = 0

    def populate(self):
        """The next population's trials; None at the end."""
        while isinstance(answer := self.strategy.suggest(self.trials(), MOST), Decision):
            self.ledger.decide(self.lease, answer.go_on, answer.stop)
        if isinstance(answer, Signal):
            return None
        self.populations += 1
        name = f"p{self.populations}"
        if isinstance(answer, Continue):
            return self.ledger.continue_population(self.lease, name, answer.numbers)
        seeds = [self.spec.seeds_of(p.role, self.study, p.look) for p in answer]
        alike = [p for p, its in zip(answer, seeds, strict=True) if its == seeds[0]]
        return self.ledger.start_population(self.lease, name, alike, seeds[0])

    def trials(self):
        return self.ledger.trials(self.study)

    def train(self, trials, *, until=REPORTS, diverged=False):
        """Reports of a population up to its next rung, its end, or the report `until`."""
        began = trials[0].intervals
        rung = self.strategy.rung(trials[0].role, began)
        for interval in range(began + 1, min(until, rung or REPORTS) + 1):
            rows = {t.number: self.metrics(t, interval, diverged=diverged) for t in trials}
            self.ledger.record(
                self.lease, interval=interval, epoch=EPOCHS * interval / REPORTS, training_s=2.0, rows=rows,
                final=interval == REPORTS, paused=interval == rung,
            )  # fmt: skip

    def metrics(self, trial, interval, *, diverged=False):
        """What is measured at a report, {metric: value per seed}."""
        left = 2 * math.exp(-6 * interval / REPORTS)
        ends = [self.losses.of(trial, seed) for seed in trial.seeds]
        tau_f, tau_b = trial.tau_f or 0.0, trial.tau_b or 1.0
        found = {
            "val_loss": [math.nan if diverged and interval == REPORTS else end + left for end in ends],
            "val_accuracy": [max(0.1, 1 - end / 2 - left / 3) for end in ends],
            "train_loss": [0.8 * end + left for end in ends],
            "grad_norm": [0.5 / (tau_b + 0.1) + end / 10 for end in ends],
            "inactive_1e-05": [0.6 / (1 + 2 * tau_b) + end / 20 for end in ends],
            "grad_snr": [1 / (1 + tau_f) + end / 10 for end in ends],
        }
        last = trial.role is Role.CONFIRM and interval == REPORTS
        test = {"test_loss": [end + 0.02 for end in ends], "test_accuracy": [1 - end / 1.8 for end in ends]}
        return found | (test if last else {})

    def search(self, *, populations=1000, diverged=False):
        """Trains what comes before the confirmation, or so many populations of it."""
        while populations > 0 and (trials := self.populate()):
            if trials[0].role is Role.CONFIRM:
                return trials
            self.train(trials, diverged=diverged)
            populations -= 1
        return None

    def finish(self, *, diverged=False):
        """Trains all of it. Returns the study's id."""
        while trials := self.populate():
            self.train(trials, diverged=diverged)
        if any(trial.state is TrialState.SUCCEEDED for trial in self.trials()):
            return self.end("succeeded")
        return self.end("failed", "no trial succeeded")

    def end(self, state, reason=None):
        """Returns the study's id."""
        self.ledger.release(self.lease, state, reason)
        return self.study

    def cancel(self):
        """As a user does. Returns the study's id."""
        queue = StudyQueue(self.ledger)
        queue.cancel(self.study)
        queue.end_cancelled(self.lease)
        return self.study


def begun(play):
    """Half of the first population is trained."""
    play.train(play.populate(), until=5)
    return play.study


def extending(play):
    """The search is done, and what lies beyond a range at whose end it found an optimum has begun."""
    while (trials := play.populate())[0].role is not Role.EXTENSION:
        play.train(trials)
    play.train(trials, until=4)
    return play.study


def confirming(play):
    """The search is done, and the confirmation has begun."""
    play.train(play.search(), until=4)
    return play.study


def cancelled_early(play):
    begun(play)
    return play.cancel()


def cancelled_late(play):
    confirming(play)
    return play.cancel()


def interrupted(play):
    confirming(play)
    return play.end("interrupted", "its job is gone")


def failed(play):
    numbers = [trial.number for trial in play.populate()]
    play.ledger.fail(play.lease, numbers, "OutOfMemoryError: a population of one trial does not fit")
    return play.end("failed", "every trial failed")


def diverged(play):
    return play.finish(diverged=True)


@dataclass(frozen=True)
class Stage:
    """How a study came to a stage: what is asked for, what its trainings end with, what was done."""

    make: Callable
    losses: Losses = OFF
    changes: tuple = ()

    def played(self, ledger, create, name):
        """Makes the study; its id."""
        return self.make(Played(ledger, create, self.losses, name=name, **dict(self.changes)))


def finished(losses=OFF, **changes):
    return Stage(Played.finish, losses, tuple(changes.items()))


# Stages by what their studies are called.
STAGES = {
    "running": Stage(begun),
    "extending": Stage(extending),
    "confirming": Stage(confirming),
    "cancelled early": Stage(cancelled_early),
    "cancelled late": Stage(cancelled_late),
    "interrupted": Stage(interrupted),
    "failed": Stage(failed),
    "all diverged": Stage(diverged),
    "off the diagonal": finished(),
    "on the diagonal": finished(ON),
    "practically on": finished(EQUAL, margin="10 %"),
    "undecided": finished(UNDECIDED),
    "mixed": finished(MIXED, confirm_seeds=10, extend=False, refine=False),
    "no diagonal": finished(search={"strategy": "grid", "tau_f": [0.1], "tau_b": [0.5, 1.0]}, baselines=[]),
    "not confirmed": finished(confirm_seeds=0),
    "rescaled": finished(control="rescaled"),
}
