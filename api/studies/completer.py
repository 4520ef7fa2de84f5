"""Sends to MLflow what a driver left behind: it died, or MLflow was away. One ended study at a time, in a
thread of its own.
"""

import logging
import threading
import time

from tuner.errors import LedgerError
from tuner.ledger.pages import Catalogue
from tuner.ledger.store import Ledger
from tuner.settings import Settings
from tuner.tracking.projector import Projector

_LOG = logging.getLogger("tuner.completer")
_EVERY_S = 15.0
_PATIENCE_S = 60.0
_AGAIN_S = 300.0


class Completer:
    """Drivers feed MLflow while they live; this is for afterwards. Sending again doubles nothing, whoever
    does it.
    """

    def __init__(self, ledger: Ledger, catalogue: Catalogue, settings: Settings, uri: str) -> None:
        self._ledger, self._catalogue, self._settings, self._uri = ledger, catalogue, settings, uri
        self._tried: dict[
            str, float
        ] = {}  # study -> when: one that MLflow does not take must not keep the others waiting
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="completer", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; a request that is on its way to MLflow is not waited for."""
        self._stop.set()
        self._thread.join(timeout=3)

    def step(self) -> None:
        """Completes the ended study that has waited longest, if there is one."""
        now = time.monotonic()
        waiting = [
            s for s in self._catalogue.unprojected(50) if now - self._tried.get(s, -_AGAIN_S) >= _AGAIN_S
        ]
        for study in waiting[:1]:
            self._tried[study] = now
            projector = Projector(self._ledger, study, self._uri)
            projector.start()
            if projector.finish(_PATIENCE_S):
                files = sorted(
                    self._settings.report_folder(study).glob("*")
                )  # none where the driver did not get so far
                projector.publish(files, self._settings.artifacts_folder(study))
            if projector.problem:
                _LOG.warning("MLflow has not got it all: %s", projector.problem, extra={"study": study})
            else:
                _LOG.info("completed in MLflow", extra={"study": study})

    def _loop(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self.step()
            except LedgerError as error:
                _LOG.warning("%s", error)
            except Exception:  # noqa: BLE001  # it must not end while the service lives
                _LOG.exception("the completer failed; it goes on")
