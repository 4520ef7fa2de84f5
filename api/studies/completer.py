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
AGAIN_S = 300.0  # a study that MLflow did not take is tried again after so long


class Completer:
    """Sends to MLflow what drivers have left unsent when they ended. Sending something again creates no
    duplicates.
    """

    def __init__(self, ledger: Ledger, settings: Settings, uri: str) -> None:
        """Args: uri is MLflow's address."""
        self._ledger, self._settings, self._uri = ledger, settings, uri
        self._projection = Projection(ledger)
        # {study's id: monotonic time of the last try that failed}, the least recent first: a study that
        # MLflow does not take lets the others through.
        self._failed: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="completer", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; a request that is on its way to MLflow is not waited for."""
        self._stop.set()
        self._thread.join(timeout=3)

    def step(self) -> bool:
        """Completes an ended study, if there is one that is due. Returns whether that worked: then there may
        be another.
        """
        study_id = self._next()
        if study_id is None:
            return False
        self._failed.pop(study_id, None)
        worked = self._complete(study_id)
        if not worked:
            self._failed[study_id] = time.monotonic()
        return worked

    def _next(self) -> str | None:
        """A study that has not failed yet, the one that has waited longest; else the one that failed least
        recently, if that is long ago.
        """
        if new := self._projection.incomplete(1, but=self._failed):
            return new[0]
        left = set(self._projection.incomplete(len(self._failed)))
        self._failed = {study_id: when for study_id, when in self._failed.items() if study_id in left}
        for study_id, when in self._failed.items():
            return study_id if time.monotonic() - when >= AGAIN_S else None
        return None

    def _complete(self, study_id: str) -> bool:
        """Sends one study; whether MLflow has it all."""
        projector = Projector(self._ledger, study_id, self._uri)
        projector.start()
        worked = projector.finish(_PATIENCE_S)
        if worked:
            # No files where the driver did not get as far as the report.
            files = sorted(self._settings.report_folder(study_id).glob("*"))
            projector.publish(files, self._settings.artifacts_folder(study_id))
            worked = projector.problem is None
        if worked:
            _LOG.info("completed in MLflow", extra={"study": study_id})
        else:
            why = projector.problem or f"it did not take everything within {_PATIENCE_S:.0f} s"
            _LOG.warning("MLflow has not got it all: %s", why, extra={"study": study_id})
        return worked

    def _loop(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                while not self._stop.is_set() and self.step():
                    pass
            except LedgerError as error:
                _LOG.warning("%s", error)
            except Exception:  # noqa: BLE001  # it must not end while the service lives
                _LOG.exception("the completer failed; it goes on")
