"""Watches the parts that `tuner serve` has started. One that ends is started again, after a growing pause;
one that keeps ending ends the service, which says which part it was.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tuner.errors import UserError

_LOG = logging.getLogger("tuner.supervisor")
_EVERY_S = 0.5
_START_ATTEMPTS = 3
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
MOST_FAILURES = 6  # in a row: a minute or two
STEADY_S = 120.0  # a part that ran for so long counts as one that had started well
LOOK_EVERY_S = 4.0  # whether a part does its work: that takes a look at all of its processes
START_S = 240.0  # a part that does not get to its work is ended after so long,
BROKEN_S = 15.0  # and one that did, and does not any more, after so long


class Part(Protocol):
    """A process of the stack."""

    name: str
    log: Path

    @property
    def running(self) -> bool:
        """Whether it has not ended."""

    def healthy(self) -> bool:
        """Whether it does what it is there for, as far as can be seen without asking it."""

    def start(self) -> None:
        """Starts it again."""

    def end(self) -> None:
        """Ends it and waits until it has gone."""

    def wait_until_ready(self) -> None:
        """Returns when it answers. Raises UserError where it ended or does not."""


def ready(part: Part) -> None:
    """Waits for a part that has been started, and starts it again where it did not get ready, as on a machine
    that is busy. Raises UserError after a few attempts.
    """
    for attempt in range(1, _START_ATTEMPTS + 1):
        try:
            part.wait_until_ready()
        except UserError as error:
            if attempt == _START_ATTEMPTS:
                raise
            _LOG.warning("%s; it is started again", error)
            part.end()
            part.start()
        else:
            return


@dataclass
class _Watch:
    """What is remembered of a part."""

    part: Part
    started_at: float
    healthy_at: float | None = None  # when it was last seen to do its work, since it was started
    looked_at: float = float("-inf")
    failures: int = 0  # in a row
    again_at: float | None = None  # when it is started again; None while it runs


class Supervisor:
    """Runs in a thread of the service's process."""

    def __init__(
        self,
        parts: Sequence[Part],
        *,
        give_up: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Args:
        parts: that have been started.
        give_up: called when a part does not stay up; `problem` then says which.
        clock: seconds.
        """
        self._give_up, self._clock = give_up, clock
        self._watches = [_Watch(part, clock()) for part in parts]
        self.problem: str | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="supervisor", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def stop(self) -> None:
        """Ends; the parts run on."""
        self._stop.set()
        self._thread.join()

    def step(self) -> None:
        """Looks at every part once."""
        for watch in self._watches:
            if watch.again_at is not None:
                if self._clock() >= watch.again_at:
                    self._restart(watch)
            elif not watch.part.running:
                self._note_end(watch, "has ended")
            else:
                self._check(watch)

    def _check(self, watch: _Watch) -> None:
        """Of a part that runs."""
        now = self._clock()
        if now - watch.started_at > STEADY_S:
            watch.failures = 0
        if now - watch.looked_at < LOOK_EVERY_S:
            return
        watch.looked_at = now
        if watch.part.healthy():
            watch.healthy_at = now
            return
        limit = watch.started_at + START_S if watch.healthy_at is None else watch.healthy_at + BROKEN_S
        if now > limit:
            watch.part.end()
            self._note_end(watch, "was not whole and was ended")

    def _note_end(self, watch: _Watch, what: str) -> None:
        part = watch.part
        watch.failures += 1
        if watch.failures > MOST_FAILURES:
            self.problem = (
                f"{part.name} does not stay up: it ended {watch.failures} times; its log is {part.log}"
            )
            _LOG.error("%s", self.problem)
            self._give_up()
            watch.again_at = float("inf")
            return
        pause_s = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (watch.failures - 1))
        watch.again_at = self._clock() + pause_s
        _LOG.warning(
            "%s %s; it is started again in %.0f s; its log is %s", part.name, what, pause_s, part.log
        )

    def _restart(self, watch: _Watch) -> None:
        watch.part.start()
        watch.again_at, watch.started_at, watch.healthy_at = None, self._clock(), None
        _LOG.info("%s is started again", watch.part.name)

    def _loop(self) -> None:
        while not self._stop.wait(_EVERY_S):
            try:
                self.step()
            except Exception:  # noqa: BLE001  # it must not end while the service lives
                _LOG.exception("the supervisor failed; it goes on")
