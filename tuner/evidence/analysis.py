"""What a study shows: statistics and verdict, from its trials and their measurements. Pure functions, no I/O.

The gain is the difference, seed by seed, between the best trial off the diagonal and a rival (the best one on
the diagonal tau_f = tau_b, the best of a baseline), positive where off the diagonal is better; `paired` says
how it is tested. The comparison with the diagonal is the primary one, named before any data, and stands
uncorrected; those with the baselines are a family of their own and are corrected by Holm's method.

Selecting the best of many trials on the same seeds flatters the winner. Only a gain measured on fresh seeds
(role confirm) decides the verdict.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tuner.evidence.claims import NOT_SUPPORTED, SUPPORTED, UNDECIDED, Evidence, claims
from tuner.evidence.control import control
from tuner.evidence.costs import trained_epochs, training, tuned_with
from tuner.evidence.curves import Curves
from tuner.evidence.landscape import edge_notes, landscape, marginals, optimum_over_seeds, stages
from tuner.evidence.multiple_comparisons import best_of_many, holm
from tuner.evidence.paired import Gain, gain, interval, paired_json, sem, summary
from tuner.evidence.selection import Selection, best, best_forward, select
from tuner.evidence.sequential_replay import sequential_replay
from tuner.ledger.rows import Measurement, StudyRow, TrialRow

__all__ = [
    "best",
    "best_forward",
    "edge_notes",
    "gain",
    "landscape",
    "results",
    "select",
    "sem",
    "stages",
    "summary",
    "trial_json",
    "verdict",
]

OFF, ON, UNCLEAR = "off the diagonal", "on the diagonal", "not distinguishable"
STATISTICS = {
    "primary": "the best trial off the diagonal against the best on it, named before any data: not corrected",
    "test": "paired t-test over seeds, two-sided, with its 95 % interval",
    "assumptions": "the differences seed by seed are independent and nearly normal; the sign-flip test "
    "beside it only takes them "
    "to be independent and symmetric, and with n seeds its p cannot be below 2^(1-n)",
    "family": "the gains over the baselines on fresh seeds, Holm-adjusted (p_holm)",
    "selection": "the best of every method was chosen on the search's seeds and is compared on fresh ones",
    "without_confirmation": "a max-type test on the search's own seeds repeats the selection within the test "
    "(best_of_many); "
    "weaker than a confirmation, it does not decide the verdict",
}


def trial_json(trial: TrialRow) -> dict[str, Any]:
    """A trial's row as the command line, the API and the report show it."""
    return {
        "number": trial.number,
        "role": trial.role,
        "estimator": trial.estimator,
        "tau_f": trial.tau_f,
        "tau_b": trial.tau_b,
        "lr": trial.lr,
        "variant": json.loads(trial.variant) if trial.variant else None,
        "state": trial.state,
        "objective": summary(trial.objective or ()),
        "metrics": {name: summary(values) for name, values in trial.metrics.items()},
        "reason": trial.reason,
    }


def verdict(measured: Gain) -> tuple[str, str]:
    """The verdict and the sentence that explains it, from the gain over the best trial on the diagonal."""
    size = f"a gain of {measured.mean:.4g} over {measured.seeds} seed{'s' if measured.seeds > 1 else ''}"
    if measured.missing:
        # Judging by the seeds that survived would reward a method for the seeds on which it fails.
        return UNCLEAR, f"{size} leaves out {measured.missing} on which one of the two trials diverged"
    if measured.ci95 is None:
        return UNCLEAR, f"{size} has no confidence interval: it takes 2 seeds or more"
    low, high = measured.ci95
    size += f" (95 % CI {low:.4g} to {high:.4g})"
    if not measured.confirmed:
        return (
            UNCLEAR,
            f"{size} was measured on the seeds it was selected on; set confirm_seeds to measure it on fresh "
            "ones",
        )
    if low > 0:
        return OFF, f"{size}, on fresh seeds, excludes 0"
    if high < 0:
        return ON, f"{size}, on fresh seeds, excludes 0: the best trial on the diagonal is better"
    return UNCLEAR, f"{size}, on fresh seeds, includes 0"


