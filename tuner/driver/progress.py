"""The progress line of a run: trials done, best so far, time left."""

import math
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TextIO

from trainables.population_report import Report
from trainables.tasks import task_declaration
from tuner.evidence.selection import best
from tuner.ledger.objective import Objective
from tuner.ledger.rows import COMPETING, Role, TrialRow, TrialState
from tuner.output import status_line, terminal_width
from tuner.spec.study import StudySpec

# What trials are for that follow the search. How many there will be is not known before: ranges are extended
# and fresh seeds are added as long as it takes.
_STAGES = {
    Role.EXTENSION: "extending ranges",
    Role.REFINEMENT: "refining optima",
    Role.CONFIRM: "fresh seeds",
    Role.CONTROL: "rescaling control",
}
LINE_EVERY_S = 10.0  # where the line cannot be rewritten in place


@dataclass
class Progress:
    """What the line shows; written by the run, read by the thread that prints. Work is counted in
    member-epochs: one member trained for one epoch.
    """

    spec: StudySpec
    epochs: float  # length of one member's training
    objective: Objective
    done: int = 0
    best: str = ""
    phase: str = "starting Ray"
    work_done: float = 0.0  # by populations that have ended
    work_before: float = 0.0  # by drivers before this one
    running: dict[str, float] = field(default_factory=dict)  # population -> work it has done
    started: float | None = None  # monotonic time at which training began
    reported: float = 0.0  # monotonic time of the last report
    left_s: float | None = None  # estimated at the last report; the line counts it down
    stage: str = ""  # what the trials in training are for, after the search
    begun: dict[str, tuple[int, int]] = field(default_factory=dict)  # trials and members by role
    _seen: int = 0  # trials that are counted in `begun`
    # What `_count_ended` remembers of the list of trials: the places of those that had not ended, its length,
    # and the best trial that had ended, if any.
    _unfinished: set[int] = field(default_factory=set)
    _length: int = 0
    _leader: list[TrialRow] = field(default_factory=list)

    @classmethod
    def of(cls, spec: StudySpec, epochs: float, history: Sequence[TrialRow]) -> "Progress":
        """The progress of a study whose members train for so many epochs."""
        halfway = (TrialState.QUEUED, TrialState.STOPPED)
        before = sum(len(t.seeds) * (t.epoch if t.state in halfway else epochs * t.terminal) for t in history)
        declared = task_declaration(spec.task).objective
        objective = Objective.of(declared.name, declared.direction)
        progress = cls(spec, epochs, objective, work_done=before, work_before=before)
        progress._count_begun(history)
        progress._count_ended(history)
        return progress

    def observe(self, population: str, report: Report, trials: Sequence[TrialRow]) -> None:
        """Takes in a report of a population, and the study's trials after it."""
        self.reported = time.monotonic()
        if self.started is None:
            self.started = self.reported - report.training_s
        members = sum(len(row["train_loss"]) for row in report.rows.values())
        if report.error is None:
            self.running[population] = (report.epoch - report.began) * members
        else:
            self.running.setdefault(population, 0.0)
        if report.final or report.paused or report.error is not None:
            self.work_done += self.running.pop(population)
            self._count_ended(trials)
        self._count_begun(trials)
        training = [trials[i] for i in self._unfinished if trials[i].state is TrialState.RUNNING]
        training += trials[self._length :]
        if training:
            self.stage = stage_of(training)
        done = self._done
        if done > self.work_before:
            self.left_s = (
                (self.work_total - done) * (self.reported - self.started) / (done - self.work_before)
            )

    @property
    def total(self) -> int:
        """Trials that are planned, and those that have come on top."""
        return self.spec.planned_trials + self.spec.unplanned(self.begun)[0]

    @property
    def work_total(self) -> float:
        """The same in member-epochs. What will be confirmed is known when the search has ended; until then
        every method that can be selected counts.
        """
        return (self.spec.planned_trainings + self.spec.unplanned(self.begun)[1]) * self.epochs

    def _count_begun(self, trials: Sequence[TrialRow]) -> None:
        """Counts the trials that have begun since the last call."""
        for trial in trials[self._seen :]:
            before = self.begun.get(trial.role, (0, 0))
            self.begun[trial.role] = (before[0] + 1, before[1] + len(trial.seeds))
        self._seen = len(trials)

    def _count_ended(self, trials: Sequence[TrialRow]) -> None:
        """Counts the trials that have ended since the last call. The list only grows, and a trial that has
        ended does not change.
        """
        to_look_at = [*self._unfinished, *range(self._length, len(trials))]
        ended = [trials[i] for i in to_look_at if trials[i].terminal]
        self._unfinished = {i for i in to_look_at if not trials[i].terminal}
        self._length = len(trials)
        self.done += len(ended)
        leader = best([*self._leader, *(t for t in ended if t.role in COMPETING)], self.objective)
        if leader and leader.mean is not None:
            self._leader = [leader]
            self.best = f"{leader.mean:.4g} ({leader.description})"

    def line(self) -> str:
        """The line as it is now."""
        parts = [f"{self.done}/{self.total} trials"]
        if self.best:
            parts.append(f"best {self.best}")
        parts.append(self._remaining() or self.phase)
        return " · ".join(parts)

    @property
    def fraction(self) -> float | None:
        """The share of the work that is done; None before the first report."""
        return self._done / max(self.work_total, self._done) if self._done else None

    @property
    def _done(self) -> float:
        """Work that is done, in member-epochs."""
        return self.work_done + sum(self.running.values())

    def _remaining(self) -> str:
        if self.left_s is None or self.fraction is None:
            return ""
        stage = [self.stage] if self.stage else []
        if self.fraction >= 1:  # more may follow: another extension, refinement or look at fresh seeds
            return " · ".join([*stage, "done with what is planned so far"])
        left = self.left_s - (time.monotonic() - self.reported)
        time_left = f"{duration(left)} left" if left >= 1 else "longer than expected"
        return " · ".join([*stage, f"{math.floor(100 * self.fraction)} %", time_left])


class ProgressLine:
    """Prints a Progress while a block runs: rewritten in place on a terminal, a line now and then
    elsewhere.
    """

    def __init__(self, progress: Progress, stream: TextIO | None = None) -> None:
        self._progress = progress
        self._stream = stream or sys.stderr
        self._in_place = self._stream.isatty()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="progress", daemon=True)

    def __enter__(self) -> "ProgressLine":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._in_place:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        """A terminal that is gone, or a disk that is full, does not stop the training."""
        with suppress(OSError):
            self._stream.write(text)
            self._stream.flush()

    def _loop(self) -> None:
        last, printed_at = "", 0.0
        while not self._stop.wait(0.5):
            line = self._progress.line()
            if self._in_place:
                width = terminal_width(self._stream) or 80
                self._write(f"\r\x1b[K{status_line(line, self._progress.fraction, width)}")
            elif line != last and time.monotonic() - printed_at >= LINE_EVERY_S:
                last, printed_at = line, time.monotonic()
                self._write(f"{line}\n")


def stage_of(training: Sequence[TrialRow]) -> str:
    """What the newest of some trials is for, where it follows the search; "" where it is of the search."""
    return _STAGES.get(max(training, key=lambda t: t.number).role, "")


def duration(seconds: float) -> str:
    """0:07, 12:30, 1:05:00."""
    minutes, s = divmod(round(seconds), 60)
    hours, m = divmod(minutes, 60)
    return f"{hours}:{m:02d}:{s:02d}" if hours else f"{m}:{s:02d}"
