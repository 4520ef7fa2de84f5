"""Claim 3: trends of what a task measures along each temperature, one contrast per seed."""

from collections.abc import Sequence

from trainables.metrics import Metric, Temperature
from trainables.metrics import Trend as Expectation
from tuner.evidence.claim_drafts import Draft, Evidence
from tuner.evidence.claim_results import BackwardTrend, ForwardTrend, Trend
from tuner.evidence.selection import best, searched
from tuner.evidence.trend_contrasts import trend_contrast
from tuner.ledger.objective import Objective
from tuner.ledger.rows import TrialRow, TrialState


def trends(e: Evidence) -> list[Draft]:
    """A part for each trend that the task declares. Of a metric with several thresholds, one threshold
    decides, and the parts at the others are shown beside it.
    """
    return [
        _trend(e, metric, expected)
        for metric in e.metrics.everything
        for expected in metric.trends
        if expected.expected
    ]


def _trend(e: Evidence, metric: Metric, expected: Expectation) -> Draft:
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
        return Draft(what, figure if measured else None, why, counts=counts)
    fixed, t = found
    other = "tau_b" if tau == "tau_f" else "tau_f"
    text = (
        f"rank correlation {t.spearman:.2f} over {len(t.levels)} values at {other} = {fixed:g}, "
        f"{t.seeds} seed{'s' if t.seeds > 1 else ''}"
    )
    if t.p_value is None:
        text += "; a test takes 3 seeds or more that do not all agree exactly"
    right = None if t.spearman == 0 else (t.spearman > 0) == (expected.expected == "rises")
    numbers = (
        ForwardTrend(tau_b=fixed, **vars(t)) if tau == "tau_f" else BackwardTrend(tau_f=fixed, **vars(t))
    )
    return Draft(what, figure, text, right, t.p_value, counts, numbers)


def along(
    trials: Sequence[TrialRow], tau: Temperature, metric: str, objective: Objective
) -> tuple[float, Trend] | None:
    """The trend of a metric along a temperature, on `the_line`: (value of the other temperature, trend). None
    where fewer than 3 values of the temperature have the metric on every seed.
    """
    line = the_line(trials, tau, objective)
    if line is None:
        return None
    fixed, there = line
    t = trend_contrast({level: trial.metrics.get(metric, []) for level, trial in there.items()})
    if t is None:
        return None
    return fixed, Trend(
        levels=t.levels, means=t.means, sems=t.sems, seeds=t.seeds, spearman=t.spearman, p_value=t.p_value
    )


def the_line(
    trials: Sequence[TrialRow], tau: str, objective: Objective
) -> tuple[float, dict[float, TrialRow]] | None:
    """The line along a temperature on which trends are measured: (value of the other temperature, {value of
    this one: best trial there}). None without a finished trial.

    Of the values of the other temperature, it is the one at which most values of this temperature were tried;
    of equals the optimum's, then the lowest.
    """
    other = "tau_b" if tau == "tau_f" else "tau_f"
    optimum = best(searched(trials), objective)
    if optimum is None:
        return None
    lines: dict[float, dict[float, list[TrialRow]]] = {}
    for trial in searched(trials):
        if trial.state is TrialState.SUCCEEDED and trial.variant.steady:
            lines.setdefault(getattr(trial, other), {}).setdefault(getattr(trial, tau), []).append(trial)
    if not lines:
        return None
    fixed = min(lines, key=lambda value: (-len(lines[value]), value != getattr(optimum, other), value))
    leaders = {level: best(there, objective) for level, there in sorted(lines[fixed].items())}
    return fixed, {level: leader for level, leader in leaders.items() if leader is not None}
