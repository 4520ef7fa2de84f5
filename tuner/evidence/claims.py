"""The paper's three claims (Shah et al., appendix, table 1), each answered from a study: supported, not
supported or undecided.

A claim has parts. It is supported where every part is shown, not supported where the opposite of one is
shown, and undecided
otherwise: too few seeds, an interval that includes 0, no data. "Shown" is at the 5 % level, two-sided; the
comparisons with the baselines are Holm-adjusted, and all but the trends are made on fresh seeds only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from trainables.metrics import Metric, Metrics, Temperature
from trainables.metrics import Trend as Expectation
from tuner.evidence.curves import Curves, epochs_saved
from tuner.evidence.labels import method_label
from tuner.evidence.multiple_comparisons import holm
from tuner.evidence.over_seeds import Difference, Gain
from tuner.evidence.paired import excess
from tuner.evidence.results import (
    BackwardTrend,
    Claim,
    ClaimPart,
    ClaimStatus,
    ForwardTrend,
    Numbers,
    Trend,
    Verdict,
)
from tuner.evidence.selection import Selection, best, searched
from tuner.evidence.trends import trend
from tuner.ledger.objective import Objective
from tuner.ledger.rows import StudyRow, TrialRow, TrialState

SUPPORTED, NOT_SUPPORTED, UNDECIDED = (
    ClaimStatus.SUPPORTED,
    ClaimStatus.NOT_SUPPORTED,
    ClaimStatus.UNDECIDED,
)
LEVEL = 0.05
# Those of C2, by the names of Selection.named: softmax ST is the diagonal.
RIVALS = {
    "identity": method_label("identity"),
    "diagonal": f"{method_label('softmax')} (the diagonal)",
    "gumbel": method_label("gumbel"),
}
TEXTS = {
    "C1": "The optimum lies off the diagonal tau_f = tau_b.",
    "C2": "Decoupled ST is better than identity ST, softmax ST and straight-through Gumbel-softmax, in final "
    "performance and in "
    "speed of convergence.",
    "C3": "The temperatures control different things: tau_f trades exploration against gradient variance, "
    "tau_b gradient "
    "magnitude against dispersion.",
}


@dataclass(frozen=True)
class Evidence:
    """What the claims are judged by, as the analysis has it."""

    study: StudyRow
    trials: Sequence[TrialRow]
    chosen: Selection
    confirmed: Mapping[str, TrialRow]  # by the names of Selection.named
    gains: Mapping[str, Gain | None]  # of the best off the diagonal over each other name
    adjusted: Mapping[str, float]  # their p-values, Holm's
    verdict: Verdict
    verdict_reason: str
    curves: Curves
    metrics: Metrics  # what the study's task declares


def claims(e: Evidence) -> dict[str, Claim]:
    """C1, C2 and C3."""
    parts = {
        "C1": [_optimum(e)],
        "C2": [*_performance(e), *_convergence(e), *_beside(e)],
        "C3": _trends(e),
    }
    return {name: _judged(name, of_claim, e) for name, of_claim in parts.items()}


def _optimum(e: Evidence) -> ClaimPart:
    """C1's one part: the verdict."""
    status = {Verdict.OFF: SUPPORTED, Verdict.ON: NOT_SUPPORTED}.get(e.verdict, UNDECIDED)
    return ClaimPart(
        what="the optimum lies off the diagonal", status=status, reason=e.verdict_reason, figure="landscape"
    )


def _judged(name: str, parts: Sequence[ClaimPart], e: Evidence) -> Claim:
    counting = [p for p in parts if p.counts]
    statuses = {p.status for p in counting}
    if not counting:
        status, reason = UNDECIDED, _undeclared(e)
    elif NOT_SUPPORTED in statuses:
        status, reason = (
            NOT_SUPPORTED,
            "the opposite is shown of: " + _list(p for p in counting if p.status == NOT_SUPPORTED),
        )
    elif UNDECIDED in statuses:
        status, reason = UNDECIDED, _list(p for p in counting if p.status == UNDECIDED)
    else:
        status, reason = (
            SUPPORTED,
            _list(counting) if len(counting) == 1 else f"all {len(counting)} parts are shown",
        )
    return Claim(
        claim=TEXTS[name],
        status=status,
        reason=reason,
        figures=tuple(sorted({p.figure for p in parts if p.figure})),
        parts=tuple(parts),
    )


def _undeclared(e: Evidence) -> str:
    """Why a claim has no part that could decide it."""
    if e.metrics.problem:
        return f"what task {e.study.task} declares of its metrics cannot be read: {e.metrics.problem}"
    return f"task {e.study.task} declares no metric that is to rise or fall with a temperature"


