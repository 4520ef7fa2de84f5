"""What the sequential protocol would have found on a full grid, which holds every trial that the protocol
would have run.
"""

from collections.abc import Sequence
from typing import Any

from tuner.evidence.paired import paired
from tuner.evidence.selection import best, best_forward, finished, searched
from tuner.ledger.rows import StudyRow, TrialRow


def sequential_replay(study: StudyRow, trials: Sequence[TrialRow]) -> dict[str, Any] | None:
    """What the sequential protocol would have found on a full grid, started from each tau_b; None for another
    search.

    For each start: the pair it would have picked, the trials it would have run, its regret (its mean
    objective against the grid's optimum, 0 where it finds it) with the differences paired over seeds. "start"
    is the replay from the tau_b nearest to 1, the protocol's default.
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


def _replay(
    grid: Sequence[TrialRow], optimum: TrialRow, start: float, direction: str
) -> dict[str, Any] | None:
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
    """By how much the mean objective of what a search found is worse than the optimum's, and its interval
    over seeds.
    """
    sign = 1 if direction == "minimize" else -1
    theirs = dict(zip(optimum.seeds, optimum.objective or (), strict=False))
    pairs = (
        (value, theirs.get(seed)) for seed, value in zip(found.seeds, found.objective or (), strict=False)
    )
    measured = paired([sign * (a - b) for a, b in pairs if a is not None and b is not None])
    return (
        {"mean": measured.mean, "ci95": list(measured.ci95) if measured.ci95 else None} if measured else None
    )
