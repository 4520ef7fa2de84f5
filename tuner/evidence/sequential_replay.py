"""What the sequential protocol would have found, replayed on a full grid, which has every trial that the
protocol would have run.
"""

from collections.abc import Sequence

from tuner.evidence.regret import cross_fitted_regret, sequential_pick
from tuner.evidence.results import RegretResult, ReplayedSearch, SequentialReplay
from tuner.evidence.selection import best, best_forward, finished, searched
from tuner.ledger.objective import Objective
from tuner.ledger.rows import StudyRow, TrialRow
from tuner.spec.search import StrategyName


def sequential_replay(study: StudyRow, trials: Sequence[TrialRow]) -> SequentialReplay | None:
    """What the sequential protocol would have found, started from each tau_b of a full grid. None for another
    search, with a single tau_b, or where no trial has finished.

    For each start: the pair that it would have picked, how many trials it would have run, and its regret
    (regret.py). The field `start` is the replay from the tau_b nearest to 1, the protocol's default.
    """
    grid = searched(trials)
    if study.strategy != StrategyName.GRID or best(grid, study.objective) is None:
        return None
    starts = sorted({t.tau_b for t in grid if t.tau_b is not None})
    replays = [run for start in starts if (run := _replay(grid, start, study.objective))]
    if not replays or len(starts) < 2:
        return None
    usual = min(replays, key=lambda run: (abs(run.tau_b_start - 1.0), run.tau_b_start))
    return SequentialReplay(start=usual, starts=tuple(replays))


def _replay(grid: Sequence[TrialRow], start: float, objective: Objective) -> ReplayedSearch | None:
    first = [t for t in grid if t.tau_b == start]
    tau_f = best_forward(first, objective)
    run = [t for t in grid if t.tau_b == start or t.tau_f == tau_f]
    picked = best(run, objective)
    if tau_f is None or picked is None or picked.mean is None:
        return None
    means = [t.mean for t in finished(grid) if t.mean is not None]
    return ReplayedSearch(
        tau_b_start=start,
        tau_f=picked.tau_f,
        tau_b=picked.tau_b,
        lr=picked.lr,
        trial=picked.number,
        trials=len(run),
        of=len(grid),
        rank=1 + sum(objective.better(mean, picked.mean) for mean in means),
        regret=_regret(grid, start, objective),
    )


def _regret(grid: Sequence[TrialRow], start: float, objective: Objective) -> RegretResult | None:
    """The regret of the protocol; None with fewer than 2 seeds, or where no trial with tau_b = start has
    finished.
    """
    cells = [t for t in finished(grid) if t.tau_f is not None and t.tau_b is not None]
    cells = [t for t in cells if t.seeds == cells[0].seeds]
    pairs = [(t.tau_f or 0.0, t.tau_b or 0.0) for t in cells]
    values = [[v for v in t.objective or () if v is not None] for t in cells]
    if not any(tau_b == start for _, tau_b in pairs):
        return None
    measured = cross_fitted_regret(values, sequential_pick(pairs, start), objective)
    return RegretResult(mean=measured.mean, same=measured.same, seeds=measured.seeds) if measured else None
