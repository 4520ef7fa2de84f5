"""The paper's three claims (Shah et al., appendix, table 1), each answered from a study: supported, not
supported or undecided.

A claim has parts. It is supported where every part that counts is shown, not supported where the opposite of
one is shown, and undecided otherwise: too few seeds, an interval that includes 0, no data. "Shown" means
significant at the 5 % level, two-sided. Claim 1 is the verdict, which is not corrected. The parts of claims 2
and 3 that count and have a p-value are one family, whose p-values are corrected by Holm's method. All parts
but the trends are measured on fresh seeds only.
"""

from collections.abc import Iterable, Sequence

from tuner.evidence.claim_drafts import Evidence
from tuner.evidence.claim_results import Claim, ClaimPart, ClaimStatus
from tuner.evidence.claim_rivals import beside, performance, speed
from tuner.evidence.claim_trends import trends
from tuner.evidence.multiple_comparisons import holm
from tuner.evidence.results import Comparison
from tuner.evidence.verdicts import Verdict

SUPPORTED, NOT_SUPPORTED, UNDECIDED = (
    ClaimStatus.SUPPORTED,
    ClaimStatus.NOT_SUPPORTED,
    ClaimStatus.UNDECIDED,
)
_BY_VERDICT = {
    Verdict.OFF: SUPPORTED,
    Verdict.ON: NOT_SUPPORTED,
    Verdict.PRACTICALLY_ON: NOT_SUPPORTED,
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


def claims(e: Evidence) -> dict[str, Claim]:
    """The three claims, {C1, C2, C3: claim}."""
    drafts = {"C2": [*performance(e), *speed(e)], "C3": trends(e)}
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
    parts["C2"] += beside(e)
    return {name: _judged(name, of_claim, e) for name, of_claim in ({"C1": _optimum(e)} | parts).items()}


def _optimum(e: Evidence) -> list[ClaimPart]:
    """The parts of C1: the verdict and, without deciding, argmax, which has no counterpart on the
    diagonal.
    """

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
    """The parts with their reasons; parts with the same reason are listed before it."""
    reasons: dict[str, list[str]] = {}
    for part in parts:
        reasons.setdefault(part.reason, []).append(part.what)
    return "; ".join(f"{', '.join(what)}: {reason}" for reason, what in reasons.items())
