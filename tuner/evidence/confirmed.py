"""The confirmation: the selected configurations are compared on fresh seeds, two at a time, look by look.

The confirmed trials of one configuration, one for each block of seeds, are one sample. The comparison of the
best pair off the diagonal with the best on it is the primary one; argmax, which has no counterpart on the
diagonal, is compared with the diagonal separately. A study's strategy calls `decided` to know whether another
block of seeds is needed, and its results call `compare` for the verdict, so both judge by the same rules.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tuner.evidence.paired_gain import paired_gain
from tuner.evidence.reasons import Names
from tuner.evidence.seed_mean import FEWEST_SEEDS
from tuner.evidence.selection import Selection
from tuner.evidence.sequential_design import SequentialDesign
from tuner.evidence.verdicts import Judgement, judge
from tuner.ledger.methods import Method
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Role, TrialRow, TrialState
from tuner.spec.judging import Boundary

_WHOLE = (TrialState.SUCCEEDED, TrialState.DIVERGED)  # states of a trial that was trained to its end
FROM_WHERE_MAY_COLLAPSE = 10  # the fewest seeds that decide for a task whose trainings sometimes collapse


@dataclass(frozen=True)
class Rules:
    """How a study's confirmation is judged, as its spec says."""

    objective: Objective
    looks: tuple[int, ...]  # number of fresh seeds at each look, ascending
    margin: float | str = 0.0  # in units of the objective, or a share of the diagonal's objective: "1 %"
    may_collapse: bool = False  # whether the task declares that its trainings may collapse
    boundary: Boundary = "constant"  # how the looks share the error: see sequential_design.py

    @property
    def design(self) -> SequentialDesign | None:
        """The design of the looks that have enough seeds to decide; None where not even the last has."""
        looks = tuple(look for look in self.looks if look >= FEWEST_SEEDS)
        return SequentialDesign(looks, self.boundary) if looks else None

    @property
    def decide_from(self) -> int:
        """The number of seeds below which nothing is decided; at most that of the last look, so that
        something can be decided.
        """
        wanted = FROM_WHERE_MAY_COLLAPSE if self.may_collapse else FEWEST_SEEDS
        return min(wanted, max(self.looks, default=wanted))

    def added(self, *trials: TrialRow) -> bool:
        """Whether all of these confirmed trials have seeds that were added after the planned looks."""
        return bool(self.looks) and all(t.look >= len(self.looks) for t in trials)

    def margin_for(self, diagonal: TrialRow | None) -> float:
        """The margin in units of the objective. A share is that of the mean of `diagonal`, the best trial on
        the diagonal by the search; without one the margin is 0.
        """
        if not isinstance(self.margin, str):
            return self.margin
        share = float(self.margin.removesuffix("%")) / 100
        return share * abs(diagonal.mean) if diagonal is not None and diagonal.mean is not None else 0.0


def confirmed_trials(trials: Sequence[TrialRow]) -> dict[Method, TrialRow]:
    """The confirmed trials that have ended, {method: one trial with all of its blocks of seeds}.

    Blocks whose trial failed (its worker died) or was stopped are left out; seeds on which a training
    diverged are not. The joined trial has the number of the first block and the look of the last.
    """
    blocks: dict[Method, list[TrialRow]] = defaultdict(list)
    for t in sorted(trials, key=lambda t: t.look):
        if t.role is Role.CONFIRM and t.state in _WHOLE and t.objective is not None:
            blocks[t.method].append(t)
    return {method: _joined(parts) for method, parts in blocks.items()}


def _joined(parts: Sequence[TrialRow]) -> TrialRow:
    first = parts[0]
    if len(parts) == 1:
        return first
    names = [name for name in first.metrics if all(name in part.metrics for part in parts)]
    bad = next((part for part in parts if part.state is TrialState.DIVERGED), first)
    return replace(
        first,
        state=bad.state,
        reason=bad.reason,
        look=parts[-1].look,
        seeds=tuple(seed for part in parts for seed in part.seeds),
        objective=tuple(value for part in parts for value in part.objective or ()),
        metrics={name: [value for part in parts for value in part.metrics[name]] for name in names},
    )


def compare(
    mine: TrialRow, rival: TrialRow, rules: Rules, *, margin: float, names: Names | None = None
) -> Judgement | None:
    """The judgement on a confirmed trial and its rival, by the seeds that both have; None where the study's
    looks have too few seeds to decide anything.

    `margin` is in units of the objective, `names` says how the reason names the two.
    """
    added = rules.added(mine, rival)
    if rules.design is None and not added:
        return None
    ours, its = (dict(zip(t.seeds, t.objective or (), strict=True)) for t in (mine, rival))
    seeds = [seed for seed in mine.seeds if seed in its]
    gain = paired_gain([ours[seed] for seed in seeds], [its[seed] for seed in seeds], rules.objective)
    return judge(
        gain, rules.design, margin=margin, names=names or Names(), decide_from=rules.decide_from, added=added
    )


def of_planned_looks(trials: Sequence[TrialRow], rules: Rules) -> list[TrialRow]:
    """The trials without those on seeds that were added after the planned looks."""
    return [t for t in trials if t.role is not Role.CONFIRM or t.look < len(rules.looks)]


def decided(trials: Sequence[TrialRow], chosen: Selection, rules: Rules) -> bool:
    """Whether the selected methods need no more fresh seeds: the comparisons with the diagonal are
    decided.
    """
    confirmed = confirmed_trials(trials)
    if chosen.diagonal is None or (rival := confirmed.get(chosen.diagonal.method)) is None:
        return True  # there is nothing to compare with
    margin = rules.margin_for(chosen.diagonal)
    for trial in (chosen.off_diagonal, chosen.argmax):
        if trial is None or (mine := confirmed.get(trial.method)) is None:
            continue
        judgement = compare(mine, rival, rules, margin=margin)
        if judgement is not None and not judgement.final:
            return False
    return True
