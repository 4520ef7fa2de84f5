"""The objective over the two temperatures: what was run where, its stages, its optimum and how sure its place
is.
"""

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from tuner.evidence.over_seeds import Summary
from tuner.evidence.results import (
    BackwardLine,
    BackwardLineAt,
    BackwardMarginal,
    ForwardLine,
    ForwardLineAt,
    ForwardMarginal,
    Landscape,
    Marginals,
    Optimum,
    OptimumCell,
    Stages,
)
from tuner.evidence.selection import best, best_forward, finished, searched, taken
from tuner.ledger.objective import Objective
from tuner.ledger.rows import StudyRow, TrialRow
from tuner.spec.search import StrategyName

_EXACT_SEEDS = 6  # up to so many seeds every resample is counted: 462 different ones
_RESAMPLES = 2000  # beyond, so many random ones
SURE = 0.95


def landscape(trials: Sequence[TrialRow], objective: Objective) -> Landscape:
    """The search: mean and standard error at each pair of temperatures, of the best learning rate there.

    A sequential search has run a row and a column only; the other pairs have no value.
    """
    ran = searched(trials)
    scored = scores(ran, lambda t: (t.tau_f, t.tau_b), objective)
    tau_f, tau_b = (taken(ran, name) for name in ("tau_f", "tau_b"))
    rows = [[scored.get((f, b), _NOTHING) for b in tau_b] for f in tau_f]
    return Landscape(
        tau_f=tuple(tau_f),
        tau_b=tuple(tau_b),
        mean=tuple(tuple(cell.mean for cell in row) for row in rows),
        sem=tuple(tuple(cell.sem for cell in row) for row in rows),
    )


def marginals(trials: Sequence[TrialRow], objective: Objective) -> Marginals | None:
    """For each temperature: mean and sem of the best trial at each of its values, and of those in line with
    the optimum.

    None without a finished search, or where a temperature takes one value only.
    """
    ran = searched(trials)
    optimum = best(ran, objective)
    if (
        optimum is None
        or optimum.tau_f is None
        or optimum.tau_b is None
        or any(len(taken(ran, name)) < 2 for name in ("tau_f", "tau_b"))
    ):
        return None
    row = [t for t in ran if t.tau_b == optimum.tau_b]
    column = [t for t in ran if t.tau_f == optimum.tau_f]
    return Marginals(
        tau_f=ForwardMarginal(
            best=_along_forward(ran, objective),
            at_optimum=ForwardLineAt(**vars(_along_forward(row, objective)), tau_b=optimum.tau_b),
        ),
        tau_b=BackwardMarginal(
            best=_along_backward(ran, objective),
            at_optimum=BackwardLineAt(**vars(_along_backward(column, objective)), tau_f=optimum.tau_f),
        ),
    )


def stages(study: StudyRow, trials: Sequence[TrialRow]) -> Stages | None:
    """The two stages of a sequential search, or None for another: tau_f at tau_b_start, then tau_b at the
    best tau_f.

    The best tau_f is the best so far while the first stage runs; None where no trial of it has an objective.
    """
    if study.strategy != StrategyName.SEQUENTIAL:
        return None
    start = study.spec["search"]["tau_b_start"]
    first = [t for t in searched(trials) if t.tau_b == start]
    tau_f = best_forward(first, study.objective)
    second = [t for t in searched(trials) if t.tau_f == tau_f]
    return Stages(
        tau_b_start=start,
        best_tau_f=tau_f,
        first=_along_forward(first, study.objective),
        second=_along_backward(second, study.objective),
    )


def scores(
    trials: Sequence[TrialRow], key: Callable[[TrialRow], Any], objective: Objective
) -> dict[Any, Summary]:
    """Mean and standard error of the best among the trials of each key."""
    groups: dict[Any, list[TrialRow]] = defaultdict(list)
    for trial in trials:
        groups[key(trial)].append(trial)
    leaders = {value: best(group, objective) for value, group in groups.items()}
    return {value: Summary.of(leader.objective or () if leader else ()) for value, leader in leaders.items()}