def _list(parts: Iterable[ClaimPart]) -> str:
    """Their reasons; where many parts have the same one, it is said once."""
    reasons: dict[str, list[str]] = {}
    for part in parts:
        reasons.setdefault(part.reason, []).append(part.what)
    return "; ".join(f"{', '.join(what)}: {reason}" for reason, what in reasons.items())


# --- C2 ---


def _performance(e: Evidence) -> list[ClaimPart]:
    parts = []
    for name, rival in RIVALS.items():
        what = f"better at the end than {rival}"
        gain = e.gains.get(name)
        if (missing := _missing(e, name)) or gain is None:
            parts.append(_undecided(what, missing or "there is no seed that both have", "methods"))
            continue
        p = e.adjusted.get(name, gain.p_value)
        status, text = _sided(gain.mean, gain.seeds, p, adjusted=name in e.adjusted)
        if gain.missing:
            status, text = UNDECIDED, f"one of the two diverged on {gain.missing} of the fresh seeds"
        numbers = gain.model_copy(update={"p_holm": p})
        parts.append(ClaimPart(what=what, status=status, reason=text, figure="methods", numbers=numbers))
    return parts


def _convergence(e: Evidence) -> list[ClaimPart]:
    sooner: dict[str, tuple[Difference, float]] = {}
    missing: dict[str, str] = {}
    for name in RIVALS:
        if why := _missing(e, name):
            missing[name] = why
            continue
        saved = epochs_saved(e.confirmed["off_diagonal"], e.confirmed[name], e.curves, e.study.objective)
        if saved is None or saved[0].p_value is None:
            missing[name] = "there are no curves over the same epochs of two seeds or more"
        else:
            sooner[name] = saved
    adjusted = holm({name: d.p_value for name, (d, _) in sooner.items() if d.p_value is not None})
    parts = []
    for name, rival in RIVALS.items():
        what = f"sooner where {rival} ends"
        if name in missing:
            parts.append(_undecided(what, missing[name], "curves"))
            continue
        saving, end = sooner[name]
        status, text = _sided(saving.mean, saving.seeds, adjusted[name])
        reason = f"epochs of {end:.3g}: {text}"
        numbers = saving.model_copy(update={"p_holm": adjusted[name]})
        parts.append(ClaimPart(what=what, status=status, reason=reason, figure="curves", numbers=numbers))
    return parts


def _beside(e: Evidence) -> list[ClaimPart]:
    """What the paper shows beside performance; it does not decide."""
    return [_best_in(e, metric) for metric in e.metrics.everything if metric.beside is not None]


def _best_in(e: Evidence, metric: Metric) -> ClaimPart:
    """Whether the best off the diagonal is ahead of every rival in a metric."""
    higher = metric.direction == "maximize"
    where = f" ({metric.beside})" if metric.beside else ""
    what = f"{'highest' if higher else 'lowest'} {metric.label}{where}"
    figure = e.metrics.figure_of(metric.name)
    rivals = [r for r in RIVALS if not _missing(e, r)]
    excesses = {r: excess(e.confirmed["off_diagonal"], e.confirmed[r], metric.name) for r in rivals}
    tested = {r: m.p_value for r, m in excesses.items() if m is not None and m.p_value is not None}
    if len(tested) < len(RIVALS):
        why = _missing(e, next(r for r in RIVALS if r not in tested)) or "it takes 2 seeds or more"
        return _undecided(what, why, figure, counts=False)
    adjusted = holm(tested)
    compared = {r: m.model_copy(update={"p_holm": adjusted[r]}) for r, m in excesses.items() if m}
    sign = 1 if higher else -1
    sides = [_sided(sign * m.mean, m.seeds, m.p_holm)[0] for m in compared.values()]
    status = next((s for s in (NOT_SUPPORTED, UNDECIDED) if s in sides), SUPPORTED)
    values = (("decoupled", e.confirmed["off_diagonal"]), *((r, e.confirmed[r]) for r in rivals))
    reason = "on fresh seeds " + ", ".join(f"{n} {_mean(t, metric.name):.3g}" for n, t in values)
    return ClaimPart(what=what, status=status, reason=reason, figure=figure, counts=False, numbers=compared)


def _mean(trial: TrialRow, metric: str) -> float:
    values = [v for v in trial.metrics.get(metric, ()) if v is not None]
    return sum(values) / len(values) if values else float("nan")


