"""Which method would be selected if the score of a trial were taken at its best report, and which at its
last.

Networks with little noise overfit, and noise regularises, so which method wins can depend on whether the best
report of a training counts or its last one. The results say which rule the study follows, and what either
rule selects.
"""

import math
from collections.abc import Sequence

from tuner.evidence.curves import Curve, Curves
from tuner.evidence.labels import method_label
from tuner.evidence.over_seeds import sem
from tuner.evidence.results import RuleWinner, ScoreRules
from tuner.evidence.selection import kind_of
from tuner.ledger.objective import Objective
from tuner.ledger.rows import COMPETING, TrialRow, TrialState

# A trial overfits if its last report is worse than its best by more than so many standard errors over seeds
# or, with one seed, by more than this share of the objective.
_OVERFIT_ERRORS = 2.0
_OVERFIT_SHARE = 0.01


def score_rules(
    trials: Sequence[TrialRow], curves: Curves, objective: Objective, rule: str
) -> ScoreRules | None:
    """The best method by either rule among the competing trials; None where none has a whole learning curve.
    `rule` is the study's own rule, in words.
    """
    at_best: list[tuple[float, TrialRow]] = []
    at_last: list[tuple[float, TrialRow]] = []
    overfit = 0
    for trial in trials:
        if trial.role not in COMPETING or trial.state is not TrialState.SUCCEEDED:
            continue
        curve = curves.of(trial, objective.name)
        if curve is None or not _whole(curve):
            continue
        best, last = _by_seed(curve, objective)
        at_best.append((sum(best) / len(best), trial))
        at_last.append((sum(last) / len(last), trial))
        overfit += _overfits(best, last)
    if not at_best:
        return None
    winners = {"best": _winner(at_best, objective), "last": _winner(at_last, objective)}
    note = _note(winners, overfit, len(at_best))
    return ScoreRules(rule=rule, winners=winners, overfit=overfit, trials=len(at_best), note=note)


def _whole(curve: Curve) -> bool:
    return all(v is not None and math.isfinite(v) for values in curve.values for v in values)


def _by_seed(curve: Curve, objective: Objective) -> tuple[list[float], list[float]]:
    """The best and the last value of each seed, [S] each."""
    seeds = [[v for v in column if v is not None] for column in zip(*curve.values, strict=True)]
    choose = min if objective.minimize else max
    return [choose(values) for values in seeds], [values[-1] for values in seeds]


def _overfits(best: Sequence[float], last: Sequence[float]) -> bool:
    """Whether a trial ends worse than its best report, by more than the spread over its seeds explains; from
    the best and the last value of each seed, [S] each.
    """
    losses = [abs(a - b) for a, b in zip(best, last, strict=True)]
    mean, error = sum(losses) / len(losses), sem(losses)
    if error is None:
        return mean > _OVERFIT_SHARE * abs(sum(best) / len(best))
    return mean > 0 and mean > _OVERFIT_ERRORS * error


def _winner(scored: Sequence[tuple[float, TrialRow]], objective: Objective) -> RuleWinner:
    value, trial = min(scored, key=lambda pair: (objective.sign * pair[0], pair[1].number))
    return RuleWinner(method=kind_of(trial), trial=trial.number, objective=value)


def _note(winners: dict[str, RuleWinner], overfit: int, trials: int) -> str | None:
    """What a reader must know where the rules disagree."""
    best, last = winners["best"], winners["last"]
    if best.method == last.method:
        return None
    ends = f"; {overfit} of {trials} trials end worse than their best report" if overfit else ""
    return (
        f"by the best report {method_label(best.method)} is ahead in the search, by the last report "
        f"{method_label(last.method)} is{ends}"
    )
