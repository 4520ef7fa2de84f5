"""How a driver hears that it is to stop: a cancel, for which it looks into the ledger every second or two, or
the end of its Ray.

The main thread is inside Ray, waiting for a report that may be minutes away. A signal ends that wait as
Ctrl-C does, Ray takes the training processes down with it, and the driver then says in the ledger what
happened. A Ray job's driver is a child of Ray's, in a session of its own: where Ray is ended it would be left
behind, and Ray's part of it waits for minutes for a Ray that comes back, deaf to signals. So that driver
gives its study back, and ends itself, from here.
"""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tuner.errors import LedgerError
from tuner.ledger.store import Ledger
from tuner.ledger.study_queue import StudyQueue

EVERY_S = 1.5


class Cancellation:
    """Why the driver was interrupted."""

    def __init__(self) -> None:
        self.heard = False  # a cancel was asked for


@contextmanager
def listening(
    ledger: Ledger, study_id: str, *, orphaned: Callable[[], None] | None = None
) -> Iterator[Cancellation]:
    """Interrupts the main thread, from which this must be called, with KeyboardInterrupt when a cancel is
    asked for.

    Calls `orphaned`, in a thread of its own, when this process's parent has gone.
    """
    cancellation, stop, queue = Cancellation(), threading.Event(), StudyQueue(ledger)
    main, parent = threading.get_ident(), os.getppid()
    # Ray blocks SIGINT in the processes that it starts, a job's driver among them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def listen() -> None:
        while not stop.is_set():
            if orphaned is not None and os.getppid() != parent:
                orphaned()
                return
            try:
                if queue.cancel_requested(study_id):
                    cancellation.heard = True
                    signal.pthread_kill(main, signal.SIGINT)
                    return
            except LedgerError:
                pass  # it is away; whoever writes next says so
            stop.wait(EVERY_S)

    thread = threading.Thread(target=listen, name="cancel", daemon=True)
    thread.start()
    try:
        yield cancellation
    finally:
        stop.set()
        thread.join()
