"""How a driver learns that it must stop: because of a cancel, which it looks for in the ledger every second
or two, the end of its study's time, or the end of its Ray.

The main thread is inside Ray, waiting for a report that may be minutes away. A signal ends that wait as
Ctrl-C does, Ray ends the training processes, and the driver then writes to the ledger what happened. The
driver of a Ray job is a child process of Ray's in a session of its own. If Ray ends, that driver is left
behind, and Ray's code in it waits for minutes for Ray to come back, ignoring signals. So a thread of the
driver then gives the study back and ends the process.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from tuner.errors import LedgerError, UserError
from tuner.ledger.lease import Lease
from tuner.ledger.rows import CANCELLED, TIME_OVER
from tuner.ledger.store import Ledger
from tuner.ledger.study_queue import StudyQueue
from tuner.processes import parent_has_ended

EVERY_S = 1.5


@dataclass
class TimeLimit:
    """How long a study may run in all."""

    hours: float
    ran_s: float  # before this driver
    since: float = field(default_factory=time.monotonic)

    @property
    def over(self) -> bool:
        """Whether it has run for that long."""
        return self.ran_s + time.monotonic() - self.since > 3600 * self.hours


class CancelledError(UserError):
    """The study was cancelled while it ran, or its max_hours were over: it has not succeeded."""

    exit_code = 1


@contextmanager
def cancelled_when_asked(
    ledger: Ledger,
    lease: Lease,
    *,
    time_limit: TimeLimit | None = None,
    when_orphaned: Callable[[], None] | None = None,
) -> Iterator[None]:
    """Stops a block, which trains, when a cancel is asked for or its time is over, and says so in the ledger
    once it has stopped. To be used in the main thread.

    Calls `when_orphaned`, in another thread, when the process that started this one has ended.

    Raises CancelledError.
    """
    reasons: list[str] = []  # why it is to stop, once it is
    stop, queue = threading.Event(), StudyQueue(ledger)
    main = threading.get_ident()
    # Ray blocks SIGINT in the processes that it starts, a job's driver among them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def listen() -> None:
        while not stop.is_set():
            if when_orphaned is not None and parent_has_ended():
                when_orphaned()
                return
            if reason := _reason(queue, lease.study_id, time_limit):
                reasons.append(reason)
                signal.pthread_kill(main, signal.SIGINT)
                return
            stop.wait(EVERY_S)

    thread = threading.Thread(target=listen, name="cancel", daemon=True)
    try:
        try:
            thread.start()
            yield
        finally:
            stop.set()
            thread.join()
    except KeyboardInterrupt:  # it may come at once, or while the thread is ended
        if not reasons:
            raise
        detail = f", {time_limit.hours:g} h" if time_limit is not None and reasons == [TIME_OVER] else ""
        queue.end_cancelled(lease, reasons[0], detail)
        was = f"study {lease.study_id} was {reasons[0]}{detail}"
        raise CancelledError(f"{was}; what it had finished is kept") from None


def _reason(queue: StudyQueue, study_id: str, time_limit: TimeLimit | None) -> str | None:
    """Why a study is to stop, if it is."""
    if time_limit is not None and time_limit.over:
        return TIME_OVER
    try:
        return CANCELLED if queue.cancel_requested(study_id) else None
    except LedgerError:
        return None  # it is away; whoever writes next says so
