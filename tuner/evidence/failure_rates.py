"""How often the trainings of each method diverged or collapsed, which a mean over seeds hides."""

from collections.abc import Mapping, Sequence

from trainables.metrics import Collapse
from tuner.evidence.outcomes import Rate, rate
from tuner.evidence.results import MethodOutcomes, RateResult
from tuner.evidence.selection import kind_of
from tuner.ledger.rows import COMPETING, Role, TrialRow, TrialState


def failure_rates(
    trials: Sequence[TrialRow], confirmed: Mapping[str, TrialRow], collapse: Collapse | None
) -> dict[str, MethodOutcomes]:
    """How often members of each method diverged and collapsed, in the search and on fresh seeds, {method:
    rates}.

    `confirmed` are the confirmed trials, by the names of Selection.named; `collapse` is what the task
    declares to be a collapse, None where it declares none.
    """
    searched: dict[str, list[TrialRow]] = {}
    for t in trials:
        if t.role in COMPETING and t.state in (TrialState.SUCCEEDED, TrialState.DIVERGED):
            searched.setdefault(kind_of(t), []).append(t)
            if t.role is Role.BASELINE and t.estimator != kind_of(t):
                searched.setdefault(t.estimator, []).append(t)
    return {
        name: MethodOutcomes(
            diverged=_diverged([confirmed[name]] if name in confirmed else []),
            collapsed=_collapsed([confirmed[name]] if name in confirmed else [], collapse),
            search_diverged=_diverged(of_method),
            search_collapsed=_collapsed(of_method, collapse),
        )
        for name, of_method in searched.items()
    }


def _diverged(trials: Sequence[TrialRow]) -> RateResult:
    values = [v for t in trials for v in t.objective or ()]
    return _rate(rate(sum(v is None for v in values), len(values)))


def _collapsed(trials: Sequence[TrialRow], collapse: Collapse | None) -> RateResult | None:
    if collapse is None:
        return None
    values = [v for t in trials for v in t.metrics.get(collapse.metric, ()) if v is not None]
    return _rate(rate(sum(collapse.holds(v) for v in values), len(values)))


def _rate(measured: Rate) -> RateResult:
    ci95 = (measured.low, measured.high)
    return RateResult(count=int(measured.count), of=measured.of, share=measured.share, ci95=ci95)
