"""Sends to MLflow what a driver could not: the driver died, or MLflow was away. One ended study at a time, in
a thread of its own.
"""

import logging
import threading
import time

from tuner.errors import LedgerError
from tuner.ledger.projection import Projection
from tuner.ledger.store import Ledger
from tuner.settings import Settings
from tuner.tracking.projector import Projector

_LOG = logging.getLogger("tuner.completer")
_EVERY_S = 15.0
_PATIENCE_S = 60.0  # for one study
_AGAIN_S = 300.0  # a study that MLflow did not take is tried again after so long


class Completer:
    """Drivers send to MLflow while they live; this is for afterwards. Sending again doubles nothing, whoever
    does it.
    """

    def __init__(self, ledger: Ledger, settings: Settings, uri: str) -> None:
        """Args: uri is MLflow's address."""
        self._ledger, self._settings, self._uri = ledger, settings, uri
        self._projection = Projection(ledger)
        # {study's id: monotonic time of the last try}, so that a study that MLflow does not take lets the
        # others through.
        self._tried: dict[str, float] = {}
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
            study_id
            for study_id in self._projection.incomplete(50)
            if now - self._tried.get(study_id, -_AGAIN_S) >= _AGAIN_S
        ]
        for study_id in waiting[:1]:
            self._tried[study_id] = now
            self._complete(study_id)

    def _complete(self, study_id: str) -> None:
        projector = Projector(self._ledger, study_id, self._uri)
        projector.start()
        if projector.finish(_PATIENCE_S):
            # No files where the driver did not get as far as the report.
            files = sorted(self._settings.report_folder(study_id).glob("*"))
            projector.publish(files, self._settings.artifacts_folder(study_id))
        if projector.problem:
            _LOG.warning("MLflow has not got it all: %s", projector.problem, extra={"study": study_id})
        else:
            _LOG.info("completed in MLflow", extra={"study": study_id})

    def _loop(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self.step()
            except LedgerError as error:
                _LOG.warning("%s", error)
            except Exception:  # noqa: BLE001  # it must not end while the service lives
                _LOG.exception("the completer failed; it goes on")
