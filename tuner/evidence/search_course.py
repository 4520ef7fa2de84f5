"""How a search went: the best objective that it had found after each trial, and the paths of trials whose
temperatures change during training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.evidence.selection import finished, searched
from tuner.ledger.methods import Segment
from tuner.ledger.objective import Objective
from tuner.ledger.rows import TrialRow


@dataclass(frozen=True)
class Step:
    """A trial of the search and what the search had found by then."""

    trial: int  # its number
    mean: float  # of its objective over seeds
    best: float  # the best mean up to and including it


@dataclass(frozen=True)
class Path:
    """The temperatures of a trial over its training."""

    trial: int  # its number
    source: int | None  # number of another trial from whose state it went on last; None: there is none
    segments: tuple[Segment, ...]  # temperatures and learning rate from each epoch on
    mean: float | None  # of its objective over seeds, at its end


def best_so_far(trials: Sequence[TrialRow], objective: Objective) -> list[Step]:
    """A step for each trial of the search that was trained to its end, in the order in which they were
    proposed.
    """
    steps: list[Step] = []
    for trial in sorted(finished(searched(trials)), key=lambda t: t.number):
        if trial.mean is None:
            continue
        better = not steps or objective.sign * trial.mean < objective.sign * steps[-1].best
        steps.append(Step(trial.number, trial.mean, trial.mean if better else steps[-1].best))
    return steps


def paths(trials: Sequence[TrialRow]) -> list[Path]:
    """The paths of all trials of the search; empty where no trial changes its temperatures."""
    there = sorted(searched(trials), key=lambda t: t.number)
    if not any(t.schedule for t in there):
        return []
    return [
        Path(
            trial=t.number,
            source=None if t.source in (None, t.number) else t.source,
            segments=t.schedule or (Segment(0.0, t.tau_f or 0.0, t.tau_b or 0.0, t.lr),),
            mean=t.mean,
        )
        for t in there
    ]