def _missing(e: Evidence, name: str) -> str | None:
    """Why there is no confirmed comparison with the rival selected under a name; None where there is one."""
    if "off_diagonal" in e.confirmed and name in e.confirmed:
        return None
    if name not in e.chosen.named():
        return "it was not run" if name == "diagonal" else f"the study has no finished baseline {name}"
    return "there is no confirmation on fresh seeds"


def _undecided(what: str, why: str, figure: str | None, *, counts: bool = True) -> ClaimPart:
    return ClaimPart(what=what, status=UNDECIDED, reason=why, figure=figure, counts=counts)


def _sided(mean: float, seeds: int, p: float | None, *, adjusted: bool = True) -> tuple[ClaimStatus, str]:
    """Whether a difference that is positive as claimed is shown, or its opposite, and its p-value in
    words.
    """
    if p is None:
        return UNDECIDED, "it takes 2 seeds or more"
    chance = f"p = {p:.2g}" if p >= 1e-12 else "p < 1e-12"
    text = f"mean {mean:.3g} over {seeds} seeds, {'adjusted ' if adjusted else ''}{chance}"
    if p >= LEVEL:
        return UNDECIDED, text
    return (SUPPORTED if mean > 0 else NOT_SUPPORTED), text


# --- C3 ---


def _trends(e: Evidence) -> list[ClaimPart]:
    """A part for each trend that the task declares. A variant at another threshold is shown, and decides
    nothing.
    """
    return [
        _trend(e, metric, expected)
        for metric in e.metrics.everything
        for expected in metric.trends
        if expected.expected
    ]


def _trend(e: Evidence, metric: Metric, expected: Expectation) -> ClaimPart:
    tau, counts = expected.temperature, metric.decides
    variant = f", threshold {metric.threshold.text}," if metric.threshold and not counts else ""
    what = f"{metric.label}{variant} {expected.expected} with {tau}"
    found = along(e.trials, tau, metric.name, e.study.objective)
    figure = "figure6a" if tau == "tau_f" else "figure6b"
    if found is None:
        advice = "; the spec's diagnostics measures it" if metric.measured == "diagnosis" else ""
        measured = any(metric.name in t.metrics for t in searched(e.trials))
        why = (
            f"fewer than 3 values of {tau} in one line have it on every seed"
            if measured
            else f"not measured{advice}"
        )
        return _undecided(what, why, figure if measured else None, counts=counts)
    fixed, t = found
    right = (t.spearman > 0) == (expected.expected == "rises") and t.spearman != 0
    status = UNDECIDED if t.p_value >= LEVEL else SUPPORTED if right else NOT_SUPPORTED
    other = "tau_b" if tau == "tau_f" else "tau_f"
    reason = (
        f"rank correlation {t.spearman:.2f} over {len(t.levels)} values at {other} = {fixed:g}, "
        f"{t.seeds} seed{'s' if t.seeds > 1 else ''}, Page's test p = {t.p_value:.2g}"
    )
    numbers: Numbers = (
        ForwardTrend(tau_b=fixed, **vars(t)) if tau == "tau_f" else BackwardTrend(tau_f=fixed, **vars(t))
    )
    return ClaimPart(what=what, status=status, reason=reason, figure=figure, counts=counts, numbers=numbers)


def along(
    trials: Sequence[TrialRow], tau: Temperature, metric: str, objective: Objective
) -> tuple[float, Trend] | None:
    """The trend of a metric along a temperature, and the value of the other at which it is taken.

    That is the value with the most trials along the line; of equals the optimum's, then the lowest. Each pair
    by its best learning rate.
    """
    line = the_line(trials, tau, objective)
    if line is None:
        return None
    fixed, there = line
    found = trend({level: t.metrics.get(metric, []) for level, t in there.items()})
    return (fixed, found) if found else None


def the_line(
    trials: Sequence[TrialRow], tau: str, objective: Objective
) -> tuple[float, dict[float, TrialRow]] | None:
    """The line along a temperature on which trends are taken: the other's value, and the best trial at each
    of its values.
    """
    other = "tau_b" if tau == "tau_f" else "tau_f"
    optimum = best(searched(trials), objective)
    if optimum is None:
        return None
    lines: dict[float, dict[float, list[TrialRow]]] = {}
    for trial in searched(trials):
        if trial.state is TrialState.SUCCEEDED and not trial.variant:
            lines.setdefault(getattr(trial, other), {}).setdefault(getattr(trial, tau), []).append(trial)
    if not lines:
        return None
    fixed = min(lines, key=lambda value: (-len(lines[value]), value != getattr(optimum, other), value))
    leaders = {level: best(there, objective) for level, there in sorted(lines[fixed].items())}
    return fixed, {level: leader for level, leader in leaders.items() if leader is not None}
