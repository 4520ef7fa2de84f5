"""How far a study is."""

from typing import Any

from tuner.ledger.pages import PopulationAtWork, WorkDone
from tuner.ledger.rows import TERMINAL_TRIAL_STATES, StudyRow
from tuner.spec.study import StudySpec


def progress(row: StudyRow, spec: StudySpec | None, done: WorkDone) -> dict[str, Any]:
    """Trials and members that have ended, of how many; the fraction of the training; seconds left; what
    trains now.

    Args:
        row: the study.
        spec: its spec; None where that is of another version.
        done: what the ledger counts of its trials and populations.
    """
    (ended, members), total = _ended_and_all(done, spec, succeeded=row.state == "succeeded")
    failed = (n for (state, _), n in done.trials.items() if state in ("failed", "diverged"))
    running = (n for (state, _), n in done.trials.items() if state == "running")
    found: dict[str, Any] = {
        "trials": {
            "done": ended,
            "running": sum(running),
            "failed": sum(failed),
            "total": total and total[0],
        },
        "members": {"done": members, "total": total and total[1]},
        "fraction": None,
        "eta_s": None,
        "training": [_training(population, spec) for population in done.populations],
    }
    if spec and total and total[1]:
        work = members + sum(n * spec.members_of(role) / spec.intervals for role, n in done.intervals.items())
        # What is left may be less: methods without a trial that succeeded are not confirmed.
        found["fraction"] = 1.0 if row.state == "succeeded" else min(1.0, work / total[1])
        if row.state == "running" and work > 0 and row.training_s > 0:
            left = max(0.0, total[1] - work) / max(1, len(done.populations))
            found["eta_s"] = round(row.training_s / work * left, 1)
    return found


def _ended_and_all(
    done: WorkDone, spec: StudySpec | None, *, succeeded: bool
) -> tuple[tuple[int, int], tuple[int, int] | None]:
    """How many trials and members of a study have ended, and how many it has in all: what is planned and what
    has come on top; once it has succeeded, what it has trained. None without a spec.
    """
    begun: dict[str, tuple[int, int]] = {}  # trials and members, by role
    ended = (0, 0)
    for (state, role), count in done.trials.items():
        trials, members = begun.get(role, (0, 0))
        of_role = count * spec.members_of(role) if spec else 0
        begun[role] = (trials + count, members + of_role)
        if state in TERMINAL_TRIAL_STATES:
            ended = (ended[0] + count, ended[1] + of_role)
    if spec is None:
        return ended, None
    more = spec.unplanned(begun)
    return ended, ended if succeeded else (spec.planned_trials + more[0], spec.planned_members + more[1])


def _training(population: PopulationAtWork, spec: StudySpec | None) -> dict[str, Any]:
    """A population that is training, for readers: which trials it has, and how far they are."""
    epochs = spec.epochs if spec else None
    share = population.interval / spec.intervals if spec else None
    return {
        "roles": list(population.roles),
        "trials": population.trials,
        "first": population.first,
        "last": population.last,
        "fraction": share,
        "epoch": share * epochs if share is not None and epochs else None,
        "epochs": epochs,
    }
