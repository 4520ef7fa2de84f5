"""Plays strategies without training: what they propose counts as run, and ends as the test decides."""

import random
from dataclasses import replace

from tests.support.rows import running
from tuner.ledger.rows import TrialState
from tuner.spec.study import parse_spec
from tuner.strategies import Continue, Decision, Signal

INTERVALS = 9  # of one epoch


def spec(**changes):
    search = {"strategy": "grid", "tau_f": [0.0, 0.5, 1.0], "tau_b": {"low": 0.5, "high": 1.5, "step": 0.5}}
    rest = {
        "learning_rates": [0.01, 0.001],
        "seeds": 3,
        "epochs": INTERVALS,
        "reports": INTERVALS,
        "baselines": ["identity", "softmax", "gumbel"],
        "confirm_seeds": 0,
        "extend": False,
        "refine": False,
    }
    return parse_spec({"name": "s", "task": "sbn", "dataset": "digits", "search": search, **rest, **changes})


def sequential(**changes):
    search = {
        "strategy": "sequential",
        "tau_f": [0.0, 0.5, 1.0, 1.5],
        "tau_b": [0.3, 1.0, 2.0],
        "tau_b_start": 1.0,
    }
    return spec(search=search | changes.pop("search", {}), **changes)


def between(strategy, **changes):
    search = {
        "strategy": strategy,
        "tau_f": {"low": 0.0, "high": 1.0},
        "tau_b": {"low": 0.1, "high": 2.0},
        "trials": 7,
    }
    return spec(search=search | {"batch": 3} | changes.pop("search", {}), **changes)


def halving(**changes):
    search = {"strategy": "halving", "tau_f": [0.0, 0.5, 1.0], "tau_b": [0.3, 0.5, 1.0, 2.0]}
    return spec(search=search | changes.pop("search", {}), **changes)


def pbt(**changes):
    search = {
        "strategy": "pbt",
        "tau_f": {"low": 0.0, "high": 1.0},
        "tau_b": {"low": 0.1, "high": 2.0},
        "trials": 8,
    }
    return spec(search=search | {"rounds": 3} | changes.pop("search", {}), **changes)


SPECS = {
    "grid": spec(),
    "grid without baselines": spec(baselines=[]),
    "grid, confirmed": spec(confirm_seeds=2),
    "sequential": sequential(),
    "sequential from a value of its own": sequential(search={"tau_b_start": 0.7}, baselines=[]),
    "sequential, confirmed": sequential(confirm_seeds=2),
    "grid, confirmed and controlled": spec(confirm_seeds=2, control="rescaled"),
    "sequential, controlled": sequential(control="rescaled"),
    "tpe": between("tpe", search={"trials": 12}),
    "tpe, confirmed": between("tpe", confirm_seeds=2),
    "gp": between("gp", learning_rates=[0.001]),
    "halving": halving(),
    "halving, confirmed": halving(confirm_seeds=2, search={"eta": 2, "rungs": 2}),
    "grid, extended and refined": spec(confirm_seeds=3, extend=True, refine=True),
    "sequential, extended and refined": sequential(confirm_seeds=3, extend=True, refine=True),
    "halving, extended and refined": halving(confirm_seeds=3, extend=True, refine=True),
    "grid, look by look": spec(confirm_seeds={"looks": [3, 5, 8]}),
    "pbt": pbt(),
    "pbt, confirmed": pbt(confirm_seeds=2, baselines=[]),
}


def succeed(trial, loss=1.0):
    return replace(trial, state=TrialState.SUCCEEDED, objective=(loss,) * len(trial.seeds))


def diverge(trial):
    return replace(trial, state=TrialState.DIVERGED, objective=(0.0, None, 0.0))


def fail(trial):
    return replace(trial, state=TrialState.FAILED, reason="the worker process died")


def unlucky(trial):
    return (succeed, diverge, fail)[trial.number % 3](trial)


def last_first(unfinished):
    return unfinished[-1]


def first_first(unfinished):
    return unfinished[0]


def any_first(unfinished):
    return random.Random(len(unfinished)).choice(unfinished)


def play(make, n, *, finish=succeed, order=first_first, at_once=5):
    """Plays a study to its end. Returns the history, and what was answered to which history on the way."""
    history, asked = [], []
    while True:
        answer = make().suggest(history, n)
        asked.append((list(history), answer))
        assert answer != []
        assert len(asked) < 3000, "it would never end"
        unfinished = [t for t in history if t.state is TrialState.RUNNING]
        if answer is Signal.DONE and not unfinished:
            return history, asked
        if isinstance(answer, Decision):
            decide(history, answer)
        elif isinstance(answer, Continue):
            go_on(history, answer, n)
        elif isinstance(answer, list):
            history += [running(p, len(history) + i) for i, p in enumerate(answer)]
        if len(unfinished) >= at_once or isinstance(answer, Signal):
            ended = order(unfinished)
            history[ended.number] = train(ended, make(), finish)


def train(trial, strategy, finish=succeed):
    """What becomes of a running trial: it pauses at the next rung, or ends."""
    rung = strategy.rung(trial.role, trial.intervals)
    ended = finish(trial)
    if rung is None:
        return replace(ended, intervals=INTERVALS, epoch=float(INTERVALS))
    trained = replace(ended, intervals=rung, epoch=float(rung), source=None)
    if ended.state is not TrialState.SUCCEEDED:
        return trained
    return replace(
        trained, state=TrialState.QUEUED, objective=None, metrics={"val_loss": list(ended.objective)}
    )


def decide(history, answer):
    """Applies a Decision to the history as the ledger does, and checks that it is a valid one."""
    assert answer.go_on or answer.stop
    assert not {c.number for c in answer.go_on} & {*answer.stop}
    for number in (*(c.number for c in answer.go_on), *answer.stop):
        assert (history[number].state, history[number].source) == ("queued", None)
    before = list(history)
    for c in answer.go_on:
        assert before[c.source].intervals == before[c.number].intervals
        changes = {name: getattr(c.proposal, name) for name in ("tau_f", "tau_b", "lr", "variant")}
        history[c.number] = replace(history[c.number], source=c.source, **changes)
    for number, reason in answer.stop.items():
        assert reason
        history[number] = replace(history[number], state=TrialState.STOPPED, reason=reason)


def go_on(history, answer, n):
    """Applies a Continue to the history as the ledger does, and checks that it is a valid one."""
    chosen = [history[number] for number in answer.numbers]
    assert 1 <= len(chosen) <= n
    assert {t.state for t in chosen} == {"queued"}
    assert all(t.source is not None for t in chosen)
    assert len({t.intervals for t in chosen}) == 1
    for t in chosen:
        history[t.number] = replace(t, state=TrialState.RUNNING)
