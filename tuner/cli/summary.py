"""What a study found, in lines: the best of every method, the verdict, the claims."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.tables import columns
from tuner.ledger.rows import TERMINAL_STUDY_STATES, StudyRow
from tuner.output import wrapped

if TYPE_CHECKING:
    from tuner.evidence.over_seeds import Gain
    from tuner.evidence.results import Claim, Results  # pydantic takes time to import
    from tuner.settings import Settings

NUMBERS = ("tau_f", "tau_b", "lr")  # the columns of a trial's numbers


def summary(row: StudyRow, ledger: Any, settings: "Settings") -> str:
    """The best of every method as a table, then the verdict."""
    return summary_of(analysed(row, ledger, settings), labels_of(row))


def analysed(row: StudyRow, ledger: Any, settings: "Settings") -> "Results":
    """The results of a study."""
    from tuner.evidence.of_study import results_of

    return results_of(row, ledger, settings.artifacts_folder(row.id))


def labels_of(row: StudyRow) -> Callable[[str], str]:
    """What a study's metrics are called at the head of a column, by their names."""
    from tuner.evidence.labels import metric_label
    from tuner.ledger.study_metrics import metrics_of

    return partial(metric_label, metrics=metrics_of(row))


def summary_of(found: "Results", label: Callable[[str], str]) -> str:
    """The same of a study's results and the labels of its metrics, wherever they come from."""
    from tuner.evidence.report import METHOD_COLUMNS, methods_table

    table = [row.cells for row in methods_table(found)]
    names = [
        f"{label(found.objective.name)}, search" if name == "search" else name for name in METHOD_COLUMNS
    ]
    lines = [columns(names, table, left=1)] if table else ["No trial has succeeded so far."]
    lines += ["", click.style(found.verdict_line, bold=True), wrapped(found.verdict_reason, 2)]
    if found.argmax:
        lines += [f"argmax against the diagonal: {found.argmax.outcome}", wrapped(found.argmax.reason, 2)]
    if found.as_printed:
        lines += [
            wrapped(f"by the search alone, neither extended nor refined: {found.as_printed.verdict}"),
            wrapped(found.as_printed.reason, 2),
        ]
    lines += [wrapped(f"{of}: {_measured(gain)}") for of, gain in _other_gains(found, label)]
    lines += [wrapped(f"note: {note}") for note in found.notes]
    if found.state in TERMINAL_STUDY_STATES:
        lines += ["", *(wrapped(_claim(name, claim)) for name, claim in found.claims.items())]
    return "\n".join(lines)


def _other_gains(found: "Results", label: Callable[[str], str]) -> Iterator[tuple[str, "Gain"]]:
    """The gain over the diagonal in what the verdict does not rest on."""
    for name, gain in found.second.items():
        yield f"gain in {label(name)}", gain
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
