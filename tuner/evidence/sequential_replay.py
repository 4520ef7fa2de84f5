"""What the sequential protocol would have found on a full grid, which holds every trial that the protocol
would have run.
"""

from collections.abc import Sequence

from tuner.evidence.over_seeds import MeanDifference
from tuner.evidence.paired import paired, pairs_by_seed
from tuner.evidence.results import ReplayedSearch, SequentialReplay
from tuner.evidence.selection import best, best_forward, finished, searched
from tuner.ledger.objective import Objective
from tuner.ledger.rows import StudyRow, TrialRow
from tuner.spec.search import StrategyName


def sequential_replay(study: StudyRow, trials: Sequence[TrialRow]) -> SequentialReplay | None:
    """What the sequential protocol would have found on a full grid, started from each tau_b; None for another
    search.

    For each start: the pair it would have picked, the trials it would have run, its regret (its mean
    objective against the grid's optimum, 0 where it finds it) with the differences paired over seeds. "start"
    is the replay from the tau_b nearest to 1, the protocol's default.
    """
    grid = searched(trials)
    optimum = best(grid, study.objective)
    if study.strategy != StrategyName.GRID or optimum is None:
        return None
    starts = sorted({t.tau_b for t in grid if t.tau_b is not None})
    replays = [run for start in starts if (run := _replay(grid, optimum, start, study.objective))]
    if not replays or len(starts) < 2:
        return None
    usual = min(replays, key=lambda run: (abs(run.tau_b_start - 1.0), run.tau_b_start))
    return SequentialReplay(start=usual, starts=tuple(replays))


def _replay(
    grid: Sequence[TrialRow], optimum: TrialRow, start: float, objective: Objective
) -> ReplayedSearch | None:
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
        regret=regret(picked, optimum, objective),
    )


def regret(picked: TrialRow, optimum: TrialRow, objective: Objective) -> MeanDifference | None:
    """By how much the mean objective of what a search picked is worse than the optimum's, and its interval
    over seeds.
    """
    measured = paired([objective.gain(best, mine) for mine, best in pairs_by_seed(picked, optimum)])
    return MeanDifference(mean=measured.mean, ci95=measured.ci95) if measured else None
