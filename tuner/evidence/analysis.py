"""What a study shows: statistics and verdict, from its trials and their measurements. Pure functions, no I/O.

The gain is the difference, seed by seed, between the best trial off the diagonal (with noise, tau_f > 0) and
the best on it (tau_f = tau_b), positive where off the diagonal is better. Argmax (tau_f = 0) has no partner
on the diagonal, so it is a method of its own and stands beside. The comparison with the diagonal is the
primary one, named before any data, and stands uncorrected; claims 2 and 3 are one family, corrected by Holm's
method.

Selecting the best of many trials on the same seeds flatters the winner, so only a gain on fresh seeds (role
confirm) decides. And a diagonal that was searched more coarsely than the rest loses although the optimum lies
on it, so ranges are extended and optima refined before the confirmation: see strategies/refinement.py.
"""

from collections.abc import Iterable, Mapping, Sequence

from trainables.metrics import Collapse, Metrics
from tuner.evidence.best_of_pool import best_of_pool
from tuner.evidence.claims import Evidence, claims
from tuner.evidence.confirmed import Rules, confirmed_trials
from tuner.evidence.control import control
from tuner.evidence.costs import trained_epochs, training, tuned_with
from tuner.evidence.curves import Curves
from tuner.evidence.edges import Edge, edges
from tuner.evidence.gains import gain, gain_in
from tuner.evidence.labels import method_label
from tuner.evidence.landscape import landscape, marginals, optimum, stages
from tuner.evidence.outcomes import Rate, rate
from tuner.evidence.over_seeds import BestOfMany, Gain, Interval, Summary, SummaryWithInterval
from tuner.evidence.paired import interval
from tuner.evidence.reasons import Missing, Names
from tuner.evidence.results import (
    AsPrinted,
    Comparison,
    ConfirmationResult,
    MethodOutcomes,
    RateResult,
    Results,
    Statistics,
    TrialResult,
)
from tuner.evidence.score_rules import score_rules
from tuner.evidence.selection import ARGMAX, OFF, ON, Selection, finished, kind_of, select, select_as_printed
from tuner.evidence.sequential_replay import sequential_replay
from tuner.evidence.verdicts import VERDICTS, Decision, Verdict
from tuner.ledger.methods import Method
from tuner.ledger.objective import Objective
from tuner.ledger.rows import (
    COMPETING,
    PRINTED,
    Measurement,
    Role,
    StudyRow,
    StudyState,
    TrialRow,
    TrialState,
)

UNDECLARED = Metrics()
STATISTICS = Statistics(
    primary="the best trial off the diagonal (with noise) against the best on it, named before any data: not "
    "corrected; argmax against the diagonal stands beside it",
    test="paired t-test over fresh seeds, two-sided, at the nominal level of a group-sequential design, with "
    "repeated 95 % intervals; two one-sided tests against the margin; the exact sign test of wins where a "
    "training diverged",
    assumptions="the differences seed by seed are independent and nearly normal; the median must agree with "
    "the mean; the sign-flip test beside it only takes them to be independent and symmetric",
    family="every part of claims 2 and 3 that can be shown or refuted, Holm-adjusted (p_holm)",
    selection="ranges at whose end an optimum lies are extended and optima refined, the diagonal as much as "
    "the rest; the best of every method is chosen on the search's seeds and compared on fresh ones",
    without_confirmation="a test on the search's own seeds repeats the selection within the test, with the "
    "noise pooled over all trials (best_of_many); it does not decide the verdict",
)
_ENDED_EARLY = {
    StudyState.CANCELLED: Missing.CANCELLED,
    StudyState.FAILED: Missing.FAILED,
    StudyState.INTERRUPTED: Missing.INTERRUPTED,
}


def rules_of(study: StudyRow, metrics: Metrics) -> Rules:
    """How the study's confirmation is judged, as its spec says; specs of earlier versions have no margin."""
    given = study.spec.get("confirm_seeds", 0)
    looks = tuple(given.get("looks", ())) if isinstance(given, dict) else (given,) if given else ()
    margin = study.spec.get("margin", 0.0)
    return Rules(study.objective, looks, margin, metrics.collapsed is not None)


