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

from tuner.evidence.paired import summary
from tuner.evidence.selection import best, best_forward, finished, searched, taken
from tuner.ledger.rows import StudyRow, TrialRow

_EXACT_SEEDS = 6  # up to so many seeds every resample is counted: 462 different ones
_RESAMPLES = 2000  # beyond, so many random ones
SURE = 0.95


def landscape(trials: Sequence[TrialRow], direction: str) -> dict[str, list[Any]]:
    """The search: mean[i][j] and sem[i][j] at (tau_f[i], tau_b[j]), of the best learning rate there; None
    without a value.

    A sequential search has run a row and a column only; the other pairs are None, too.
    """
    there = searched(trials)
    found = scores(there, lambda t: (t.tau_f, t.tau_b), direction)
    tau_f, tau_b = (taken(there, name) for name in ("tau_f", "tau_b"))

    def matrix(key: str) -> list[list[Any]]:
        return [[found[f, b][key] if (f, b) in found else None for b in tau_b] for f in tau_f]

    return {"tau_f": tau_f, "tau_b": tau_b, "mean": matrix("mean"), "sem": matrix("sem")}


def marginals(trials: Sequence[TrialRow], direction: str) -> dict[str, Any] | None:
    """For each temperature: mean and sem of the best trial at each of its values, and of those in line with
    the optimum.

    "best" takes the best value of the other temperature, "at_optimum" that of the optimum. None without a
    finished search, or where a temperature takes one value only.
    """
    there = searched(trials)
    optimum = best(there, direction)
    if optimum is None or any(len(taken(there, name)) < 2 for name in ("tau_f", "tau_b")):
        return None
    found: dict[str, Any] = {}
    for name, other in (("tau_f", "tau_b"), ("tau_b", "tau_f")):
        fixed = getattr(optimum, other)
        line = scores([t for t in there if getattr(t, other) == fixed], attrgetter(name), direction)
        anywhere = scores(there, attrgetter(name), direction)
        found[name] = {
            "best": _columns(name, anywhere),
            "at_optimum": _columns(name, line) | {other: fixed},
        }
    return found


def stages(study: StudyRow, trials: Sequence[TrialRow]) -> dict[str, Any] | None:
    """The two stages of a sequential search, or None for another: tau_f at tau_b_start, then tau_b at the
    best tau_f.

    Each stage has its temperatures, ascending, with mean and sem of the best learning rate there; None
    without a value. The best tau_f is the best so far while the first stage runs; None where no trial of it
    has an objective.
    """
    search = study.spec.get("search", {})
    if search.get("strategy") != "sequential":
        return None
    start, direction = search["tau_b_start"], study.direction
    first = [t for t in searched(trials) if t.tau_b == start]
    tau_f = best_forward(first, direction)
    second = [t for t in searched(trials) if t.tau_f == tau_f]
    return {
        "tau_b_start": start,
        "best_tau_f": tau_f,
        "first": _columns("tau_f", scores(first, lambda t: t.tau_f, direction)),
        "second": _columns("tau_b", scores(second, lambda t: t.tau_b, direction)),
    }


def scores(
    trials: Sequence[TrialRow], key: Callable[[TrialRow], Any], direction: str
) -> dict[Any, dict[str, Any]]:
    """Mean and standard error of the best among the trials of each key, as `summary` has them."""
    groups: dict[Any, list[TrialRow]] = defaultdict(list)
    for trial in trials:
        groups[key(trial)].append(trial)
    leaders = {name: best(there, direction) for name, there in groups.items()}
    return {name: summary(leader.objective or () if leader else ()) for name, leader in leaders.items()}


def _columns(name: str, found: dict[Any, dict[str, Any]]) -> dict[str, list[Any]]:
    values = sorted(found)
    return {name: values} | {key: [found[value][key] for value in values] for key in ("mean", "sem")}


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


def optimum_over_seeds(trials: Sequence[TrialRow], direction: str) -> dict[str, Any] | None:
    """Where the optimum of the search lies when its seeds are resampled: a bootstrap that repeats the
    selection.

    {"seeds", "resamples", "cells": [{"tau_f", "tau_b", "share", "sure"}]}: the share of resamples in which a
    pair is the best, highest first, and whether it belongs to the smallest set of pairs that holds 95 % of
    them. Up to 6 seeds every resample is counted with its probability, beyond 2,000 are drawn. Few seeds
    resemble each other more than new ones would, so the set is rather too small than too large. None with
    fewer than 2 seeds or 2 pairs.
    """
    there = finished(searched(trials))
    seeds = max((t.seeds for t in there), key=len, default=())
    there = [t for t in there if t.seeds == seeds]
    if len(seeds) < 2 or len({(t.tau_f, t.tau_b) for t in there}) < 2:
        return None
    weights, probabilities = resamples(len(seeds))
    means = weights @ np.array([t.objective for t in there], dtype=float).T  # [R, C]
    winners = means.argmin(1) if direction == "minimize" else means.argmax(1)
    shares: dict[tuple[Any, Any], float] = defaultdict(float)
    for winner, probability in zip(winners.tolist(), probabilities.tolist(), strict=True):
        shares[there[winner].tau_f, there[winner].tau_b] += probability
    cells = []
    held = 0.0
    for (tau_f, tau_b), share in sorted(shares.items(), key=lambda item: (-item[1], item[0])):
        cells.append({"tau_f": tau_f, "tau_b": tau_b, "share": share, "sure": held < SURE - 1e-9})
        held += share
    return {"seeds": len(seeds), "resamples": len(weights), "cells": cells}


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
