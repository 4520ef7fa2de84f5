"""What a study shows: statistics and verdict, from its trials and their measurements. Pure functions, no I/O.

The gain is the difference, seed by seed, between the best trial off the diagonal and a rival (the best one on
the diagonal tau_f = tau_b, the best of a baseline), positive where off the diagonal is better; `paired` says
how it is tested. The comparison with the diagonal is the primary one, named before any data, and stands
uncorrected; those with the baselines are a family of their own and are corrected by Holm's method.

Selecting the best of many trials on the same seeds flatters the winner. Only a gain measured on fresh seeds
(role confirm) decides the verdict.
"""

from collections.abc import Iterable, Mapping, Sequence

from trainables.metrics import Metrics
from tuner.evidence.claims import Evidence, claims
from tuner.evidence.control import control
from tuner.evidence.costs import trained_epochs, training, tuned_with
from tuner.evidence.curves import Curves
from tuner.evidence.landscape import edge_notes, landscape, marginals, optimum_over_seeds, stages
from tuner.evidence.multiple_comparisons import best_of_many, holm
from tuner.evidence.over_seeds import Gain, Interval, Summary, SummaryWithInterval
from tuner.evidence.paired import gain, interval
from tuner.evidence.results import Results, Statistics, TrialResult, Verdict
from tuner.evidence.selection import Selection, select
from tuner.evidence.sequential_replay import sequential_replay
from tuner.ledger.methods import Method
from tuner.ledger.rows import Measurement, Role, StudyRow, TrialRow

UNDECLARED = Metrics()
STATISTICS = Statistics(
    primary="the best trial off the diagonal against the best on it, named before any data: not corrected",
    test="paired t-test over seeds, two-sided, with its 95 % interval",
    assumptions="the differences seed by seed are independent and nearly normal; the sign-flip test beside "
    "it only takes them to be independent and symmetric, and with n seeds its p cannot be below 2^(1-n)",
    family="the gains over the baselines on fresh seeds, Holm-adjusted (p_holm)",
    selection="the best of every method was chosen on the search's seeds and is compared on fresh ones",
    without_confirmation="a max-type test on the search's own seeds repeats the selection within the test "
    "(best_of_many); weaker than a confirmation, it does not decide the verdict",
)


def verdict(measured: Gain) -> tuple[Verdict, str]:
    """The verdict and the sentence that explains it, from the gain over the best trial on the diagonal."""
    size = f"a gain of {measured.mean:.4g} over {measured.seeds} seed{'s' if measured.seeds > 1 else ''}"
    if measured.missing:
        # Judging by the seeds that survived would reward a method for the seeds on which it fails.
        return (
            Verdict.UNCLEAR,
            f"{size} leaves out {measured.missing} on which one of the two trials diverged",
        )
    if measured.ci95 is None:
        return Verdict.UNCLEAR, f"{size} has no confidence interval: it takes 2 seeds or more"
    low, high = measured.ci95
    size += f" (95 % CI {low:.4g} to {high:.4g})"
    if not measured.confirmed:
        return (
            Verdict.UNCLEAR,
            f"{size} was measured on the seeds it was selected on; set confirm_seeds to measure it on fresh "
            "ones",
        )
    if low > 0:
        return Verdict.OFF, f"{size}, on fresh seeds, excludes 0"
    if high < 0:
        return Verdict.ON, f"{size}, on fresh seeds, excludes 0: the best trial on the diagonal is better"
    return Verdict.UNCLEAR, f"{size}, on fresh seeds, includes 0"


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
    no metric serves claims C2 and C3.
    """
    objective = study.objective
    curves = Curves.gathered(measurements)
    chosen = select(trials, objective)
    confirmations = {t.method: t for t in trials if t.role is Role.CONFIRM and t.terminal}
    gains = _gains(chosen, confirmations, study)
    main = gains.get("diagonal")
    adjusted = _adjusted(chosen, gains)
    conclusion, because = verdict(main) if main else (Verdict.UNCLEAR, _why_no_gain(chosen, trials))
    confirmed = {
        name: confirmations[t.method] for name, t in chosen.named().items() if t.method in confirmations
    }
    evidence = Evidence(
        study, trials, chosen, confirmed, gains, adjusted, conclusion, because, curves, metrics
    )
    return Results(
        study=study.id,
        state=study.state,
        objective=objective,
        best=_shown(chosen.best),
        off_diagonal_best=_shown(chosen.off_diagonal),
        diagonal_best=_shown(chosen.diagonal),
        baselines={name: TrialResult.of(t) for name, t in chosen.baselines.items()},
        confirmed={name: TrialResult.of(t) for name, t in confirmed.items()},
        gain=main,
        gains={name: _corrected(gains[name], adjusted.get(name)) for name in chosen.baselines},
        best_of_many=best_of_many(trials, objective) if not (main and main.confirmed) else None,
        statistics=STATISTICS,
        tuned_with=tuned_with(trials),
        training=training(trials, trained_epochs(study, trials, curves.last_epochs())),
        verdict=conclusion,
        verdict_reason=because,
        notes=tuple(edge_notes(chosen.best, trials)),
        claims=claims(evidence),
        test=_test(confirmed),
        landscape=landscape(trials, objective),
        optimum=optimum_over_seeds(trials, objective),
        marginals=marginals(trials, objective),
        stages=stages(study, trials),
        sequential_replay=sequential_replay(study, trials),
        control=control(trials, curves, objective),
    )


def _gains(
    chosen: Selection, confirmations: Mapping[Method, TrialRow], study: StudyRow
) -> dict[str, Gain | None]:
    """The gain of the best trial off the diagonal over each other selected one, by its name.

    The confirmation of each is taken where there is one; they share no seed where only one is confirmed yet.
    """
    if chosen.off_diagonal is None:
        return dict.fromkeys(chosen.named())
    mine = confirmations.get(chosen.off_diagonal.method, chosen.off_diagonal)
    return {
        name: gain(mine, confirmations.get(trial.method, trial), study.objective)
        for name, trial in chosen.named().items()
        if name != "off_diagonal"
    }


def _adjusted(chosen: Selection, gains: Mapping[str, Gain | None]) -> dict[str, float]:
    """The p-values of the gains over the baselines on fresh seeds, Holm's. What is the diagonal's best is the
    primary one.
    """
    primary = chosen.diagonal.method if chosen.diagonal else None
    family = {
        name: measured.p_value
        for name, measured in gains.items()
        if name in chosen.baselines and chosen.baselines[name].method != primary
        and measured is not None and measured.confirmed and measured.p_value is not None
    }  # fmt: skip
    return holm(family)


def _why_no_gain(chosen: Selection, trials: Sequence[TrialRow]) -> str:
    """What is missing for a comparison of off the diagonal with on it."""
    if (chosen.off_diagonal is None) == (chosen.diagonal is None):
        return "there is no finished pair of trials, one off and one on the diagonal, to compare"
    missing = "on" if chosen.diagonal is None else "off"
    ran = any(t.off_diagonal if missing == "off" else t.method.on_diagonal for t in trials)
    problem = "has an objective on every seed" if ran else "was run"
    advice = "; the baseline softmax lies on it" if missing == "on" and not ran else ""
    return (
        f"there is nothing to compare with: no trial {missing} the diagonal tau_f = tau_b {problem}{advice}"
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


def _corrected(measured: Gain | None, p_holm: float | None) -> Gain | None:
    return None if measured is None else measured.model_copy(update={"p_holm": p_holm})
