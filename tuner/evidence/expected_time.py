"""An estimate of how long a study will take, from earlier studies; shown before it is started."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from tuner.errors import UserError
from tuner.ledger.rows import StudyRow, StudyState
from tuner.spec.study import StudySpec, read_spec

_MOST = 5  # the newest say it best: program and machine change


@dataclass(frozen=True)
class ExpectedTime:
    """An estimate, and what it rests on."""

    seconds: float
    studies: int  # past ones


def expected_time(
    spec: StudySpec, past: Iterable[StudyRow], machine: str | None = None
) -> ExpectedTime | None:
    """The median time of a planned training in past studies, times those that are planned; None without any.

    Args:
        spec: what is about to be run.
        past: studies, newest first. Those count that succeeded with the same model, data and batch size, and
            whose length is in the same unit, epochs or steps.
        machine: as a study's host has it: only studies that ran there count, and the time that they took.
            None: wherever they ran, the time that their populations trained, which is that of one device.
    """
    rates: list[float] = []
    for row in past:
        took = row.training_s if machine is None else row.run_s
        here = machine is None or row.host.get("machine") == machine
        if row.state is not StudyState.SUCCEEDED or not here or took <= 0:
            continue
        try:
            earlier = read_spec(row.spec)
        except UserError:  # of an older version
            continue
        if _kind(earlier) == _kind(spec):
            rates.append(took / _work(earlier))
        if len(rates) == _MOST:
            break
    return ExpectedTime(statistics.median(rates) * _work(spec), len(rates)) if rates else None


def _kind(spec: StudySpec) -> tuple[object, ...]:
    """What a training costs is the same for specs that agree in this."""
    options = (spec.options, spec.dataset_options)
    return (spec.task, spec.dataset, spec.batch_size, spec.epochs is None, *options)


def _work(spec: StudySpec) -> float:
    """Trainings times their length."""
    return spec.planned_trainings * float(spec.epochs or spec.steps or 1)
