"""The adapter between any strategy and Ray Tune: proposals become populations, and their reports become rows
of the ledger.
"""

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from ray.tune.search import Searcher
from ray.tune.stopper import Stopper

from trainables.population_report import Report
from tuner.driver.populations import Populations
from tuner.ledger.history import History
from tuner.ledger.lease import Lease
from tuner.ledger.rows import Proposal, Role, TrialRow, TrialState
from tuner.ledger.store import Ledger
from tuner.strategies import Continue, Decision, Signal, Strategy


@dataclass(frozen=True)
class _Running:
    """A population that is being trained."""

    population: str  # its id
    numbers: list[int]  # of its trials


class PopulationSearcher(Searcher):  # type: ignore[misc]  # ray is untyped
    """Asks the strategy for as many trials as a population should hold, and writes the reports to the ledger.

    An exception here (the ledger is gone, the lease was lost) is not a failure of a population, but Tune
    would treat it as one and retry. So it is kept in `fatal`, which ends the run through `StopOnFatal`.
    """

    def __init__(
        self, ledger: Ledger, lease: Lease, history: History, strategy: Strategy, populations: Populations
    ) -> None:
        super().__init__()  # no metric: selection is the evidence's, not Tune's
        self._ledger, self._lease, self._history = ledger, lease, history
        self._strategy, self._populations = strategy, populations
        self._running: dict[str, _Running] = {}  # by Tune's trial id
        self._begun = 0  # populations
        # Populations that a driver before this one did not finish.
        self._unfinished = deque(
            dict.fromkeys(t.population for t in history.trials() if t.state is TrialState.RUNNING)
        )
        self.fatal: BaseException | None = None

    def suggest(self, trial_id: str) -> Any:
        """The next population as a Tune config; None: ask again later; FINISHED: the study is done."""
        if self.fatal:
            return Searcher.FINISHED
        try:
            return self._next(trial_id)
        except Exception as error:  # noqa: BLE001  # kept, and raised by the run
            self.fatal = error
            return Searcher.FINISHED

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Writes a report of a population."""
        self._take(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Writes the last report; or, where the worker was lost for good, the failure of its trials."""
        if result and "report" in result and not error:
            self._take(trial_id, result)
        running = self._running.pop(trial_id, None)
        if error and running:
            reason = "the worker process died repeatedly; Ray's logs say more"
            self._guarded(lambda: self._ledger.fail(self._lease, running.numbers, reason))

    def save(self, checkpoint_path: str) -> None:
        """Does nothing: the ledger has everything."""

    def restore(self, checkpoint_path: str) -> None:
        """Does nothing: studies resume from the ledger."""

    def __getstate__(self) -> dict[str, Any]:
        """Empty, for the same reason: Tune pickles its searcher into every snapshot, and a ledger cannot be
        pickled.
        """
        return {}

    def _next(self, trial_id: str) -> Any:
        if self._unfinished:
            population = self._unfinished.popleft()
            trials = self._ledger.restart_population(self._lease, population)
        else:
            answer = self._ask()
            if answer is Signal.WAIT:
                return None
            if answer is Signal.DONE:
                return Searcher.FINISHED
            population, trials = (
                self._go_on(answer.numbers) if isinstance(answer, Continue) else self._begin(answer)
            )
        numbers = [t.number for t in trials]
        self._running[trial_id] = _Running(population, numbers)
        start = self._rung_before(trials[0])
        self._populations.forget_paused_states(numbers, before=start)
        until = self._strategy.rung(trials[0].role, start)
        self._begun += 1
        return self._populations.config(population, self._begun, trials, start, until).to_tune()

    def _ask(self) -> Any:
        """The strategy's answer, after its Decisions, if any, have been written to the ledger."""
        n = self._populations.size(Role.SEARCH)
        while isinstance(answer := self._strategy.suggest(self._history.trials(), n), Decision):
            self._ledger.decide(self._lease, answer.go_on, answer.stop)
            self._populations.forget_paused_states(answer.stop)
        return answer

    def _begin(self, proposals: Sequence[Proposal]) -> tuple[str, list[TrialRow]]:
        """A population of new trials: those that are trained on the same seeds, and up to the same rung, as
        the first.
        """
        spec = self._populations.spec

        def seeds(p: Proposal) -> tuple[int, ...]:
            return spec.seeds_of(p.role, self._lease.study_id, p.look)

        def kind(p: Proposal) -> tuple[tuple[int, ...], int | None]:
            return seeds(p), self._strategy.rung(p.role, 0)

        alike = [p for p in proposals if kind(p) == kind(proposals[0])]
        chosen = alike[: self._populations.size(proposals[0].role, len(seeds(proposals[0])))]
        population = _population_id(p.key for p in chosen)
        return population, self._ledger.start_population(self._lease, population, chosen, seeds(chosen[0]))

    def _go_on(self, numbers: Sequence[int]) -> tuple[str, list[TrialRow]]:
        """A population of trials that had paused, which may come from several populations. Waiting trials are
        divided among the idle devices.
        """
        idle = max(1, self._populations.at_once - len(self._running))
        chosen = numbers[: -(-len(numbers) // idle)]
        trials = {t.number: t for t in self._history.trials()}
        population = _population_id(f"{n} {trials[n].intervals}" for n in chosen)
        return population, self._ledger.continue_population(self._lease, population, chosen)

    def _rung_before(self, trial: TrialRow) -> int:
        """The interval at which a trial last paused: 0, or a rung."""
        rung = 0
        while (
            following := self._strategy.rung(trial.role, rung)
        ) is not None and following <= trial.intervals:
            rung = following
        return rung

    def _take(self, trial_id: str, result: dict[str, Any]) -> None:
        """Writes a report, once: Tune calls twice with the last report of a population."""
        running = self._running.get(trial_id)
        if self.fatal or running is None or not result["report"]:
            return
        report = Report.from_tune(result)
        # Tune keeps the last result of every Tune trial to the end, with the files of trained models in it.
        result["report"].clear()
        self._guarded(lambda: self._write(running, report))

    def _write(self, running: _Running, report: Report) -> None:
        # The files first: a trial that has ended in the ledger is never trained again.
        self._populations.keep_artifacts(report)
        if report.error is not None:
            self._ledger.fail(self._lease, running.numbers, report.error)
        else:
            self._ledger.record(
                self._lease,
                interval=report.interval,
                epoch=report.epoch,
                training_s=report.training_s,
                rows=report.rows,
                final=report.final,
                paused=report.paused,
            )
        self._populations.progress.observe(running.population, report, self._history.trials())

    def _guarded(self, write: Callable[[], None]) -> None:
        try:
            write()
        except Exception as error:  # noqa: BLE001  # kept, and raised by the run
            self.fatal = error


def _population_id(parts: Iterable[str]) -> str:
    """A population's id: a hash of what is trained."""
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=6).hexdigest()


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
