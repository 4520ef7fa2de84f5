"""Answers that go on for hours: how many of them one caller may have."""

from collections import Counter
from collections.abc import AsyncIterator

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from api.requests.errors import Problem

MOST_STREAMS = 20  # of one key, or of one address where there are no keys


class Streams:
    """How many streams each caller has open."""

    def __init__(self, most: int = MOST_STREAMS) -> None:
        """Args: most is the number that one caller may have."""
        self._most = most
        self._open: Counter[str] = Counter()

    def response(self, events: AsyncIterator[str], caller: str) -> StreamingResponse:
        """A stream that is counted as long as it is sent. To be called in the event loop's thread. Raises
        Problem 429 where the caller has too many.
        """
        if self._open[caller] >= self._most:
            raise Problem(
                429,
                f"there are {self._most} event streams open, as many as may be; close one, or poll",
                headers={"Retry-After": "10"},
            )
        self._open[caller] += 1
        return _Counted(events, self._open, caller)


class _Counted(StreamingResponse):
    def __init__(self, events: AsyncIterator[str], count: Counter[str], caller: str) -> None:
        self._count, self._caller = count, caller
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(events, media_type="text/event-stream", headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._count[self._caller] -= 1
            if not self._count[self._caller]:
                del self._count[self._caller]
