"""How a driver hears that its study is to be cancelled: it looks into the ledger every second or two.

The main thread is inside Ray, waiting for a report that may be minutes away. A signal ends that wait as Ctrl-C does, Ray takes
the training processes down with it, and the driver then says in the ledger what happened.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tuner.ledger import Ledger, LedgerError
from tuner.queue import Queue

EVERY_S = 1.5


class Cancellation:
    """Whether a cancel has reached the driver."""

    def __init__(self) -> None:
        self.heard = False


@contextmanager
def listening(ledger: Ledger, study: str) -> Iterator[Cancellation]:
    """Interrupts the main thread, from which this must be called, with KeyboardInterrupt when a cancel is asked for."""
    cancellation, stop, queue = Cancellation(), threading.Event(), Queue(ledger)
    main = threading.get_ident()
    # Ray blocks SIGINT in the processes that it starts, a job's driver among them.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def listen() -> None:
        while not stop.is_set():
            try:
                if queue.cancel_requested(study):
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
