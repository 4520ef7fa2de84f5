"""Extension and refinement of a search, which make the comparison of its methods fair: they try values beyond
a range at whose end an optimum lies, and values between the searched ones beside each optimum.

A search tries many more pairs off the diagonal than on it, and the diagonal need not have been tried at the
same values. Where the true optimum lies on the diagonal between two searched values, some pair off the
diagonal may be nearer to it than any pair that was tried on it. Fresh seeds then show that pair to be better,
although the optimum lies on the diagonal. So after a search, and before its confirmation, there are:

    extension    where a method's best value is the first or the last of its range, a value beyond it by a
                 factor of sqrt(3) is tried, up to four times at each end (EXTENSIONS);
    refinement   between a method's best value and each of its neighbours their geometric mean is tried, until
                 the neighbour is near (a factor of 1.35) and differs by less than a standard error. The
                 diagonal is refined until it has had as many trials as there are off it, and is also tried at
                 the tau_f, the tau_b and their geometric mean of the best pair off it. The other methods get
                 at most six trials (REFINEMENTS).

Both work along lines, on which only one number changes: tau = tau_f = tau_b on the diagonal, tau_b of argmax,
a baseline's temperature, and either temperature of the best pair off the diagonal. New trials have the
learning rate and the optimiser's settings of the line's best trial. Off the diagonal and on it there may be
two best trials: the one with the best mean over seeds, and the one that is best by the smoothed surface that
later selects what is confirmed (evidence/smoothing.py). Then there are lines through both.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from trainables.estimator_names import TEMPERATURES
from tuner.evidence.over_seeds import sem
from tuner.evidence.paired import pairs_by_seed
from tuner.evidence.selection import ARGMAX, OFF, ON, best, finished, kind_of
from tuner.evidence.smoothing import smoothed_best
from tuner.ledger.methods import DECOUPLED, SOFTMAX, Method
from tuner.ledger.objective import Objective
from tuner.ledger.rows import COMPETING, PRINTED, Proposal, Role, TrialRow
from tuner.spec.counts import EXTENSIONS, REFINEMENTS
from tuner.spec.study import StudySpec
from tuner.strategies.base import Answer, Signal, Strategy

_STEP = math.sqrt(3)  # factor by which an extension goes beyond the end of a range
_NEAR = 1.35  # ratio of neighbours below which they are near enough, if they hardly differ
_SAME = 1.15  # ratio of neighbours below which nothing is tried between them
_LEAST, _MOST = 1e-4, 1e3  # bounds of the temperatures that an extension tries


@dataclass(frozen=True)
class Line:
    """The configurations of one method that differ in one temperature only, through one of its trials."""

    kind: str  # the method, as `kind_of` names it
    leader: TrialRow  # the best trial on it, through which it goes
    tau: Callable[[TrialRow], float]  # a trial's value of the temperature that changes
    # (temperature, trial) -> the configuration at that temperature with the trial's learning rate and
    # settings of the optimiser, with the role extension
    at: Callable[[float, TrialRow], Proposal]
    on_line: Callable[[TrialRow], bool]  # whether a trial of this method lies on it


class Refined(Strategy):
    """A search, followed by the extension of its ranges and the refinement of its optima."""

    def __init__(self, search: Strategy, spec: StudySpec, objective: Objective) -> None:
        self._search = search
        self._spec = spec
        self._objective = objective
        # The numbers of the trials through which the surface was fitted, and the best of each kind by it.
        self._smoothed: tuple[list[int], dict[str, TrialRow | None]] = ([], {})

    def rung(self, role: Role, interval: int) -> int | None:
        """The search's next rung; none for extensions and refinements, which are trained to their end."""
        return self._search.rung(role, interval) if role in PRINTED else None

    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """The search's answer; once its trials have ended, extensions, and after these refinements."""
        answer = self._search.suggest([t for t in history if t.role in PRINTED], n)
        if answer is not Signal.DONE:
            return answer
        if any(t.role in PRINTED and not t.terminal for t in history):
            return Signal.WAIT
        for wanted, proposals in ((self._spec.extend, self._extended), (self._spec.refine, self._refined)):
            if wanted and (new := _new(proposals(history), history)):
                return new[:n]
            if any(not t.terminal for t in history):
                return Signal.WAIT
        return Signal.DONE

    def _extended(self, history: Sequence[TrialRow]) -> Iterator[Proposal]:
        for line in self._lines(history):
            trials = _of_kind(history, line.kind)
            top, values = line.tau(line.leader), [line.tau(t) for t in trials if line.tau(t) > 0]
            if not top:
                continue
            printed = [line.tau(t) for t in trials if t.role in PRINTED and line.tau(t) > 0]
            added = {line.tau(t) for t in trials if t.role is Role.EXTENSION and line.on_line(t)}
            below = sum(tau < min(printed) for tau in added)
            for end, factor, steps in (
                (min(values), 1 / _STEP, below),
                (max(values), _STEP, len(added) - below),
            ):
                tau = significant(top * factor)
                if top == end and steps < EXTENSIONS and _LEAST <= tau <= _MOST:
                    yield line.at(tau, line.leader)

    def _refined(self, history: Sequence[TrialRow]) -> Iterator[Proposal]:
        of_kind = {kind: _of_kind(history, kind) for kind in (OFF, ARGMAX, ON)}  # baselines are extended only
        room = {
            kind: REFINEMENTS - sum(t.role is Role.REFINEMENT for t in trials)
            for kind, trials in of_kind.items()
        } | {ON: len(of_kind[OFF]) - len({t.method for t in of_kind[ON]})}
        for line in self._lines(history):
            if line.kind not in of_kind:
                continue
            wanted = [*self._between(line, [t for t in of_kind[line.kind] if line.on_line(t)])]
            if line.kind is ON:
                for leader in self._tops(history, OFF):
                    wanted += self._pointed_at(line, of_kind[ON], leader)
            new = _new(wanted, history)[: max(0, room[line.kind])]
            room[line.kind] -= len(new)
            yield from (_as_refinement(p) for p in new)

    def _between(self, line: Line, trials: Sequence[TrialRow]) -> Iterator[Proposal]:
        """Configurations between the best value and each neighbour, unless the two are near each other and
        their objectives are alike. `trials` are those on the line.
        """
        leaders = _leaders(line, finished(trials), self._objective)
        tried = {line.tau(t) for t in trials}
        top = line.leader
        for low, high in pairwise(leaders):
            if line.tau(top) not in (low, high):
                continue
            other = leaders[high if line.tau(top) == low else low]
            tau = _untried_between(low, high, tried)
            apart = high / low
            if tau is not None and apart > _SAME and (apart > _NEAR or not self._alike(top, other)):
                yield line.at(tau, top)

    def _alike(self, trial: TrialRow, other: TrialRow) -> bool:
        """Whether the mean difference of two trials is at most one standard error, paired over seeds."""
        differences = [mine - its for mine, its in pairs_by_seed(trial, other)]
        error = sem(differences)
        return error is not None and abs(sum(differences) / len(differences)) <= error

    def _pointed_at(self, line: Line, on: Sequence[TrialRow], leader: TrialRow) -> Iterator[Proposal]:
        """Configurations on the diagonal at the tau_f, at the tau_b and at their geometric mean of `leader`,
        a best pair off it. Values next to those of `on`, the trials on the diagonal, are left out.
        """
        if not leader.tau_f or not leader.tau_b:
            return
        tried, places = {line.tau(t) for t in on}, [line.tau(t) for t in finished(on)]
        for value in (leader.tau_f, leader.tau_b, math.sqrt(leader.tau_f * leader.tau_b)):
            tau = significant(value)
            if tau not in tried and all(max(tau, other) / min(tau, other) > _SAME for other in places):
                places.append(tau)
                yield line.at(tau, leader)

    def _lines(self, history: Sequence[TrialRow]) -> Iterator[Line]:
        """The lines through the best trials of all methods that the study has."""
        kinds = {kind_of(t) for t in history if t.role in COMPETING and t.variant.steady}
        for kind in (ON, ARGMAX, OFF, *sorted(kinds & TEMPERATURES.keys())):
            for leader in self._tops(history, kind):
                yield from _lines_through(leader, kind)

    def _tops(self, history: Sequence[TrialRow], kind: str) -> list[TrialRow]:
        """The best trial of a kind by the mean over seeds and, if it is another one, that by the smoothed
        surface.
        """
        top = best(_of_kind(history, kind), self._objective)
        smoothed = self._by_surface(history).get(kind) if kind in (OFF, ON) else None
        return list({t.number: t for t in (top, smoothed) if t is not None}.values())

    def _by_surface(self, history: Sequence[TrialRow]) -> dict[str, TrialRow | None]:
        """The best trial off the diagonal and the best on it by the smoothed surface through the trials of
        both. The surface takes a while to fit, so it is kept until there are other trials.
        """
        kinds = {kind: _of_kind(history, kind) for kind in (OFF, ON)}
        surface = [*kinds[OFF], *kinds[ON]]
        numbers = [t.number for t in finished(surface)]
        if self._smoothed[0] != numbers:
            tops = {kind: smoothed_best(trials, self._objective, surface) for kind, trials in kinds.items()}
            self._smoothed = (numbers, tops)
        return self._smoothed[1]


