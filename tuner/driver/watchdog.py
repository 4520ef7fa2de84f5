"""A worker that hangs is killed, so that Ray starts its population again: it is alive, and no fault that Ray
would see.

A deadlock in a driver, a file system that does not answer, a suspended process: none of them ends by itself.
How long an interval takes is known once a population of the study has reported; until then only the user's
own limit holds.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray.tune import Callback

_LEAST_S = 300.0
_TIMES = 10  # the longest interval so far; a later one may share its device with others
_LONGEST_LOOK_S = (
    5.0  # between two looks; when more has passed it was the driver that waited, for the ledger say
)


@dataclass
class _Watched:
    actor: Any
    waited_s: float = 0.0  # since its last report, while the driver was awake


class Watchdog(Callback):  # type: ignore[misc]  # ray is untyped
    """Sees every report, and every turn of Tune's loop."""

    def __init__(self, limit_s: float | None, say: Callable[[str], None]) -> None:
        self._limit_s, self._say = limit_s, say
        self._watched: dict[str, _Watched] = {}  # by Tune's trial id
        self._longest_s: float | None = None  # of the intervals so far
        self._looked = time.monotonic()

    @property
    def limit_s(self) -> float | None:
        """How long a population may be silent; None: for ever."""
        if self._limit_s is not None or self._longest_s is None:
            return self._limit_s
        return max(_LEAST_S, _TIMES * self._longest_s)

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:  # noqa: ARG002  # Tune's
        """A report: the population is well."""
        if watched := self._watched.pop(trial.trial_id, None):
            self._longest_s = max(self._longest_s or 0.0, watched.waited_s)

    def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:  # noqa: ARG002  # Tune's signature
        """A turn of the loop, several times a second: kills what has been silent for too long."""
        now = time.monotonic()
        passed_s, self._looked = min(now - self._looked, _LONGEST_LOOK_S), now
        actors = {t.trial_id: t.temporary_state.ray_actor for t in trials if t.status == "RUNNING"}
        for trial_id, actor in actors.items():
            watched = self._watched.get(trial_id)
            if watched is None or watched.actor is not actor:
                self._watched[trial_id] = _Watched(actor)
                continue
            watched.waited_s += passed_s
            if actor is not None and self.limit_s is not None and watched.waited_s > self.limit_s:
                self._say(
                    f"a population has not reported for {watched.waited_s:.0f} s: its worker is killed, and "
                    "it goes on in another"
                )
                watched.waited_s = 0.0
                ray.kill(actor)
        self._watched = {trial_id: w for trial_id, w in self._watched.items() if trial_id in actors}