def results(
    study: StudyRow,
    trials: Sequence[TrialRow],
    measurements: Iterable[Measurement] | Curves = (),
    *,
    metrics: Metrics = UNDECLARED,
) -> Results:
    """The results of a study: what `tuner results --json` prints and the API returns.

    Without the measurements what is read from curves (speed of convergence, how long a trial was trained) is
    left undecided. `metrics` is what the study's task declares (trainables.tasks.task_metrics): without it
    claims that rest on a task's metrics have no parts.
    """
    objective, rules = study.objective, rules_of(study, metrics)
    curves = Curves.gathered(measurements)
    chosen, printed = select(trials, objective), select_as_printed(trials, objective)
    confirmations = confirmed_trials(trials)
    margin = rules.margin_for(chosen.diagonal)
    main = _comparison(OFF, chosen, confirmations, rules, study, trials)
    at_edges = edges(trials, chosen)
    main = _withheld(main, at_edges, study)
    gains = _gains(chosen, confirmations, rules)
    confirmed = {
        name: confirmations[t.method] for name, t in chosen.named().items() if t.method in confirmations
    }
    argmax = _comparison(ARGMAX, chosen, confirmations, rules, study, trials) if chosen.argmax else None
    judged = claims(Evidence(study, trials, chosen, confirmed, main, argmax, gains, curves, metrics))
    scores = score_rules(trials, curves, objective, _rule(study))
    return Results(
        study=study.id,
        state=study.state,
        objective=objective,
        best=_shown(chosen.best),
        off_diagonal_best=_shown(chosen.off_diagonal),
        argmax_best=_shown(chosen.argmax),
        diagonal_best=_shown(chosen.diagonal),
        baselines={name: TrialResult.of(t) for name, t in chosen.baselines.items()},
        confirmed={name: TrialResult.of(t) for name, t in confirmed.items()},
        gain=main.gain,
        gains=gains,
        argmax=argmax,
        as_printed=_as_printed(printed, confirmations, rules, study, trials),
        second=_second(confirmed, metrics),
        test_gain=_test_gain(confirmed, metrics, objective),
        confirmation=_confirmation(rules, confirmed, margin),
        outcomes=_outcomes(trials, confirmed, metrics.collapsed),
        score=scores,
        equal_budget=None,
        best_of_many=_best_of_many(trials, objective) if not (main.gain and main.gain.confirmed) else None,
        statistics=STATISTICS,
        tuned_with=tuned_with(trials),
        training=training(trials, trained_epochs(study, trials, curves.last_epochs())),
        verdict=main.verdict,
        verdict_reason=main.reason,
        notes=tuple(_notes(study, trials, at_edges, scores.note if scores else None)),
        claims=judged,
        test=_test(confirmed),
        landscape=landscape(trials, objective),
        optimum=optimum(trials, objective),
        marginals=marginals(trials, objective),
        stages=stages(study, trials),
        sequential_replay=sequential_replay(study, trials),
        control=control(trials, curves, objective, main.gain),
    )


# --- the verdict ---


def _comparison(
    kind: str,
    chosen: Selection,
    confirmations: Mapping[Method, TrialRow],
    rules: Rules,
    study: StudyRow,
    trials: Sequence[TrialRow],
) -> Comparison:
    """The verdict on a method off the diagonal against the best on it."""
    mine, rival = chosen.named().get(kind), chosen.diagonal
    names = Names(method="argmax" if kind == ARGMAX else Names.method)
    if mine is None or rival is None:
        return Comparison(verdict=Verdict.NONE, reason=_nothing_to_compare(kind, chosen, trials), gain=None)
    fresh = confirmations.get(mine.method), confirmations.get(rival.method)
    if fresh[0] is None or fresh[1] is None:
        measured = gain(mine, rival, rules)
        return Comparison(verdict=Verdict.NONE, reason=_no_fresh_seeds(study, rules, trials), gain=measured)
    measured = gain(*fresh, rules, margin=rules.margin_for(rival), names=names)  # type: ignore[arg-type]
    if measured is None or rules.design is None:
        reason = measured.reason if measured and measured.reason else _too_few(rules)
        return Comparison(verdict=Verdict.UNDECIDED, reason=reason, gain=measured)
    return Comparison(verdict=VERDICTS[Decision(measured.decision)], reason=measured.reason, gain=measured)


def _too_few(rules: Rules) -> str:
    n = max(rules.looks, default=0)
    return f"{n} fresh seed{'s' if n != 1 else ''} cannot decide: a test takes 3 or more"


