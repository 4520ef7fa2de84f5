"""Keeps ledger and Ray jobs in agreement: starts what waits, ends what is to end, takes up what lost its job.

It holds no state. Whatever it does is decided from the ledger and from Ray's word, and written with a
comparison, so that it may be killed at any point, and run in several processes at once. A state that is
terminal is never changed.
"""

import logging
import threading
from typing import Protocol

from api.studies.jobs import ENDED, RayAwayError, RayHangsError
from tuner.errors import LedgerError
from tuner.ledger.study_queue import Job, Queue

_LOG = logging.getLogger("tuner.reconciler")
EVERY_S = 2.0
DRIVER_MAY_TAKE_S = 10.0  # to react to a cancel; then its job is stopped


class JobsLike(Protocol):
    """What it needs of `api.studies.jobs.Jobs`."""

    def submit(self, study: str, job: str) -> None:
        """Starts a job; one that has that name already stays."""

    def status(self, job: str) -> tuple[str | None, str]:
        """Ray's word for its state and a message; None where Ray does not know it."""

    def stop(self, job: str) -> None:
        """Ends it."""


class Reconciler:
    """Runs in a thread of the API's process."""

    def __init__(self, queue: Queue, jobs: JobsLike, *, most_running: int, most_losses: int) -> None:
        self._queue, self._jobs, self._most_running, self._most_losses = (
            queue,
            jobs,
            most_running,
            most_losses,
        )
        self._wake, self._stop = threading.Event(), False
        self._thread = threading.Thread(target=self._loop, name="reconciler", daemon=True)

    def start(self) -> None:
        """Begins, and looks again every few seconds."""
        self._thread.start()

    def wake(self) -> None:
        """Looks now: something was asked for."""
        self._wake.set()

    def stop(self) -> None:
        """Ends after the step it is in."""
        self._stop = True
        self._wake.set()
        self._thread.join(timeout=10)

    def step(self) -> None:
        """One look at everything; it ends at once where Ray hangs, so that no study waits for the patience
        with each other.
        """
        for job in self._queue.jobs():
            try:
                self._settle(job)
            except RayHangsError:
                raise
            except RayAwayError as error:
                _LOG.warning("%s", error, extra={"study": job.study})
        while claimed := self._queue.claim(self._most_running):
            study, name = claimed
            _LOG.info("submitted as job %s", name, extra={"study": study})
            self._jobs.submit(study, name)

    def _settle(self, job: Job) -> None:
        """Does what one study with a job needs."""
        status, message = self._jobs.status(job.job)
        if status is None and job.state == "queued":
            self._jobs.submit(job.study, job.job)  # named, but the API died before Ray heard of it
        elif status is None and job.state == "running":
            return  # Ray has lost its memory, the driver perhaps not: its lease says when it has gone
        elif status is None or status in ENDED:
            why = (
                f"its job {job.job} ended as {status}" + (f" ({message})" if message else "")
                if status
                else "its job was lost"
            )
            state = self._queue.ended(job.study, job.job, why, self._most_losses)
            _LOG.info("job %s ended: %s; the study is %s", job.job, status, state, extra={"study": job.study})
        elif job.state == "cancelled" or (job.cancel_s is not None and job.cancel_s > DRIVER_MAY_TAKE_S):
            self._jobs.stop(job.job)
            if job.cancel_s is not None and job.cancel_s > DRIVER_MAY_TAKE_S and job.state == "running":
                _LOG.warning(
                    "job %s did not react to the cancel and is stopped", job.job, extra={"study": job.study}
                )

    def _loop(self) -> None:
        while not self._stop:
            self._wake.clear()
            try:
                self.step()
            except (RayAwayError, LedgerError) as error:
                _LOG.warning("%s", error)
            except Exception:  # noqa: BLE001  # it must not end while the service lives
                _LOG.exception("the reconciler failed; it goes on")
            self._wake.wait(EVERY_S)