def _lines_through(leader: TrialRow, kind: str) -> Iterator[Line]:
    """The lines through the best trial of a kind."""
    tau_f, tau_b = leader.tau_f, leader.tau_b
    if kind == ON:
        yield Line(ON, leader, _tau_b, _on_diagonal, _any)
    elif kind == ARGMAX:
        yield Line(ARGMAX, leader, _tau_b, lambda tau, like: _proposal(DECOUPLED, 0.0, tau, like), _any)
    elif kind == OFF:
        along_f, along_b = (
            lambda tau, like: _proposal(DECOUPLED, tau, tau_b, like),
            lambda tau, like: _proposal(DECOUPLED, tau_f, tau, like),
        )
        yield Line(OFF, leader, _tau_f, along_f, lambda t: t.tau_b == tau_b)
        yield Line(OFF, leader, _tau_b, along_b, lambda t: t.tau_f == tau_f)
    elif takes := TEMPERATURES[kind]:

        def at(tau: float, like: TrialRow) -> Proposal:
            return _proposal(kind, tau if "tau_f" in takes else None, tau if "tau_b" in takes else None, like)

        yield Line(kind, leader, _tau_b if "tau_b" in takes else _tau_f, at, _any)


def _new(proposals: Iterable[Proposal], history: Sequence[TrialRow]) -> list[Proposal]:
    """The proposals whose configuration no competing trial has, each once. A decoupled pair that lies on the
    diagonal is left out: the diagonal has its own line, whose proposals are softmax ST.
    """
    have = {t.method for t in history if t.role in COMPETING}
    new: dict[Method, Proposal] = {}
    for p in proposals:
        if p.method not in have and (p.estimator == SOFTMAX or not p.method.on_diagonal):
            new.setdefault(p.method, p)
    return list(new.values())


