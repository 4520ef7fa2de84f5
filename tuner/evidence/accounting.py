"""What each method cost, and what a cheaper search would have found.

A method that is chosen from many trials, or trained for longer, has an advantage that is not its own: the report states how many
trials and how much training each method got. And a full grid holds every trial that the sequential protocol would have run, so
that protocol can be replayed on its rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from tuner.evidence.paired import paired
from tuner.evidence.selection import best, best_forward, finished, searched
from tuner.rows import StudyRow, TrialRow


def tuned_with(trials: Sequence[TrialRow]) -> dict[str, int]:
    """How many configurations each method was chosen from. Softmax ST and the grid's diagonal are one method, counted once."""
    return {name: len(distinct(there)) if name == "diagonal" else len(there) for name, there in _methods(trials).items()}


def training(trials: Sequence[TrialRow], epochs: Mapping[int, float]) -> dict[str, dict[str, Any]]:
    """For each method of `tuned_with`, and for the confirmation: how many trials, members and member-epochs were trained.

    `epochs` has the epochs that a trial was trained, by its id; member_epochs is None where those of a trial are not known.
    """
    groups = {name: distinct(there) if name == "diagonal" else there for name, there in _methods(trials).items()}
    groups |= {role: [t for t in trials if t.role == role] for role in ("confirm", "control")}

    def cost(there: Sequence[TrialRow]) -> dict[str, Any]:
        known = all(t.id in epochs for t in there)
        return {
            "trials": len(there),
            "members": sum(len(t.seeds) for t in there),
            "member_epochs": sum(epochs[t.id] * len(t.seeds) for t in there) if known else None,
        }

    return {name: cost(there) for name, there in groups.items() if there or name not in ("confirm", "control")}


def trained_epochs(study: StudyRow, trials: Sequence[TrialRow], last: Mapping[int, float]) -> dict[int, float]:
    """The epochs that each trial was trained, by its id: those of its last measurement, or the spec's where it has ended well."""
    planned = study.spec.get("epochs")
    whole = {t.id: float(planned) for t in trials if planned is not None and t.state in ("succeeded", "diverged")}
    return whole | dict(last)


def distinct(trials: Sequence[TrialRow]) -> list[TrialRow]:
    """Each method once."""
    return list({t.method: t for t in reversed(trials)}.values())


def _methods(trials: Sequence[TrialRow]) -> dict[str, list[TrialRow]]:
    competing = [t for t in trials if t.role in ("search", "baseline")]
    baselines = sorted({t.estimator for t in competing if t.role == "baseline"})
    return {
        "off_diagonal": [t for t in competing if t.off_diagonal],
        "diagonal": [t for t in competing if t.method[0] == "decoupled" and not t.off_diagonal],
        **{name: [t for t in competing if t.role == "baseline" and t.estimator == name] for name in baselines},
    }


def sequential_replay(study: StudyRow, trials: Sequence[TrialRow]) -> dict[str, Any] | None:
    """What the sequential protocol would have found on a full grid, started from each tau_b; None for another search.

    For each start: the pair it would have picked, the trials it would have run, its regret (its mean objective against the
    grid's optimum, 0 where it finds it) with the differences paired over seeds. "start" is the replay from the tau_b nearest to
    1, the protocol's default.
    """
    grid = searched(trials)
    optimum = best(grid, study.direction)
    if study.spec.get("search", {}).get("strategy") != "grid" or optimum is None:
        return None
    starts = sorted({t.tau_b for t in grid if t.tau_b is not None})
    replays = [found for start in starts if (found := _replay(grid, optimum, start, study.direction))]
    if not replays or len(starts) < 2:
        return None
    usual = min(replays, key=lambda found: (abs(found["tau_b_start"] - 1.0), found["tau_b_start"]))
    return {"start": usual, "starts": replays}


def _replay(grid: Sequence[TrialRow], optimum: TrialRow, start: float, direction: str) -> dict[str, Any] | None:
    first = [t for t in grid if t.tau_b == start]
    tau_f = best_forward(first, direction)
    run = [t for t in grid if t.tau_b == start or t.tau_f == tau_f]
    found = best(run, direction)
    if tau_f is None or found is None:
        return None
    return {
        "tau_b_start": start,
        "tau_f": found.tau_f,
        "tau_b": found.tau_b,
        "lr": found.lr,
        "trial": found.number,
        "trials": len(run),
        "of": len(grid),
        "rank": 1 + sum(other.mean < found.mean if direction == "minimize" else other.mean > found.mean
                        for other in finished(grid) if other.mean is not None and found.mean is not None),
        "regret": regret(found, optimum, direction),
    }  # fmt: skip


def regret(found: TrialRow, optimum: TrialRow, direction: str) -> dict[str, Any] | None:
    """By how much the mean objective of what a search found is worse than the optimum's, and its interval over seeds."""
    sign = 1 if direction == "minimize" else -1
    theirs = dict(zip(optimum.seeds, optimum.objective or (), strict=False))
    pairs = ((value, theirs.get(seed)) for seed, value in zip(found.seeds, found.objective or (), strict=False))
    measured = paired([sign * (a - b) for a, b in pairs if a is not None and b is not None])
    return {"mean": measured.mean, "ci95": list(measured.ci95) if measured.ci95 else None} if measured else None
