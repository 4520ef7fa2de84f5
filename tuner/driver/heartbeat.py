"""Whether a driver still makes progress: its main thread notes the time at every turn, and other threads
check how long ago that was.

A driver whose Ray has died at the wrong moment waits for it for ever, and its other threads would keep its
lease for ever, too.
"""

import time

# Without a sign for so long a driver counts as stuck. Its longest steps without one are those of the end: the
# analysis and the figures of a study with thousands of trials take minutes.
STUCK_AFTER_S = 1800.0


class Heartbeat:
    """The last sign of the main thread."""

    def __init__(self, stuck_after_s: float = STUCK_AFTER_S) -> None:
        self._stuck_after_s = stuck_after_s
        self._last = time.monotonic()  # without a lock: Tune pickles its callbacks, and this with them

    def beat(self) -> None:
        """The main thread gets on."""
        self._last = time.monotonic()

    @property
    def stuck(self) -> bool:
        """Whether there has been no sign for too long."""
        return time.monotonic() - self._last > self._stuck_after_s