def _untried_between(low: float, high: float, tried: set[float]) -> float | None:
    """The geometric mean of two neighbours. If that was tried without a result, because the trial diverged,
    the value at one third or at two thirds of the way between them on a logarithmic scale. None where all
    three were tried, or lie too near to a neighbour.
    """
    for share in (1 / 2, 1 / 3, 2 / 3):
        tau = significant(low * (high / low) ** share)
        if tau not in tried and min(tau / low, high / tau) > _SAME ** (1 / 3):
            return tau
    return None


def significant(tau: float) -> float:
    """A temperature rounded to 3 significant digits, which people can read, write down and use again."""
    return float(f"{tau:.3g}")


def _proposal(estimator: str, tau_f: float | None, tau_b: float | None, like: TrialRow) -> Proposal:
    return Proposal(Role.EXTENSION, estimator, tau_f, tau_b, like.lr, like.variant)


def _as_refinement(p: Proposal) -> Proposal:
    return replace(p, role=Role.REFINEMENT)


def _on_diagonal(tau: float, like: TrialRow) -> Proposal:
    return _proposal(SOFTMAX, tau, tau, like)


def _of_kind(history: Sequence[TrialRow], kind: str) -> list[TrialRow]:
    """The competing trials of a kind whose variant is steady (Variant.steady)."""
    return [t for t in history if t.role in COMPETING and t.variant.steady and kind_of(t) == kind]


def _leaders(line: Line, trials: Sequence[TrialRow], objective: Objective) -> dict[float, TrialRow]:
    """The best trial at each value along a line, {value: trial}, the values ascending."""
    values = sorted({line.tau(t) for t in trials if line.tau(t) > 0})
    leaders = {value: best((t for t in trials if line.tau(t) == value), objective) for value in values}
    return {value: leader for value, leader in leaders.items() if leader is not None}


def _tau_f(trial: TrialRow) -> float:
    return trial.tau_f or 0.0


def _tau_b(trial: TrialRow) -> float:
    return trial.tau_b or 0.0


def _any(_: TrialRow) -> bool:
    return True
