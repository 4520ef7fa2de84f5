"""SIGTERM and SIGHUP stop a driver as Ctrl-C does: it gives its study back, ends what it has started, and
says how to resume. By default they would end it on the spot.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


class StoppedBySignal(KeyboardInterrupt):  # an interrupt, as KeyboardInterrupt is
    """The process was asked to stop; the text is the signal's name."""


@contextmanager
def stopping_on_signals() -> Iterator[None]:
    """Raises StoppedBySignal in the main thread where a signal comes while a block runs. A signal that is
    ignored stays so (`nohup` ignores SIGHUP). Does nothing in another thread, which cannot set handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    received: list[str] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(signal.Signals(number).name)
        raise StoppedBySignal(received[0])

    before: dict[signal.Signals, Any] = {}
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            before[number] = signal.signal(number, stop)
    try:
        yield
    except KeyboardInterrupt as error:
        # Where the main thread is inside Ray, Ray raises a KeyboardInterrupt of its own in place of ours.
        if received and not isinstance(error, StoppedBySignal):
            raise StoppedBySignal(received[0]) from error
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


@contextmanager
def handler_kept(number: signal.Signals) -> Iterator[None]:
    """Puts a signal's handler back after a block in which a library takes the signal for itself."""
    before = signal.getsignal(number)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(number, before)
