"""How a driver hears that it is to stop: a cancel, for which it looks into the ledger every second or two, or
the end of its Ray.

The main thread is inside Ray, waiting for a report that may be minutes away. A signal ends that wait as
Ctrl-C does, Ray takes the training processes down with it, and the driver then says in the ledger what
happened. A Ray job's driver is a child of Ray's, in a session of its own: where Ray ends it would be left
behind, and Ray's part of it waits for minutes for a Ray that comes back, deaf to signals. So that driver
gives its study back, and ends itself, from a thread.
"""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tuner.errors import LedgerError, UserError
from tuner.ledger.lease import Lease
from tuner.ledger.store import Ledger
from tuner.ledger.study_queue import StudyQueue
from tuner.processes import parent_has_ended

EVERY_S = 1.5


class CancelledError(UserError):
    """The study was cancelled while it ran."""


@contextmanager
def cancelled_when_asked(
    ledger: Ledger, lease: Lease, *, when_orphaned: Callable[[], None] | None = None
) -> Iterator[None]:
    """Stops a block, which trains, when a cancel is asked for, and says so in the ledger once it has stopped.
    To be used in the main thread.

    Calls `when_orphaned`, in another thread, when the process that started this one has ended.

    Raises CancelledError.
    """
    asked, stop, queue = threading.Event(), threading.Event(), StudyQueue(ledger)
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
            try:
                if queue.cancel_requested(lease.study_id):
                    asked.set()
                    signal.pthread_kill(main, signal.SIGINT)
                    return
            except LedgerError:
                pass  # it is away; whoever writes next says so
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
        if not asked.is_set():
            raise
        queue.end_cancelled(lease)
        raise CancelledError(f"study {lease.study_id} was cancelled; what it had finished is kept") from None
