"""Server-sent events of one study, from the ledger: whoever asks, and whichever process answers, sees the
same.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator

from starlette.concurrency import run_in_threadpool

from api.answers.views import etag
from api.application.service import Service
from tuner.errors import LedgerError, StudyNotFoundError
from tuner.ledger.rows import TERMINAL_STUDY_STATES

_EVERY_S = 1.0
_ALIVE_S = 15.0  # a comment now and then, so that nothing on the way takes the silence for death


async def follow(service: Service, study_id: str) -> AsyncIterator[str]:
    """`progress` at every change, `done` at the end."""
    last, said = "", time.monotonic()
    while True:
        try:
            row = await run_in_threadpool(service.ledger.study, study_id)
        except LedgerError:
            row = None
        except StudyNotFoundError:
            yield _event("deleted", {"id": study_id}, "")
            return
        if row is not None and etag(row) != last:
            last, said = etag(row), time.monotonic()
            content = await run_in_threadpool(service.views.state, row)
            yield _event("progress", content, last)
            if row.state in TERMINAL_STUDY_STATES:
                yield _event("done", content, last)
                return
        elif time.monotonic() - said > _ALIVE_S:
            said = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(_EVERY_S)


def _event(name: str, content: object, number: str) -> str:
    return f"event: {name}\nid: {number}\ndata: {json.dumps(content, allow_nan=False)}\n\n"
