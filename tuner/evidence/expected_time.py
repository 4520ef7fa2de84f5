"""Estimates, before a study is started, how long it will take, from the time that earlier studies took."""

import statistics
from collections.abc import Iterable
from dataclasses import dataclass

from tuner.errors import UserError
from tuner.ledger.rows import StudyRow, StudyState
from tuner.spec.study import StudySpec, read_spec

_MOST = 5  # studies that are used, the newest: program and machine change over time


@dataclass(frozen=True)
class ExpectedTime:
    """An estimate, and what it rests on."""

    seconds: float
    studies: int  # how many past studies it rests on


def expected_time(
    spec: StudySpec, past: Iterable[StudyRow], machine: str | None = None
) -> ExpectedTime | None:
    """The median time per epoch (or step) of a training in past studies, times the epochs and trainings that
    the spec plans; None where no past study counts.

    Args:
        spec: what is about to be run.
        past: earlier studies, newest first. A study counts if it succeeded with the same model, data and
            batch size, and if its length is given in the same unit, epochs or steps.
        machine: name of a machine, as in a study's host. Only studies that ran there count, by the time that
            their drivers ran. None: all count, by the time that their populations trained, summed: that is
            the time on a single device.
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
    """Specs that agree in this have trainings of the same cost per epoch or step."""
    options = (spec.options, spec.dataset_options)
    return (spec.task, spec.dataset, spec.batch_size, spec.epochs is None, *options)


def _work(spec: StudySpec) -> float:
    """The number of planned trainings times their length in epochs or steps."""
    return spec.planned_trainings * float(spec.epochs or spec.steps or 1)
