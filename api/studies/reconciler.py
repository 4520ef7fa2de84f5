"""Keeps ledger and Ray jobs in agreement: submits studies that wait, stops those that are cancelled, and
queues again those that lost their job.

Every decision follows from the ledger and from Ray's answer, and is written only if the ledger has not
changed meanwhile. So the reconciler may be killed at any point, and may run in several processes at once. The
only thing it remembers is since when Ray has not known a job. A terminal state is never changed.
"""

import logging
import threading
import time
from typing import Protocol

from api.studies.jobs import ENDED, RayAwayError, RayHangsError
from tuner.errors import LedgerError, StudyNotFoundError
from tuner.ledger.rows import StudyState
from tuner.ledger.study_queue import Job, StudyQueue

_LOG = logging.getLogger("tuner.reconciler")
EVERY_S = 2.0
DRIVER_MAY_TAKE_S = 10.0  # a driver has so long to react to a cancel; then its job is stopped
# So long after its lease has run out a driver may go on: perhaps only it cannot reach the ledger.
DRIVER_MAY_BE_SILENT_S = 300.0
# After so long a study is taken from a driver whose job Ray does not know: it trains nothing, but would count
# as running.
RAY_MAY_FORGET_S = 300.0
# After so long this service takes over a job that another cluster's service should have started or ended.
OTHERS_MAY_TAKE_S = 300.0


class JobsLike(Protocol):
    """What the reconciler needs of `api.studies.jobs.Jobs`."""

    def cluster(self) -> str:
        """The name of the Ray cluster."""

    def submit(self, study_id: str, job: str, title: str) -> None:
        """Starts a job, with a title for readers; one that was started under that name already stays."""

    def status(self, job: str) -> tuple[str | None, str]:
        """Ray's name for the job's state, and a message; None where Ray does not know the job."""

    def stop(self, job: str) -> None:
        """Ends a job."""


class Reconciler:
    """Runs in a thread of the API's process."""

    def __init__(
        self,
        queue: StudyQueue,
        jobs: JobsLike,
        *,
        most_running: int,
        most_losses: int,
        most_of_one_owner: int | None = None,
    ) -> None:
        """Args:
        queue: the studies.
        jobs: Ray's jobs.
        most_running: studies that run at once.
        most_losses: times that a study is queued again after its job was lost.
        most_of_one_owner: studies of one owner that run at once; None: as many as may run.
        """
        self._queue, self._jobs, self._most_of_one_owner = queue, jobs, most_of_one_owner
        self._most_running, self._most_losses = most_running, most_losses
        self._unknown_since: dict[str, float] = {}  # job -> monotonic time since which Ray has not known it
        self._wake, self._stop = threading.Event(), False
        self._thread = threading.Thread(target=self._loop, name="reconciler", daemon=True)

    def start(self) -> None:
        """Begins; the reconciler then acts every few seconds."""
        self._thread.start()

    def wake(self) -> None:
        """Makes it act now: a user has asked for something."""
        self._wake.set()

    def stop(self) -> None:
        """Ends after the step it is in."""
        self._stop = True
        self._wake.set()
        self._thread.join(timeout=10)

    def step(self) -> None:
        """Looks at every job once, then starts what waits.

        Where Ray hangs, the step ends at the first job: the others would each wait for the same timeout.
        """
        jobs, cluster = self._queue.jobs(), self._jobs.cluster()
        for job in jobs:
            try:
                if job.cluster in (None, cluster):
                    self._settle(job)
                else:
                    self._look_after(job)
            except RayHangsError:
                raise
            except (RayAwayError, StudyNotFoundError) as error:  # another process has deleted the study
                _LOG.warning("%s", error, extra={"study": job.study_id})
        self._unknown_since = {
            name: since for name, since in self._unknown_since.items() if name in {job.name for job in jobs}
        }
        while claimed := self._queue.claim(
            self._most_running, cluster, most_of_one_owner=self._most_of_one_owner
        ):
            study_id, name = claimed
            _LOG.info("submitted as job %s", name, extra={"study": study_id})
            self._jobs.submit(study_id, name, self._queue.title(study_id))

    def _look_after(self, job: Job) -> None:
        """Does what a study needs whose job is on another cluster: nothing, as long as that cluster's service
        may do it.
        """
        if job.state is StudyState.RUNNING or job.idle_s <= OTHERS_MAY_TAKE_S:
            return
        why = f"its job {job.name} was on a Ray cluster that is gone"
        state = self._queue.job_ended(job.study_id, job.name, why, self._most_losses)
        _LOG.info(
            "job %s was on another cluster; the study is %s", job.name, state, extra={"study": job.study_id}
        )

    def _settle(self, job: Job) -> None:
        """Does what one study with a job needs."""
        status, message = self._jobs.status(job.name)
        about = {"study": job.study_id}
        forgotten = self._forgotten_s(job, status)
        if status is None and job.state is StudyState.QUEUED:
            # Named, but the API died before Ray heard of it.
            self._jobs.submit(job.study_id, job.name, self._queue.title(job.study_id))
        elif status is None and job.state is StudyState.RUNNING and forgotten <= RAY_MAY_FORGET_S:
            return  # Ray was restarted, perhaps; the driver may live, and its lease says so
        elif status is None or status in ENDED:
            why = (
                f"its job {job.name} ended as {status}" + (f" ({message})" if message else "")
                if status
                else "its job was lost"
            )
            state = self._queue.job_ended(job.study_id, job.name, why, self._most_losses)
            _LOG.info("job %s ended: %s; the study is %s", job.name, status, state, extra=about)
        elif reason := _why_to_stop(job):
            self._jobs.stop(job.name)
            _LOG.info("job %s is stopped: %s", job.name, reason, extra=about)

    def _forgotten_s(self, job: Job, status: str | None) -> float:
        """For how long Ray has not known a job, as far as this process has seen."""
        if status is not None:
            self._unknown_since.pop(job.name, None)
            return 0.0
        now = time.monotonic()
        return now - self._unknown_since.setdefault(job.name, now)

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


def _why_to_stop(job: Job) -> str | None:
    """Why a job that runs should not."""
    if job.state is StudyState.CANCELLED:
        return "its study was cancelled"
    if job.cancel_s is not None and job.cancel_s > DRIVER_MAY_TAKE_S:
        return "its driver did not react to the cancel"
    if job.state is StudyState.INTERRUPTED and (job.silent_s or 0.0) > DRIVER_MAY_BE_SILENT_S:
        return f"its driver has not renewed its lease for {job.silent_s:.0f} s"
    return None
