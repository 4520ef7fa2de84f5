"""Rows of a ledger, made by hand: the one place where tests build trials and studies."""

from datetime import UTC, datetime

import numpy as np

from tuner.ledger.methods import PLAIN
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Proposal, Role, StudyRow, StudyState, TrialRow, TrialState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
SEARCH, FRESH = (0, 1, 2, 3, 4), (5, 6, 7, 8, 9)  # seeds
MINIMIZE, MAXIMIZE = (Objective.of("val_loss", direction) for direction in ("minimize", "maximize"))
OBJECTIVES = {"minimize": MINIMIZE, "maximize": MAXIMIZE}


def trial(
    number,
    objective=None,
    *,
    tau_f=0.5,
    tau_b=1.0,
    role="search",
    estimator="decoupled",
    lr=0.001,
    variant=PLAIN,
    seeds=None,
    state=None,
    metrics=None,
    **more,
):
    """A trial. By what it has per seed, it has succeeded, diverged (a None among the values) or failed."""
    if objective is not None:
        objective = tuple(None if v is None else float(v) for v in objective)
        state = state or ("diverged" if None in objective else "succeeded")
    if metrics is None:
        metrics = {"val_loss": list(objective)} if objective else {}
    rest = {"reason": None, "population": "p", "attempts": 1, "started_at": None, "finished_at": None}
    return TrialRow(
        id=number + 1,
        number=number,
        role=Role(role),
        estimator=estimator,
        tau_f=tau_f,
        tau_b=tau_b,
        lr=lr,
        variant=variant,
        state=TrialState(state or "failed"),
        seeds=tuple(seeds) if seeds is not None else tuple(range(len(objective or SEARCH))),
        metrics=metrics,
        objective=objective,
        **rest | more,
    )


def running(proposal: Proposal, number: int, seeds=(0, 1, 2)) -> TrialRow:
    """A trial that has just been started."""
    names = ("role", "estimator", "tau_f", "tau_b", "lr", "variant", "look")
    configuration = {name: getattr(proposal, name) for name in names}
    return trial(number, **configuration, seeds=seeds, state="running")


NEW = {"extend": True, "refine": True, "confirm_seeds": 5, "margin": 0.0}  # fields that every new spec has


def study(direction="minimize", search=None, state="succeeded", spec=None, **more):
    """A study of task sbn. `search` is the field of its spec, `spec` are further fields, which replace those
    of NEW. A field that is None is left out, as in specs of earlier versions.
    """
    fields = NEW | ({"search": search, "seeds": 2} if search else {}) | (spec or {})
    return StudyRow(
        id="ab12",
        name="small",
        task="sbn",
        state=StudyState(state),
        reason=None,
        spec={name: value for name, value in fields.items() if value is not None},
        objective=OBJECTIVES[direction],
        created_at=NOW,
        started_at=NOW,
        finished_at=NOW,
        training_s=1.0,
        host={},
        **more,
    )


def finished_study():
    """The trials of a search and of its confirmation: off the diagonal wins on fresh seeds by 0.5, although
    it won the search by 2.
    """
    spread = np.array([0.0, 0.1, -0.1, 0.05, -0.05])
    searched = [
        trial(0, 3 + spread, tau_f=0.5, tau_b=0.5),
        trial(1, 1 - spread, tau_f=0.1, tau_b=0.5),
        trial(2, [2.0, None, 2.0, 2.0, 2.0], tau_f=0.1, tau_b=1.0),
        trial(3, None, tau_f=0.5, tau_b=1.0),
        trial(4, 4 + spread, tau_f=None, tau_b=None, role="baseline", estimator="identity"),
        trial(5, 3.5 + spread, tau_f=None, tau_b=0.5, role="baseline", estimator="gumbel"),
    ]
    confirmed = [
        trial(6, 2 - spread, tau_f=0.1, tau_b=0.5, role="confirm", seeds=FRESH),
        trial(7, 2.5 + spread, tau_f=0.5, tau_b=0.5, role="confirm", seeds=FRESH),
        trial(8, 5 + spread, tau_f=None, tau_b=None, role="confirm", estimator="identity", seeds=FRESH),
        trial(9, 4 + spread, tau_f=None, tau_b=0.5, role="confirm", estimator="gumbel", seeds=FRESH),
    ]
    return searched, confirmed


SEQUENTIAL = {  # the field `search` of the study of sequential_trials
    "strategy": "sequential",
    "tau_f": [0.0, 0.5, 1.5],
    "tau_b": [0.3, 1.0, 2.0],
    "tau_b_start": 1.0,
}


def sequential_trials():
    """tau_f of 0.5 wins the first stage with its second learning rate; then tau_b of 2 wins, and 0.3
    diverges.
    """
    first = [(0.0, 1.0, 5.0), (0.5, 1.0, 9.0), (1.5, 1.0, 6.0)]
    second = [(0.5, 0.3, None), (0.5, 2.0, 3.0)]
    searched = [trial(i, [v, v and v + 0.2], tau_f=f, tau_b=b) for i, (f, b, v) in enumerate(first + second)]
    searched += [trial(5, [4.0, 4.2], tau_f=0.5, tau_b=1.0, lr=0.1)]
    softmax = [
        trial(6 + i, [7.0, 7.2], tau_f=t, tau_b=t, role="baseline", estimator="softmax")
        for i, t in enumerate((1.0, 0.5))
    ]
    return searched, softmax
