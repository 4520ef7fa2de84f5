"""The objective over the two temperatures: the landscape, lines through it, the stages of a sequential
search, and where the optimum lies.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

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
from tuner.evidence.surface import optimum_place
from tuner.ledger.objective import Objective
from tuner.ledger.rows import StudyRow, TrialRow
from tuner.spec.search import StrategyName


def landscape(trials: Sequence[TrialRow], objective: Objective) -> Landscape:
    """Mean and standard error of the search at each pair of temperatures, with the best learning rate there.

    Pairs that were not run have no value; a sequential search has run one row and one column only.
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
    """Along each temperature: mean and standard error of the best trial at each of its values, over all
    values of the other temperature and at the optimum's.

    None where no trial has finished, or where a temperature takes one value only.
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
    """The two stages of a sequential search: tau_f at tau_b_start, then tau_b at the best tau_f. None for
    another search.

    While the first stage runs, best_tau_f is the best so far; it is None where no trial of that stage has an
    objective.
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
    """The summary over seeds of the best trial of each group, {key: summary}; `key` gives a trial's group."""
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
    """The values of a temperature, ascending, with mean and standard error of the best trial at each."""
    scored = sorted(scores(trials, attrgetter(name), objective).items())
    return (
        tuple(level for level, _ in scored),
        tuple(score.mean for _, score in scored),
        tuple(score.sem for _, score in scored),
    )


def optimum(trials: Sequence[TrialRow], objective: Objective) -> Optimum | None:
    """Where the optimum of the search lies, and how sure that is (surface.py); None with fewer than 2 seeds
    or 2 pairs.

    Each pair counts with its best learning rate. Trials whose temperatures change during training are left
    out.
    """
    leaders: dict[tuple[float, float], TrialRow] = {}
    for t in finished(searched(trials)):
        if not t.variant.steady or t.tau_f is None or t.tau_b is None or t.mean is None:
            continue
        rival = leaders.get((t.tau_f, t.tau_b))
        if rival is None or rival.mean is None or objective.better(t.mean, rival.mean):
            leaders[t.tau_f, t.tau_b] = t
    seeds = max((t.seeds for t in leaders.values()), key=len, default=())
    alike = {pair: t for pair, t in leaders.items() if t.seeds == seeds}
    values = [[v for v in t.objective or () if v is not None] for t in alike.values()]
    place = optimum_place(list(alike), values, objective)
    if place is None:
        return None
    cells = tuple(
        OptimumCell(
            tau_f=c.tau_f,
            tau_b=c.tau_b,
            mean=c.mean,
            predicted=c.predicted,
            share=c.probability,
            sure=c.inside,
        )
        for c in place.cells
    )
    return Optimum(method=place.method, seeds=place.seeds, noise=place.noise, cells=cells)
