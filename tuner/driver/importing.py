"""Writes a study that was trained elsewhere to the ledger, as its driver would have written it.

The name of the run is kept in the study's `host`, so that a second import finds the study instead of adding
it again. An import that was killed continues where it stopped, because a report that is there is not written
again.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tuner.driver.drive import submit, what_went_wrong
from tuner.driver.lease_keeping import given_back_on_error
from tuner.driver.material import RUN
from tuner.driver.study_file import Report, StudyFile
from tuner.ledger.lease import Lease
from tuner.ledger.rows import (
    CANCELLED,
    TERMINAL_STUDY_STATES,
    TERMINAL_TRIAL_STATES,
    TIME_OVER,
    StudyRow,
    StudyState,
    TrialRow,
    TrialState,
)
from tuner.ledger.store import Ledger
from tuner.ledger.study_queue import StudyQueue

_POPULATION = "imported"


@dataclass(frozen=True)
class Imported:
    """What has become of a file."""

    study: StudyRow
    new: bool  # whether anything was written


def import_study(ledger: Ledger, file: StudyFile, *, confirm_seeds: int = 0) -> Imported:
    """Writes a study that has ended or was cut off to the ledger; one that is there stays as it is.

    Args:
        ledger: where it goes.
        file: checked, of a study that was started.
        confirm_seeds: fresh seeds on which a study that has succeeded is to be confirmed: it is then an
            interrupted one, whose search is done.

    Raises:
        UserError: another process is importing it.
    """
    there = next((s for s in ledger.list_studies(limit=None) if _run_of(s) == file.run), None)
    if there is not None and (there.state in TERMINAL_STUDY_STATES or _searched(ledger, there)):
        return Imported(there, new=False)
    # The time limit was the check's.
    confirmed = {"confirm_seeds": confirm_seeds, "max_hours": None} if confirm_seeds else {}
    spec = file.study_spec.model_copy(update=confirmed)
    study_id = submit(ledger, spec) if there is None else there.id
    lease = ledger.acquire(study_id, _host(file))
    with given_back_on_error(ledger, lease):
        ledger.note_material(lease, _material(file))
        StudyQueue(ledger).annotate(study_id, tags=_tags(file), comment=_comment(file))
        trials = ledger.trials(study_id) or ledger.start_population(
            lease, _POPULATION, [t.proposal for t in file.trials], file.seeds
        )
        _record(ledger, lease, file, trials)
        _end(ledger, lease, file, confirm_seeds)
    return Imported(ledger.study(study_id), new=True)


def _record(ledger: Ledger, lease: Lease, file: StudyFile, trials: Sequence[TrialRow]) -> None:
    """Writes every report; the last one ends the trials of a study that has succeeded."""
    seconds = 0.0
    for interval, report in enumerate(file.reports, start=1):
        ledger.record(
            lease,
            interval=interval,
            epoch=report.epoch,
            training_s=report.seconds - seconds,
            rows={t.number: _row(report, place) for place, t in enumerate(trials)},
            final=file.state == "succeeded" and interval == len(file.reports),
        )
        seconds = report.seconds


def _row(report: Report, place: int) -> dict[str, list[float]]:
    """{metric: value per seed} of the trial at a place of the file."""
    return {
        name: [math.nan if value is None else value for value in table[place]]
        for name, table in report.metrics.items()
    }


def _end(ledger: Ledger, lease: Lease, file: StudyFile, confirm_seeds: int) -> None:
    """Ends the study as its file says."""
    spec, reached = file.study_spec, file.reports[-1].steps
    if file.state == "succeeded":
        trials = ledger.trials(lease.study_id)
        well = any(t.state is TrialState.SUCCEEDED for t in trials)
        if well and confirm_seeds:
            reason = f"its search was imported; `tuner resume {lease.study_id}` confirms it"
            ledger.release(lease, StudyState.INTERRUPTED, reason)
            return
        state = StudyState.SUCCEEDED if well else StudyState.FAILED
        ledger.release(lease, state, what_went_wrong(trials))
        return
    over = file.state == "out of time"
    cause = "the time limit of the check" if over else "the check was ended while it trained"
    detail = f": {cause}, at step {reached} of {spec.steps}"
    StudyQueue(ledger).end_cancelled(lease, TIME_OVER if over else CANCELLED, detail)


def _searched(ledger: Ledger, study: StudyRow) -> bool:
    """Whether all of it was imported, and it only waits for its confirmation, or is being confirmed."""
    return any(t.state in TERMINAL_TRIAL_STATES for t in ledger.trials(study.id))


def _run_of(study: StudyRow) -> str | None:
    """Which run of the check has trained it; its host is another where it was confirmed."""
    return study.host.get(RUN) or (study.material or {}).get(RUN)


def _material(file: StudyFile) -> dict[str, str]:
    """What its trials were made from, as far as the file says."""
    data = {} if file.examples is None else {f"dataset {file.study_spec.dataset}": file.examples}
    return {RUN: file.run} | data


def _host(file: StudyFile) -> dict[str, str]:
    """What the study ran on."""
    device = file.device.get("name", file.device.get("device", "unknown"))
    kept = ("torch", "cuda", "date")
    names = {name: value for name, value in file.device.items() if name in kept}
    return {"machine": device, **names, RUN: file.run}


def _tags(file: StudyFile) -> list[str]:
    return ["gpu-check", *(["random data"] if file.random_data else [])]


def _comment(file: StudyFile) -> str:
    """Where the study comes from, for those who see it in a list."""
    host = _host(file)
    data = " It learned from random data, and measures nothing." if file.random_data else ""
    return f"Imported: trained by `make gpu-check` on {host['machine']}, {host.get('date', 'undated')}.{data}"
