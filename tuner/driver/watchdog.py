"""Kills a worker that hangs, so that Ray starts its population in another. Ray itself takes a process that
lives for healthy.

A deadlock in a GPU's driver, a file system that does not answer, a suspended process: none of them ends by
itself. How long an interval takes is known once a population of the study has reported; until then only the
user's own limit holds.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import ray
from ray.tune import Callback

from tuner.driver.ray_private import RayChangedError, actor_of

_LEAST_LIMIT_S = 300.0
# The limit in longest intervals so far: later ones may share their device with others.
_LONGEST_INTERVALS = 10
# Between two turns of Tune's loop no more is counted: where more has passed, it was the driver that waited,
# for the ledger say, and not the worker.
_MOST_BETWEEN_TURNS_S = 5.0


@dataclass
class _Silence:
    """How long a worker has not reported."""

    actor: Any
    seconds: float = 0.0  # while the driver was awake


class Watchdog(Callback):  # type: ignore[misc]  # ray is untyped
    """Sees every report, and every turn of Tune's loop."""

    def __init__(
        self, limit_s: float | None, say: Callable[[str], None], at_every_turn: Callable[[], None]
    ) -> None:
        """Args:
        limit_s: the user's own limit; None for none.
        say: prints a line for the user.
        at_every_turn: is called at every turn of Tune's loop.
        """
        self._limit_s, self._say, self._at_every_turn = limit_s, say, at_every_turn
        self._silences: dict[str, _Silence] = {}  # by Tune's trial id
        self._longest_s: float | None = None  # of the intervals so far
        self._last_turn = time.monotonic()
        self._can_see_workers = True

    @property
    def limit_s(self) -> float | None:
        """How long a population may be silent; None: for ever."""
        if self._limit_s is not None or self._longest_s is None:
            return self._limit_s
        return max(_LEAST_LIMIT_S, _LONGEST_INTERVALS * self._longest_s)

    def on_trial_result(self, iteration: int, trials: Any, trial: Any, result: Any, **info: Any) -> None:  # noqa: ARG002  # Tune's
        """A report: the population is well."""
        if silence := self._silences.pop(trial.trial_id, None):
            self._longest_s = max(self._longest_s or 0.0, silence.seconds)

    def on_step_begin(self, iteration: int, trials: Any, **info: Any) -> None:  # noqa: ARG002  # Tune's signature
        """A turn of the loop, several times a second: kills what has been silent for too long."""
        self._at_every_turn()
        now = time.monotonic()
        passed_s, self._last_turn = min(now - self._last_turn, _MOST_BETWEEN_TURNS_S), now
        actors = self._actors(trials)
        for trial_id, actor in actors.items():
            silence = self._silences.get(trial_id)
            if silence is None or silence.actor is not actor:
                self._silences[trial_id] = _Silence(actor)
                continue
            silence.seconds += passed_s
            if actor is not None and self.limit_s is not None and silence.seconds > self.limit_s:
                self._say(
                    f"a population has not reported for {silence.seconds:.0f} s: its worker is killed, and "
                    "it goes on in another"
                )
                silence.seconds = 0.0
                ray.kill(actor)
        self._silences = {trial_id: s for trial_id, s in self._silences.items() if trial_id in actors}

    def _actors(self, trials: Any) -> dict[str, Any]:
        """The actors of the Tune trials that run; none where this Ray does not tell, which is said once."""
        if not self._can_see_workers:
            return {}
        try:
            return {t.trial_id: actor_of(t) for t in trials if t.status == "RUNNING"}
        except RayChangedError as error:
            self._can_see_workers = False
            self._say(f"workers that hang are not killed: {error}")
            return {}
