"""How often one caller may ask."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from api.requests.errors import Problem


class Limiter:
    """A bucket of tokens for each caller, which fills at a steady rate and holds a quarter of a minute's
    worth.
    """

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._most, self._clock = per_minute / 60, max(1.0, per_minute / 4), clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()  # caller -> (tokens, when)
        self._lock = threading.Lock()

    def take(self, caller: str) -> None:
        """Takes a token. Raises Problem 429 where there is none."""
        if not self._rate:
            return
        with self._lock:
            now = self._clock()
            tokens, when = self._buckets.pop(caller, (self._most, now))
            tokens = min(self._most, tokens + (now - when) * self._rate)
            self._buckets[caller] = (max(0.0, tokens - 1) if tokens >= 1 else tokens, now)
            if len(self._buckets) > 10_000:
                self._buckets.popitem(last=False)
        if tokens < 1:
            wait_s = str(int((1 - tokens) / self._rate) + 1)
            raise Problem(429, "too many requests; wait a little", headers={"Retry-After": wait_s})

    def give_back(self, caller: str) -> None:
        """Puts a token back that was taken just now."""
        with self._lock:
            if caller in self._buckets:
                tokens, when = self._buckets[caller]
                self._buckets[caller] = min(self._most, tokens + 1), when