def _no_fresh_seeds(study: StudyRow, rules: Rules, trials: Sequence[TrialRow]) -> str:
    """Why the selected trials have no gain on fresh seeds."""
    if not rules.looks:
        return Missing.NO_CONFIRMATION.value
    if study.state in _ENDED_EARLY:
        return _ENDED_EARLY[study.state].value
    if study.state in (StudyState.QUEUED, StudyState.RUNNING):
        confirming = any(t.role is Role.CONFIRM for t in trials)
        return (Missing.CONFIRMING if confirming else Missing.RUNNING).value
    if "refine" not in study.spec:
        return (
            "the version that ran this study took argmax (tau_f = 0) for off the diagonal, and trained no "
            "trial "
            "off the diagonal with noise on fresh seeds"
        )
    return "a confirmation of one of the two failed, for the reason that its trial gives"


def _nothing_to_compare(kind: str, chosen: Selection, trials: Sequence[TrialRow]) -> str:
    """What is missing for a comparison with the diagonal."""
    missing = [name for name in (kind, ON) if chosen.named().get(name) is None]
    if len(missing) == 2:
        return Missing.NEITHER.value
    ran = [t for t in trials if t.role in COMPETING and kind_of(t) == missing[0]]
    where = {OFF: "off the diagonal with noise", ARGMAX: "with argmax", ON: "on the diagonal tau_f = tau_b"}
    if not ran:
        advice = "; the baseline softmax lies on it" if missing[0] == ON else ""
        return f"there is nothing to compare with: no trial {where[missing[0]]} was run{advice}"
    states = {t.state for t in ran if t.terminal}
    if states == {TrialState.DIVERGED}:
        return f"there is nothing to compare with: every trial {where[missing[0]]} diverged on some seed"
    return f"there is nothing to compare with: no trial {where[missing[0]]} has an objective on every seed"


def _withheld(main: Comparison, at_edges: Sequence[Edge], study: StudyRow) -> Comparison:
    """Without its directional verdict where the diagonal's optimum is at the edge of what was searched and
    the study does not extend ranges.
    """
    directional = main.verdict in (Verdict.OFF, Verdict.ON)
    edge = next((e for e in at_edges if e.kind == ON), None)
    if not directional or edge is None or study.spec.get("extend", True):
        return main
    reason = (
        f"the diagonal's optimum is at the edge of what was searched (tau = {edge.value:g} is the "
        f"{edge.end}), "
        f"and the study does not extend ranges; measured was {main.reason}"
    )
    return main.model_copy(update={"verdict": Verdict.UNDECIDED, "reason": reason})


def _gains(
    chosen: Selection, confirmations: Mapping[Method, TrialRow], rules: Rules
) -> dict[str, Gain | None]:
    """The gain of the best trial off the diagonal over the best of each baseline, by its name."""
    if chosen.off_diagonal is None:
        return dict.fromkeys(chosen.baselines)
    margin = rules.margin_for(chosen.diagonal)

    def over(name: str, trial: TrialRow) -> Gain | None:
        assert chosen.off_diagonal is not None
        mine = confirmations.get(chosen.off_diagonal.method)
        its = confirmations.get(trial.method)
        if mine is None or its is None:
            return gain(chosen.off_diagonal, trial, rules)
        return gain(mine, its, rules, margin=margin, names=Names(rival=f"the best of {method_label(name)}"))

    return {name: over(name, trial) for name, trial in chosen.baselines.items()}


def _as_printed(
    printed: Selection,
    confirmations: Mapping[Method, TrialRow],
    rules: Rules,
    study: StudyRow,
    trials: Sequence[TrialRow],
) -> AsPrinted | None:
    """What the search alone shows; None where it is all there is."""
    if all(t.role in PRINTED or t.role not in COMPETING for t in trials):
        return None
    shown = _comparison(OFF, printed, confirmations, rules, study, trials)
    return AsPrinted(
        **shown.model_dump(),
        off_diagonal_best=_shown(printed.off_diagonal),
        argmax_best=_shown(printed.argmax),
        diagonal_best=_shown(printed.diagonal),
    )


def _rule(study: StudyRow) -> str:
    """When the score is taken, in words; studies of earlier versions took the last report."""
    given = study.spec.get("score", "last")
    return f"epoch {given['epoch']}" if isinstance(given, dict) else str(given)