_NOTHING = Summary.of(())


def _along_forward(trials: Sequence[TrialRow], objective: Objective) -> ForwardLine:
    levels, mean, sem = _along(trials, "tau_f", objective)
    return ForwardLine(tau_f=levels, mean=mean, sem=sem)


def _along_backward(trials: Sequence[TrialRow], objective: Objective) -> BackwardLine:
    levels, mean, sem = _along(trials, "tau_b", objective)
    return BackwardLine(tau_b=levels, mean=mean, sem=sem)


def _along(trials: Sequence[TrialRow], name: str, objective: Objective) -> tuple[tuple[Any, ...], ...]:
    """The values of a temperature, ascending, with mean and sem of the best trial at each."""
    scored = sorted(scores(trials, attrgetter(name), objective).items())
    return (
        tuple(level for level, _ in scored),
        tuple(score.mean for _, score in scored),
        tuple(score.sem for _, score in scored),
    )


def edge_notes(optimum: TrialRow | None, trials: Sequence[TrialRow]) -> list[str]:
    """A sentence for each temperature whose optimum is the first or last value searched: a better one may lie
    beyond.
    """
    notes = []
    for name in ("tau_f", "tau_b") if optimum and not optimum.schedule else ():
        values = taken(searched(trials), name)
        value = getattr(optimum, name)
        if len(values) > 1 and value > 0 and value in (values[0], values[-1]):
            end = "lowest" if value == values[0] else "highest"
            notes.append(
                f"the optimum's {name} of {value:g} is the {end} that was searched; a better one may lie "
                "beyond it"
            )
    return notes


def optimum_over_seeds(trials: Sequence[TrialRow], objective: Objective) -> Optimum | None:
    """Where the optimum of the search lies when its seeds are resampled: a bootstrap that repeats the
    selection.

    Up to 6 seeds every resample is counted with its probability, beyond 2,000 are drawn. Few seeds resemble
    each other more than new ones would, so the set is rather too small than too large. None with fewer than 2
    seeds or 2 pairs.
    """
    compete = finished(searched(trials))
    seeds = max((t.seeds for t in compete), key=len, default=())
    compete = [t for t in compete if t.seeds == seeds]
    if len(seeds) < 2 or len({(t.tau_f, t.tau_b) for t in compete}) < 2:
        return None
    weights, probabilities = resamples(len(seeds))
    means = weights @ np.array([t.objective for t in compete], dtype=float).T  # [R, C]
    winners = (objective.sign * means).argmin(1)
    shares: dict[tuple[Any, Any], float] = defaultdict(float)
    for winner, probability in zip(winners.tolist(), probabilities.tolist(), strict=True):
        shares[compete[winner].tau_f, compete[winner].tau_b] += probability
    cells = []
    held = 0.0
    for (tau_f, tau_b), share in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
        cells.append(OptimumCell(tau_f=tau_f, tau_b=tau_b, share=share, sure=held < SURE - 1e-9))
        held += share
    return Optimum(seeds=len(seeds), resamples=len(weights), cells=tuple(cells))


def resamples(n: int) -> tuple[np.ndarray, np.ndarray]:
    """How often each of n seeds is in a resample, [R, n], over n, and the probability of each resample,
    [R].
    """
    if n > _EXACT_SEEDS:
        counts = np.random.default_rng(n).multinomial(n, np.full(n, 1 / n), _RESAMPLES)
        return counts / n, np.full(_RESAMPLES, 1 / _RESAMPLES)
    # Every multiset of n seeds: bars between n stars.
    bars = itertools.combinations(range(2 * n - 1), n - 1)
    counts = np.array([np.diff((-1, *places, 2 * n - 1)) - 1 for places in bars])
    ways = [math.factorial(n) / math.prod(math.factorial(c) for c in row) for row in counts.tolist()]
    return counts / n, np.array(ways) / n**n
