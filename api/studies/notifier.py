"""Sends notifications of studies that have ended, in a thread of its own, because a receiver may be slow."""

import logging
import threading

from tuner.driver.notifications import Notifier
from tuner.errors import LedgerError

_LOG = logging.getLogger("tuner.notifier")
EVERY_S = 5.0
# For studies that ended while the service was down, notifications are sent when it is back, if they ended
# within this time; older ones may be from before notifications were switched on.
REMEMBERED_S = 3600.0


class NotifierThread:
    """Looks for studies that have ended, every few seconds, and sends the notifications."""

    def __init__(self, notifier: Notifier) -> None:
        self._notifier = notifier
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="notifier", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; a message that is on its way is not waited for."""
        self._stop.set()
        self._thread.join(timeout=3)

    def _loop(self) -> None:
        begun = False
        while not self._stop.is_set():
            try:
                if not begun:
                    self._notifier.leave_out(REMEMBERED_S)
                    begun = True
                self._notifier.tell_all()
            except LedgerError as error:
                _LOG.warning("%s", error)
            except Exception:  # noqa: BLE001  # it must not end while the service lives
                _LOG.exception("the notifier failed; it goes on")
            self._stop.wait(EVERY_S)