def results(
    study: StudyRow, trials: Sequence[TrialRow], measurements: Iterable[Measurement] | Curves = ()
) -> dict[str, Any]:
    """The results of a study as JSON: what `tuner results --json` prints and the API returns.

    Without the measurements what is read from curves (speed of convergence, how long a trial was trained) is
    left undecided.
    """
    direction = study.direction
    curves = Curves.gathered(measurements)
    chosen = select(trials, direction)
    confirmations = {t.method: t for t in trials if t.role == "confirm" and t.terminal}

    def against(rival: TrialRow | None) -> Gain | None:
        if chosen.off_diagonal is None or rival is None:
            return None
        # The confirmation of each where there is one; they share no seed where only one is confirmed yet.
        mine, theirs = (confirmations.get(t.method, t) for t in (chosen.off_diagonal, rival))
        return gain(mine, theirs, direction)

    gains = {name: against(trial) for name, trial in chosen.named().items() if name != "off_diagonal"}
    main = gains.get("diagonal")
    adjusted = _adjusted(chosen, gains)
    conclusion, because = verdict(main) if main else (UNCLEAR, _why_no_gain(chosen, trials))
    confirmed = {
        name: confirmations[t.method] for name, t in chosen.named().items() if t.method in confirmations
    }
    status = {OFF: SUPPORTED, ON: NOT_SUPPORTED}.get(conclusion, UNDECIDED)
    evidence = Evidence(
        study, trials, chosen, confirmed, gains, adjusted, (status, conclusion, because), curves
    )
    return {
        "study": study.id,
        "state": study.state,
        "objective": {"name": study.objective, "direction": direction},
        "best": _json(chosen.best),
        "off_diagonal_best": _json(chosen.off_diagonal),
        "diagonal_best": _json(chosen.diagonal),
        "baselines": {name: trial_json(t) for name, t in chosen.baselines.items()},
        "confirmed": {name: trial_json(t) for name, t in confirmed.items()},
        "gain": _gain_json(main, None),
        "gains": {name: _gain_json(gains[name], adjusted.get(name)) for name in chosen.baselines},
        "best_of_many": _best_of_many_json(trials, direction) if not (main and main.confirmed) else None,
        "statistics": STATISTICS,
        "tuned_with": tuned_with(trials),
        "training": training(trials, trained_epochs(study, trials, curves.last_epochs())),
        "verdict": conclusion,
        "verdict_reason": because,
        "notes": edge_notes(chosen.best, trials),
        "claims": claims(evidence),
        "test": _test(confirmed),
        "landscape": landscape(trials, direction),
        "optimum": optimum_over_seeds(trials, direction),
        "marginals": marginals(trials, direction),
        "stages": stages(study, trials),
        "sequential_replay": sequential_replay(study, trials),
        "control": control(trials, curves, study.objective, direction),
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
    ran = any(t.method[0] == "decoupled" and t.off_diagonal == (missing == "off") for t in trials)
    problem = "has an objective on every seed" if ran else "was run"
    advice = "; the baseline softmax lies on it" if missing == "on" and not ran else ""
    return (
        f"there is nothing to compare with: no trial {missing} the diagonal tau_f = tau_b {problem}{advice}"
    )


def _test(confirmed: Mapping[str, TrialRow]) -> dict[str, dict[str, Any]]:
    """The test set's metrics of the confirmed trials, {method: {metric: summary and ci95}}; nothing was
    selected by it.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, trial in confirmed.items():
        values = {metric: v for metric, v in trial.metrics.items() if metric.startswith("test_")}
        found[name] = {metric: summary(v) | {"ci95": _interval(v)} for metric, v in values.items()}
    return {name: metrics for name, metrics in found.items() if metrics}


def _interval(values: Sequence[float | None]) -> list[float] | None:
    finite = [v for v in values if v is not None]
    found = interval(finite) if len(finite) == len(values) else None
    return list(found) if found else None


def _json(trial: TrialRow | None) -> dict[str, Any] | None:
    return None if trial is None else trial_json(trial)


def _gain_json(measured: Gain | None, p_holm: float | None) -> dict[str, Any] | None:
    found = paired_json(measured)
    return None if found is None else found | {"p_holm": p_holm}


def _best_of_many_json(trials: Sequence[TrialRow], direction: str) -> dict[str, Any] | None:
    found = best_of_many(trials, direction)
    return None if found is None else dict(vars(found))