def _notes(
    study: StudyRow, trials: Sequence[TrialRow], at_edges: Sequence[Edge], of_scores: str | None
) -> Iterable[str]:
    yield from (edge.sentence for edge in at_edges)
    if of_scores:
        yield of_scores
    confirmed = any(t.role is Role.CONFIRM for t in trials)
    if confirmed and not study.spec.get("refine", False):
        earlier = "refine" not in study.spec
        yield (
            ("the study was run by an earlier version, and its verdict is computed anew: " if earlier else "")
            + "the diagonal was not refined, so an optimum on it between searched values can look as if "
            "it lay off it"
        )


# --- beside the verdict ---


def _second(confirmed: Mapping[str, TrialRow], metrics: Metrics) -> dict[str, Gain]:
    """The gain over the diagonal in the other metrics that the task names for it."""
    if OFF not in confirmed or ON not in confirmed:
        return {}
    found = {
        m.name: gain_in(
            confirmed[OFF], confirmed[ON], m.name, Objective.of(m.name, m.direction), confirmed=True
        )
        for m in metrics.everything
        if m.second_verdict and m.direction is not None
    }
    return {name: measured for name, measured in found.items() if measured is not None}


def _test_gain(confirmed: Mapping[str, TrialRow], metrics: Metrics, objective: Objective) -> dict[str, Gain]:
    """The gain over the diagonal on the test set, in every metric whose direction is known."""
    if OFF not in confirmed or ON not in confirmed:
        return {}
    directions = {m.name: m.direction for m in metrics.everything} | {objective.name: objective.direction}
    found = {}
    for name in sorted(confirmed[OFF].metrics):
        direction = directions.get(name.replace("test_", "val_", 1)) if name.startswith("test_") else None
        if direction is None:
            continue
        as_objective = Objective.of(name, direction)
        if measured := gain_in(confirmed[OFF], confirmed[ON], name, as_objective, confirmed=True):
            found[name] = measured
    return found


def _confirmation(
    rules: Rules, confirmed: Mapping[str, TrialRow], margin: float
) -> ConfirmationResult | None:
    if not rules.looks:
        return None
    seeds = max((len(t.seeds) for t in confirmed.values()), default=0)
    return ConfirmationResult(looks=rules.looks, seeds=seeds, margin=margin, margin_given=str(rules.margin))


def _outcomes(
    trials: Sequence[TrialRow], confirmed: Mapping[str, TrialRow], collapse: Collapse | None
) -> dict[str, MethodOutcomes]:
    """How often members of each method diverged and collapsed."""
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


def _best_of_many(trials: Sequence[TrialRow], objective: Objective) -> BestOfMany | None:
    """The test without fresh seeds; None where the trials do not all have the same seeds."""
    groups = {
        kind: [t for t in finished(trials) if t.role in COMPETING and kind_of(t) == kind]
        for kind in (OFF, ON)
    }
    if not all(groups.values()) or len({t.seeds for group in groups.values() for t in group}) != 1:
        return None
    off, on = ([[v for v in t.objective or () if v is not None] for t in groups[kind]] for kind in (OFF, ON))
    tested = best_of_pool(off, on, objective)
    if tested is None or tested.p_value is None:
        return None
    return BestOfMany(
        p_value=tested.p_value,
        candidates=tested.candidates,
        seeds=tested.seeds,
        left_out_gain=tested.left_out_lead,
    )


def _test(confirmed: Mapping[str, TrialRow]) -> dict[str, dict[str, SummaryWithInterval]]:
    """The test set's metrics of the confirmed trials, {method: {metric: summary}}; nothing was selected by
    it.
    """
    tested: dict[str, dict[str, SummaryWithInterval]] = {}
    for name, trial in confirmed.items():
        metrics = {metric: v for metric, v in trial.metrics.items() if metric.startswith("test_")}
        if metrics:
            tested[name] = {
                metric: SummaryWithInterval(**vars(Summary.of(v)), ci95=_interval(v))
                for metric, v in metrics.items()
            }
    return tested


def _interval(values: Sequence[float | None]) -> Interval | None:
    finite = [v for v in values if v is not None]
    return interval(finite) if len(finite) == len(values) else None


def _shown(trial: TrialRow | None) -> TrialResult | None:
    return None if trial is None else TrialResult.of(trial)
