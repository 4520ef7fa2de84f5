"""The paper's three claims (Shah et al., appendix, table 1), each answered from a study: supported, not
supported or undecided.

A claim has parts. It is supported where every part is shown, not supported where the opposite of one is
shown, and undecided otherwise: too few seeds, an interval that includes 0, no data. "Shown" is at the 5 %
level, two-sided. The verdict is claim 1 and stands by itself; the parts of claims 2 and 3 that can be shown
or refuted are one family, Holm-adjusted. All but the trends are on fresh seeds only.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainables.metrics import Metric, Metrics, Temperature
from trainables.metrics import Trend as Expectation
from tuner.evidence.convergence import Convergence, convergence
from tuner.evidence.curves import Curves
from tuner.evidence.labels import method_label
from tuner.evidence.multiple_comparisons import holm
from tuner.evidence.over_seeds import Gain
from tuner.evidence.paired import excess
from tuner.evidence.results import (
    BackwardTrend,
    Claim,
    ClaimPart,
    ClaimStatus,
    Comparison,
    ConvergenceResult,
    ForwardTrend,
    Trend,
)
from tuner.evidence.selection import OFF, ON, Selection, best, searched
from tuner.evidence.trend_contrasts import trend_contrast
from tuner.evidence.verdicts import VERDICTS, Decision, Verdict
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Role, StudyRow, TrialRow, TrialState

SUPPORTED, NOT_SUPPORTED, UNDECIDED = (
    ClaimStatus.SUPPORTED,
    ClaimStatus.NOT_SUPPORTED,
    ClaimStatus.UNDECIDED,
)
LEVEL = 0.05
_BY_VERDICT = {
    Verdict.OFF: SUPPORTED,
    Verdict.ON: NOT_SUPPORTED,
    Verdict.PRACTICALLY_ON: NOT_SUPPORTED,
}
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
    main: Comparison  # the verdict
    argmax: Comparison | None  # likewise of argmax
    gains: Mapping[str, Gain | None]  # of the best off the diagonal over each baseline
    curves: Curves
    metrics: Metrics  # what the study's task declares


@dataclass(frozen=True)
class _Draft:
    """A part before the correction for all parts."""

    what: str
    figure: str | None
    text: str  # what was measured, without the p-value
    right: bool | None = None  # whether it points as claimed; None where it points nowhere
    p_value: float | None = None  # None where there is no test
    counts: bool = True
    numbers: Any = None  # a model with p_holm, or nothing

    def judged(self, p_holm: float | None) -> ClaimPart:
        """The part, with its p-value after the correction."""
        p = self.p_value if p_holm is None else p_holm
        status, text = UNDECIDED, self.text
        if p is not None:
            chance = f"p = {p:.2g}" if p >= 1e-12 else "p < 1e-12"
            text = f"{text}, {'adjusted ' if p_holm is not None else ''}{chance}"
            if p < LEVEL and self.right is not None:
                status = SUPPORTED if self.right else NOT_SUPPORTED
        numbers = self.numbers.model_copy(update={"p_holm": p_holm}) if self.numbers is not None else {}
        return ClaimPart(
            what=self.what,
            status=status,
            reason=text,
            figure=self.figure,
            counts=self.counts,
            numbers=numbers,
        )


def claims(e: Evidence) -> dict[str, Claim]:
    """C1, C2 and C3."""
    drafts = {"C2": [*_performance(e), *_convergence(e)], "C3": _trends(e)}
    adjusted = holm(
        {
            f"{name} {i}": draft.p_value
            for name, of_claim in drafts.items()
            for i, draft in enumerate(of_claim)
            if draft.counts and draft.p_value is not None
        }
    )
    parts = {
        name: [draft.judged(adjusted.get(f"{name} {i}")) for i, draft in enumerate(of_claim)]
        for name, of_claim in drafts.items()
    }
    parts["C2"] += _beside(e)
    return {name: _judged(name, of_claim, e) for name, of_claim in ({"C1": _optimum(e)} | parts).items()}


def _optimum(e: Evidence) -> list[ClaimPart]:
    """C1: the verdict, and beside it argmax, which has no partner on the diagonal."""

    def part(what: str, comparison: Comparison, *, counts: bool) -> ClaimPart:
        status = _BY_VERDICT.get(comparison.verdict, UNDECIDED)
        return ClaimPart(
            what=what, status=status, reason=comparison.reason, figure="landscape", counts=counts
        )

    parts = [part("the optimum with noise lies off the diagonal", e.main, counts=True)]
    if e.argmax is not None:
        parts.append(part("argmax (tau_f = 0) is better than the diagonal", e.argmax, counts=False))
    return parts


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


def _performance(e: Evidence) -> list[_Draft]:
    return [_better(e, name, f"better at the end than {rival}") for name, rival in RIVALS.items()]


def _better(e: Evidence, name: str, what: str) -> _Draft:
    gain = e.main.gain if name == ON else e.gains.get(name)
    if (missing := _missing(e, name)) or gain is None:
        return _Draft(what, "methods", missing or "there is no seed that both have")
    if name == ON and VERDICTS[Decision(gain.decision)] is not e.main.verdict:
        return _Draft(what, "methods", e.main.reason, numbers=gain)  # the verdict is withheld
    if gain.decision == Decision.MIXED:
        return _Draft(what, "methods", gain.reason, numbers=gain)
    lead = gain.mean
    text = "" if lead is None else f"mean {lead:.3g} over {gain.seeds} seeds"
    if gain.missing and gain.wins is not None:
        lead = float(gain.wins.wins - gain.wins.losses)
        text = f"wins {gain.wins.wins} of {gain.seeds} seeds; one of the two diverged on {gain.missing}"
    p = gain.p_overall if gain.p_overall is not None else gain.p_value
    if gain.decision == Decision.UNDECIDED and p is not None and p < LEVEL:
        return _Draft(what, "methods", gain.reason, numbers=gain)  # there are reasons not to decide by it
    return _Draft(what, "methods", text, _sign(lead), p, numbers=gain)


def _sign(lead: float | None) -> bool | None:
    return None if not lead else lead > 0


def _convergence(e: Evidence) -> list[_Draft]:
    """Whether it is ahead over the training, by the area between the curves."""
    return [_sooner(e, name, f"sooner than {rival}") for name, rival in RIVALS.items()]


def _sooner(e: Evidence, name: str, what: str) -> _Draft:
    if missing := _missing(e, name):
        return _Draft(what, "curves", missing)
    compared = _compared_curves(e, name)
    if compared is None or compared.area.p_value is None:
        return _Draft(what, "curves", "there are no curves over the same epochs of 3 seeds or more")
    area = compared.area
    share = f" ({100 * compared.share:.0f} % of the range)" if compared.share is not None else ""
    text = f"ahead by {area.mean:.3g}{share} on average over the training, {area.seeds} seeds"
    numbers = ConvergenceResult(
        area=area.mean,
        share=compared.share,
        p_value=area.p_value,
        seeds=area.seeds,
        missing=compared.missing,
        epochs_saved=compared.saved.mean,
    )
    return _Draft(what, "curves", text, _sign(area.mean), area.p_value, numbers=numbers)


def _compared_curves(e: Evidence, name: str) -> Convergence | None:
    """The curves of the best off the diagonal and of a rival on the fresh seeds that both have."""
    epochs, mine = _curves_of(e, OFF)
    its_epochs, its = _curves_of(e, name)
    seeds = [seed for seed in mine if seed in its]
    if epochs != its_epochs or not seeds:
        return None
    ours, other = ([curves[seed] for seed in seeds] for curves in (mine, its))
    return convergence(epochs, ours, other, e.study.objective)


def _curves_of(e: Evidence, name: str) -> tuple[tuple[float, ...], dict[int, list[float | None]]]:
    """The epochs of a confirmed method's reports, and the objective at each, {seed: [I]}, over all looks."""
    epochs: tuple[float, ...] = ()
    by_seed: dict[int, list[float | None]] = {}
    for t in e.trials:
        ended = t.state in (TrialState.SUCCEEDED, TrialState.DIVERGED)
        if t.role is not Role.CONFIRM or not ended or t.method != e.confirmed[name].method:
            continue
        curve = e.curves.of(t, e.study.objective.name)
        if curve is None or (epochs and curve.epochs != epochs):
            continue
        epochs = curve.epochs
        for i, seed in enumerate(t.seeds):
            by_seed[seed] = [values[i] for values in curve.values]
    return epochs, by_seed


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
        why = _missing(e, next(r for r in RIVALS if r not in tested)) or "it takes 3 seeds or more"
        return _undecided(what, why, figure, counts=False)
    adjusted = holm(tested)
    compared = {r: m.model_copy(update={"p_holm": adjusted[r]}) for r, m in excesses.items() if m}
    sign = 1 if higher else -1
    sides = [_side(sign * m.mean, m.p_holm) for m in compared.values()]
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


def _side(lead: float, p: float | None) -> ClaimStatus:
    """Whether a difference that is positive as claimed is shown, or its opposite."""
    if p is None or p >= LEVEL or lead == 0:
        return UNDECIDED
    return SUPPORTED if lead > 0 else NOT_SUPPORTED


# --- C3 ---


def _trends(e: Evidence) -> list[_Draft]:
    """A part for each trend that the task declares. A variant at another threshold is shown, and decides
    nothing.
    """
    return [
        _trend(e, metric, expected)
        for metric in e.metrics.everything
        for expected in metric.trends
        if expected.expected
    ]


def _trend(e: Evidence, metric: Metric, expected: Expectation) -> _Draft:
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
        return _Draft(what, figure if measured else None, why, counts=counts)
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
    return _Draft(what, figure, text, right, t.p_value, counts, numbers)


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
    t = trend_contrast({level: trial.metrics.get(metric, []) for level, trial in there.items()})
    if t is None:
        return None
    return fixed, Trend(
        levels=t.levels, means=t.means, sems=t.sems, seeds=t.seeds, spearman=t.spearman, p_value=t.p_value
    )


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
