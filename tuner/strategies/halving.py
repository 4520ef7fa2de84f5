"""Successive halving of the grid: all trials are trained to the first rung, and at each rung about one trial
in eta goes on. A rung is a report interval at which trials pause.

Jamieson & Talwalkar 2016, "Non-stochastic best arm identification and hyperparameter optimization". Every
trial competes only with trials of its own method (off the diagonal, argmax, on the diagonal, each baseline),
so that every method keeps the same share of its trials, and at least one is trained to its end. The trials
that go on from several populations are joined in new populations.

Of a method with m trials, the m / eta with the best mean objective over seeds go on from the first rung, m /
eta^2 from the second, and so on, but at least one. Because these means are noisy, some trials below the cut
go on as well: those that are within one standard error, of the differences seed by seed, of the last trial
above the cut. They are at most half as many as the trials above it.
"""

from collections import defaultdict
from collections.abc import Sequence

from tuner.evidence.selection import kind_of
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Continuation, Role, TrialRow, TrialState
from tuner.spec.search import HalvingSearch
from tuner.spec.study import StudySpec
from tuner.strategies.base import Answer, Decision, Signal, Strategy, continuing, lacking
from tuner.strategies.proposals import baselines, pairs
from tuner.strategies.scores import Scores


class Halving(Strategy):
    """Proposes the grid and the baselines, then decides at each rung which trials go on."""

    def __init__(self, spec: StudySpec, search: HalvingSearch, objective: Objective) -> None:
        self._search = search
        self._scores = Scores(objective)
        self._ladder = search.ladder(spec.intervals)
        self._wanted = [*pairs(spec, search.forward, search.backward), *baselines(spec)]

    def rung(self, role: Role, interval: int) -> int | None:  # noqa: ARG002  # all are halved
        """The next rung of the ladder; none after the last but one, because the last is the end of
        training.
        """
        return next((rung for rung in self._ladder[:-1] if rung > interval), None)

    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """New trials while there are any; then a Decision about each method whose trials have all reached a
        rung; then the trials that are to continue.
        """
        if proposals := lacking(self._wanted, history):
            return proposals[:n]
        go_on: list[Continuation] = []
        stop: dict[int, str] = {}
        for method in _methods(history):
            self._decide(method, go_on, stop)
        if go_on or stop:
            return Decision(go_on, stop)
        if answer := continuing(history, n):
            return answer
        return Signal.WAIT if any(t.state is TrialState.RUNNING for t in history) else Signal.DONE

    def _decide(self, method: Sequence[TrialRow], go_on: list[Continuation], stop: dict[int, str]) -> None:
        """Adds to `go_on` and `stop` what becomes of a method's trials that are queued at a rung, if none of
        its trials is still being trained up to that rung.
        """
        queued = [t for t in method if t.state is TrialState.QUEUED and t.source is None]
        if not queued:
            return
        interval = min(t.intervals for t in queued)
        if any(not t.terminal and t.intervals < interval for t in method):
            return
        rung = self._ladder.index(interval)
        here = sorted(
            (t for t in queued if t.intervals == interval), key=lambda t: (self._scores.mean(t), t.number)
        )
        kept = min(self._search.kept(len(method), rung), len(here))
        made, missed = here[:kept], here[kept:]
        spared = [t for t in missed if self._close(t, made[-1])][: kept // 2]
        go_on += [Continuation.unchanged(t) for t in (*made, *spared)]
        went = f"{kept + len(spared)} went on"
        for t in missed:
            if t not in spared:
                stop[t.number] = (
                    f"dropped at rung {rung + 1} of {len(self._ladder)}, after {t.epoch:.4g} epochs: "
                    f"{self._scores.name} "
                    f"{self._scores.sign * self._scores.mean(t):.4g}, rank {here.index(t) + 1} of "
                    f"{len(here)}; {went}"
                )

    def _close(self, trial: TrialRow, last: TrialRow) -> bool:
        """Whether a trial is within one standard error of the last one that made the cut, seed by seed."""
        mean, error = self._scores.difference(trial, last)
        return error is not None and mean <= error


def _methods(history: Sequence[TrialRow]) -> list[list[TrialRow]]:
    """The trials in groups, one for each method that the evidence compares (evidence/selection.py)."""
    groups: dict[tuple[Role, str], list[TrialRow]] = defaultdict(list)
    for t in history:
        groups[t.role, t.estimator if t.role is Role.BASELINE else kind_of(t)].append(t)
    return list(groups.values())
