"""One searcher between any strategy and Ray Tune: proposals become populations, populations' reports become ledger rows."""

import hashlib
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from trainables.ray_trainable import PopulationConfig, Report
from tuner.ledger import Lease, Ledger
from tuner.rows import TrialRow
from tuner.spec import StudySpec
from tuner.strategies import Signal, Strategy

Configure = Callable[[str, Sequence[TrialRow]], PopulationConfig]  # (population id, its trials) -> what Tune is told
Observe = Callable[[str, Report], None]  # (population id, its report)


class PopulationSearcher(Searcher):  # type: ignore[misc]  # ray is untyped
    """Asks the strategy for as many trials as a population should hold, and writes what comes back.

    An exception here (the ledger is gone, the lease was lost) is no failure of a population. Tune would take it for one and
    retry, so it is kept in `fatal`, which ends the run through `StopOnFatal`.
    """

    def __init__(
        self,
        *,
        ledger: Ledger,
        lease: Lease,
        spec: StudySpec,
        strategy: Strategy,
        trials_per_population: Callable[[str], int],  # role -> how many
        configure: Configure,
        observe: Observe,
    ) -> None:
        super().__init__()  # no metric: selection is the evidence's, not Tune's
        self._ledger, self._lease, self._spec, self._strategy = ledger, lease, spec, strategy
        self._trials_per_population, self._configure, self._observe = trials_per_population, configure, observe
        self._running: dict[str, tuple[str, list[int]]] = {}  # Tune's trial id -> (population, numbers of its trials)
        unfinished = [t.population for t in ledger.trials(lease.study) if not t.terminal]
        self._left_over = deque(dict.fromkeys(unfinished))  # populations that a driver before this one did not finish
        self.fatal: BaseException | None = None

    def suggest(self, trial_id: str) -> Any:
        """The next population as a Tune config; None to wait; FINISHED."""
        if self.fatal:
            return Searcher.FINISHED
        try:
            return self._next(trial_id)
        except Exception as error:  # noqa: BLE001  # kept, and raised by the run
            self.fatal = error
            return Searcher.FINISHED

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Writes a report of a population."""
        self._take(trial_id, Report.from_tune(result))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Writes the last report; or, where the worker was lost for good, the failure of its trials."""
        if result and "report" in result and not error:
            self._take(trial_id, Report.from_tune(result))
        _, numbers = self._running.pop(trial_id, ("", []))
        if error and numbers:
            self._guarded(
                lambda: self._ledger.fail(self._lease, numbers, "the worker process died repeatedly; Ray's logs say more")
            )

    def save(self, checkpoint_path: str) -> None:
        """Nothing: the ledger has it all."""

    def restore(self, checkpoint_path: str) -> None:
        """Nothing: studies resume from the ledger."""

    def __getstate__(self) -> dict[str, Any]:
        """Nothing, for the same reason: Tune pickles its searcher into every snapshot, and a ledger cannot be pickled."""
        return {}

    def _next(self, trial_id: str) -> Any:
        if self._left_over:
            population = self._left_over.popleft()
            trials = self._ledger.restart_population(self._lease, population)
        else:
            history = self._ledger.trials(self._lease.study)
            proposals = self._strategy.suggest(history, self._trials_per_population("search"))
            if proposals is Signal.WAIT:
                return None
            if proposals is Signal.DONE:
                return Searcher.FINISHED
            role = proposals[0].role  # of other seeds, all of them are: a population has one set of seeds
            proposals = proposals[: self._trials_per_population(role)]
            seeds = self._spec.seeds_of(role)
            population = hashlib.blake2b("\n".join(p.key for p in proposals).encode(), digest_size=6).hexdigest()
            trials = self._ledger.start_population(self._lease, population, proposals, seeds)
        self._running[trial_id] = (population, [t.number for t in trials])
        return self._configure(population, trials).to_tune()

    def _take(self, trial_id: str, report: Report) -> None:
        population, numbers = self._running.get(trial_id, ("", []))
        if self.fatal or not population:
            return

        def write() -> None:
            if report.error is not None:
                self._ledger.fail(self._lease, numbers, report.error)
            else:
                self._ledger.record(
                    self._lease,
                    interval=report.interval,
                    epoch=report.epoch,
                    training_s=report.training_s,
                    rows=report.rows,
                    final=report.final,
                )

            self._observe(population, report)

        self._guarded(write)

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:  # noqa: BLE001  # kept, and raised by the run
            self.fatal = error


class StopOnFatal(Stopper):  # type: ignore[misc]  # ray is untyped
    """Ends the Tune run when the searcher cannot go on."""

    def __init__(self, searcher: PopulationSearcher) -> None:
        self._searcher = searcher

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:  # noqa: ARG002  # Tune's signature
        """No Tune trial is stopped on its own."""
        return False

    def stop_all(self) -> bool:
        """Whether the whole run ends."""
        return self._searcher.fatal is not None
