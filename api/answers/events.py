"""Server-sent events of one study, from the ledger: whoever asks, and whichever process answers, sees the
same.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.application.service import Service
from tuner.errors import LedgerError, StudyNotFoundError, UserError
from tuner.ledger.rows import TERMINAL_STUDY_STATES

EVERY_S = 1.0
_ALIVE_S = 15.0  # a comment now and then, so that nothing on the way takes the silence for death


class _NotWelcomeError(UserError):
    """The caller may not see the study any more."""


async def follow(service: Service, study_id: str, welcome: Callable[[], bool]) -> AsyncIterator[str]:
    """`progress` at every change, `done` at the end.

    Args:
        service: what the routes work with.
        study_id: the study.
        welcome: whether the caller may still see it; asked at every look.
    """
    version, said = "", time.monotonic()
    while True:
        try:
            now, content = await run_in_threadpool(_look, service, study_id, welcome, version)
        except LedgerError:
            now, content = version, {}
        except StudyNotFoundError:
            yield _event("deleted", {"id": study_id}, "")
            return
        except _NotWelcomeError:
            return  # who asks again is told why
        if now != version:
            version, said = now, time.monotonic()
            yield _event("progress", content, version)
            if content["state"] in TERMINAL_STUDY_STATES:
                yield _event("done", content, version)
                return
        elif time.monotonic() - said > _ALIVE_S:
            said = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(EVERY_S)


def _look(
    service: Service, study_id: str, welcome: Callable[[], bool], last: str
) -> tuple[str, dict[str, Any]]:
    """The study's version, and what is to be said of it if that is new."""
    if not welcome():
        raise _NotWelcomeError
    row = service.ledger.study(study_id)
    version = service.views.version(row)
    return version, {} if version == last else service.views.state(row)


def _event(name: str, content: object, number: str) -> str:
    return f"event: {name}\nid: {number}\ndata: {json.dumps(content, allow_nan=False)}\n\n"
