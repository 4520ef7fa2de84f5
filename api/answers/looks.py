"""One answer for many event streams: what all of them ask about the same thing every second is asked once.

A stream by itself costs a few queries a second. Five hundred of them would keep every thread of the service
and a core busy, and every other request would wait.
"""

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from starlette.concurrency import run_in_threadpool

T = TypeVar("T")
_MOST_KEPT = 100  # looks that are kept before old ones are searched for


class Looks:
    """The last look at each thing. To be used in an event loop's thread."""

    def __init__(self) -> None:
        """Nothing has been looked at."""
        self._tasks: dict[Hashable, tuple[float, asyncio.Task[Any]]] = {}

    @property
    def kept(self) -> int:
        """How many looks are kept."""
        return len(self._tasks)

    async def at(self, what: Hashable, look: Callable[[], T], *, fresh_s: float) -> T:
        """What a look has found that began at most so many seconds ago; otherwise looks, in another thread.
        What `look` raises is raised for all who wait.
        """
        loop, now = asyncio.get_running_loop(), time.monotonic()
        key = (loop, what)
        began, task = self._tasks.get(key, (0.0, None))
        if task is None or (task.done() and now - began > fresh_s):
            if len(self._tasks) > _MOST_KEPT:
                self._forget(now - fresh_s)
            task = loop.create_task(run_in_threadpool(look))
            task.add_done_callback(_heard)
            self._tasks[key] = (now, task)
        found: T = await asyncio.shield(task)  # one stream that ends does not end the look of the others
        return found

    def _forget(self, before: float) -> None:
        """Of looks that have ended and began before a time."""
        self._tasks = {
            key: (began, task)
            for key, (began, task) in self._tasks.items()
            if began > before or not task.done()
        }


def _heard(task: asyncio.Task[Any]) -> None:
    """An error counts as told, also where all who waited for it have gone."""
    if not task.cancelled():
        task.exception()
