"""Server-sent events of studies. They are made from the ledger, so that every process of the API sends the
same.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Hashable
from dataclasses import dataclass

from api.answers.cache import Cache
from api.answers.looks import Looks
from api.answers.views import Views, as_json
from tuner.errors import LedgerError, StudyNotFoundError
from tuner.ledger.rows import TERMINAL_STUDY_STATES
from tuner.ledger.store import Ledger

EVERY_S = 1.0
_ALIVE_S = 15.0  # a comment is sent so often, because proxies close connections that are silent


@dataclass(frozen=True)
class _Seen:
    """A study at one look."""

    version: str
    content: str  # JSON: what changes while it runs
    ended: bool


class Events:
    """Makes the streams of one process, which share their looks at the ledger."""

    def __init__(self, ledger: Ledger, views: Views, kept: Cache[bytes]) -> None:
        """Args: kept is where the content of events is kept, which is the same for all streams of a study."""
        self._ledger, self._views, self._kept = ledger, views, kept
        self._looks = Looks()

    async def follow(
        self, study_id: str, caller: Hashable, welcome: Callable[[], bool]
    ) -> AsyncIterator[str]:
        """`progress` at every change of a study, `done` at its end.

        Args:
            study_id: the study.
            caller: identifies the caller; `welcome` is called once for all streams of the same caller.
            welcome: whether the caller may still see the study; asked again and again.
        """
        version, sent_at = "", time.monotonic()
        while True:
            seen = None
            try:
                if not await self._looks.at(("caller", caller), welcome, fresh_s=EVERY_S / 2):
                    return  # a new request is answered with the reason
                seen = await self._looks.at(
                    ("study", study_id), lambda: self._look(study_id), fresh_s=EVERY_S / 2
                )
            except StudyNotFoundError:
                yield _event("deleted", as_json({"id": study_id}).decode(), "")
                return
            except LedgerError:
                pass  # it is away; the stream goes on when it is back
            if seen is not None and seen.version != version:
                version, sent_at = seen.version, time.monotonic()
                yield _event("progress", seen.content, version)
                if seen.ended:
                    yield _event("done", seen.content, version)
                    return
            elif time.monotonic() - sent_at > _ALIVE_S:
                sent_at = time.monotonic()
                yield ": still here\n\n"
            await asyncio.sleep(EVERY_S)

    def _look(self, study_id: str) -> _Seen:
        row = self._ledger.study(study_id)
        version = self._views.version(row)
        make = lambda: as_json(self._views.state(row))  # noqa: E731
        content = self._kept.get((row.id, "events"), version, make)
        return _Seen(version, content.decode(), row.state in TERMINAL_STUDY_STATES)


def _event(name: str, content: str, number: str) -> str:
    return f"event: {name}\nid: {number}\ndata: {content}\n\n"
