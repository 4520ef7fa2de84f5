"""What a study found, in lines: the best of every method, the verdict, the claims."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.tables import columns
from tuner.ledger.rows import TERMINAL_STUDY_STATES, StudyRow

if TYPE_CHECKING:
    from tuner.evidence.over_seeds import Gain, Summary
    from tuner.evidence.results import Claim, Results, TrialResult  # pydantic takes time to import
    from tuner.settings import Settings

NUMBERS = ("tau_f", "tau_b", "lr")  # the columns of a trial's numbers


def summary(row: StudyRow, ledger: Any, settings: "Settings") -> str:
    """The best of every method as a table, then the verdict."""
    return summary_of(analysed(row, ledger, settings), objective_label(row))


def analysed(row: StudyRow, ledger: Any, settings: "Settings") -> "Results":
    """The results of a study."""
    from trainables.tasks import task_metrics
    from tuner.evidence.analysis import results as analyse
    from tuner.evidence.example_gains import LossFiles

    metrics, losses = task_metrics(row.task), LossFiles(settings.artifacts_folder(row.id))
    return analyse(row, ledger.trials(row.id), ledger.stream(row.id), metrics=metrics, losses=losses)


def objective_label(row: StudyRow) -> str:
    """The objective as the head of a column."""
    from trainables.tasks import task_metrics
    from tuner.evidence.labels import metric_label

    return metric_label(row.objective.name, task_metrics(row.task))


def summary_of(found: "Results", objective: str) -> str:
    """The same of a study's results and its objective's label, wherever they come from."""
    from tuner.evidence.report import methods_table

    table = [
        [
            m.method,
            *numbers(m.trial),
            score(m.trial.objective),
            score(m.confirmed.objective) if m.confirmed else "-",
            str(m.tuned_with),
        ]
        for m in methods_table(found)
    ]
    names = ["method", *NUMBERS, f"{objective}, search", "fresh seeds", "trials"]
    lines = [columns(names, table, left=1)] if table else ["No trial has succeeded so far."]
    lines += ["", click.style(f"verdict: {found.verdict}", bold=True), f"  {found.verdict_reason}"]
    if found.argmax:
        lines += [f"argmax against the diagonal: {found.argmax.outcome}", f"  {found.argmax.reason}"]
    if found.as_printed:
        lines += [
            f"by the search alone, neither extended nor refined: {found.as_printed.verdict}",
            f"  {found.as_printed.reason}",
        ]
    lines += [f"{label}: {_measured(gain)}" for label, gain in _other_gains(found)]
    lines += [f"note: {note}" for note in found.notes]
    if found.state in TERMINAL_STUDY_STATES:
        lines += ["", *(_claim(name, claim) for name, claim in found.claims.items())]
    return "\n".join(lines)


def _other_gains(found: "Results") -> Iterator[tuple[str, "Gain"]]:
    """The gain over the diagonal in what the verdict does not rest on."""
    for name, gain in found.second.items():
        yield f"gain in {name.replace('_', ' ')}", gain
    in_test = found.objective.name.replace("val_", "test_", 1)
    if in_test in found.test_gain:
        yield "gain on the test set", found.test_gain[in_test]


def _measured(gain: "Gain") -> str:
    if gain.mean is None:
        return "none of the seeds has both"
    interval = f" (95 % interval {gain.ci95[0]:.4g} to {gain.ci95[1]:.4g})" if gain.ci95 else ""
    return f"{gain.mean:.4g}{interval}"


def _claim(name: str, claim: "Claim") -> str:
    """One line: the claim's answer and how many of its parts are shown; `tuner report` says why."""
    from tuner.evidence.results import ClaimStatus

    counting = [part for part in claim.parts if part.counts]
    against = [part.what for part in counting if part.status is ClaimStatus.NOT_SUPPORTED]
    shown = sum(part.status is ClaimStatus.SUPPORTED for part in counting)
    if not counting:
        why = claim.reason
    elif len(counting) == 1:
        why = "by the verdict"
    else:
        why = f"{shown} of {len(counting)} parts shown" + "".join(
            f"; the opposite of: {what}" for what in against
        )
    return f"claim {name}: {claim.status} ({why})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


def numbers(trial: "TrialResult") -> list[str]:
    """The cells under NUMBERS; a dash where a trial has no such number."""
    return [_number(value) for value in (trial.tau_f, trial.tau_b, trial.lr)]


def score(objective: "Summary") -> str:
    """The mean over seeds and its standard error."""
    if objective.mean is None:
        return "-"
    return f"{objective.mean:.4f}" + (f" ± {objective.sem:.4f}" if objective.sem is not None else "")
