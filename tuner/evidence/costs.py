"""What each method cost: from how many trials it was chosen, and how much training these took.

A method that is chosen from more trials, or trained for longer, has an advantage that has nothing to do with
the method itself, so the report states both.
"""

from collections.abc import Mapping, Sequence

from tuner.evidence.results import MethodCost
from tuner.evidence.selection import ARGMAX, OFF, ON, kind_of
from tuner.ledger.rows import COMPETING, Role, StudyRow, TrialRow, TrialState

_AFTER = (Role.CONFIRM, Role.CONTROL)  # the roles of trials that follow the search


def tuned_with(trials: Sequence[TrialRow]) -> dict[str, int]:
    """The number of configurations from which each method was chosen, {method: number}. A configuration that
    was tried on the grid's diagonal and as softmax ST counts once.
    """
    return {
        name: len(distinct(there)) if name == "diagonal" else len(there)
        for name, there in _methods(trials).items()
    }


def training(trials: Sequence[TrialRow], epochs: Mapping[int, float]) -> dict[str, MethodCost]:
    """How many trials, members and member-epochs were trained, for each method of `tuned_with`, for the
    confirmation and for the control.

    `epochs` is {id of a trial: epochs that it was trained}; member_epochs is None where a trial is missing in
    it.
    """
    groups = {
        name: distinct(there) if name == "diagonal" else there for name, there in _methods(trials).items()
    }
    groups |= {role.value: [t for t in trials if t.role == role] for role in _AFTER}

    def cost(there: Sequence[TrialRow]) -> MethodCost:
        known = all(t.id in epochs for t in there)
        return MethodCost(
            trials=len(there),
            members=sum(len(t.seeds) for t in there),
            member_epochs=sum(epochs[t.id] * len(t.seeds) for t in there) if known else None,
        )

    return {name: cost(there) for name, there in groups.items() if there or name not in _AFTER}


def trained_epochs(
    study: StudyRow, trials: Sequence[TrialRow], last: Mapping[int, float]
) -> dict[int, float]:
    """{id of a trial: epochs that it was trained}: from `last`, which has those of its last measurement;
    without one, the spec's epochs for a trial that was trained to its end. A trial with neither is left out.
    """
    planned = study.spec.get("epochs")
    whole = {
        t.id: float(planned)
        for t in trials
        if planned is not None and t.state in (TrialState.SUCCEEDED, TrialState.DIVERGED)
    }
    return whole | dict(last)


def distinct(trials: Sequence[TrialRow]) -> list[TrialRow]:
    """One trial of each configuration: the first. They come in no particular order."""
    return list({t.method: t for t in reversed(trials)}.values())


def _methods(trials: Sequence[TrialRow]) -> dict[str, list[TrialRow]]:
    competing = [t for t in trials if t.role in COMPETING]
    baselines = sorted({t.estimator for t in competing if t.role is Role.BASELINE})
    kinds = {kind: [t for t in competing if kind_of(t) == kind] for kind in (OFF, ARGMAX, ON)}
    if not kinds[ARGMAX]:
        del kinds[ARGMAX]
    return kinds | {name: [t for t in competing if t.estimator == name] for name in baselines}
