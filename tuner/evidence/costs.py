"""What each method cost.

A method that is chosen from many trials, or trained for longer, has an advantage that is not its own: the
report states how many trials and how much training each method got.
"""

from collections.abc import Mapping, Sequence

from tuner.evidence.results import MethodCost
from tuner.evidence.selection import ARGMAX, OFF, ON, kind_of
from tuner.ledger.rows import COMPETING, Role, StudyRow, TrialRow, TrialState

_AFTER = (Role.CONFIRM, Role.CONTROL)  # what follows the search


def tuned_with(trials: Sequence[TrialRow]) -> dict[str, int]:
    """How many configurations each method was chosen from. Softmax ST and the grid's diagonal are one method,
    counted once.
    """
    return {
        name: len(distinct(there)) if name == "diagonal" else len(there)
        for name, there in _methods(trials).items()
    }


def training(trials: Sequence[TrialRow], epochs: Mapping[int, float]) -> dict[str, MethodCost]:
    """For each method of `tuned_with`, and for the confirmation: how many trials, members and member-epochs
    were trained.

    `epochs` has the epochs that a trial was trained, by its id; member_epochs is None where those of a trial
    are not known.
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
    """The epochs that each trial was trained, by its id: those of its last measurement, or the spec's where
    it has ended well.
    """
    planned = study.spec.get("epochs")
    whole = {
        t.id: float(planned)
        for t in trials
        if planned is not None and t.state in (TrialState.SUCCEEDED, TrialState.DIVERGED)
    }
    return whole | dict(last)


def distinct(trials: Sequence[TrialRow]) -> list[TrialRow]:
    """Each method once."""
    return list({t.method: t for t in reversed(trials)}.values())


def _methods(trials: Sequence[TrialRow]) -> dict[str, list[TrialRow]]:
    competing = [t for t in trials if t.role in COMPETING]
    baselines = sorted({t.estimator for t in competing if t.role is Role.BASELINE})
    kinds = {kind: [t for t in competing if kind_of(t) == kind] for kind in (OFF, ARGMAX, ON)}
    if not kinds[ARGMAX]:
        del kinds[ARGMAX]
    return kinds | {name: [t for t in competing if t.estimator == name] for name in baselines}
