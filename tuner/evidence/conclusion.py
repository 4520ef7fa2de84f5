"""The verdict of a study: the best pair off the diagonal against the best on it, on fresh seeds; or why there
is no verdict.

Where there is none, a sentence says why: the study still runs, was cancelled, has no confirmation, or has
nothing to compare. A verdict off or on the diagonal is withheld where the diagonal's optimum lies at the edge
of what was searched and the range was not extended, because a better value may lie beyond the edge. How two
methods are judged is in verdicts.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tuner.evidence.confirmed import Rules, confirmed_trials, of_planned_looks
from tuner.evidence.edges import Edge, edges
from tuner.evidence.gains import gain
from tuner.evidence.labels import method_label
from tuner.evidence.levels import levels_at
from tuner.evidence.over_seeds import Gain
from tuner.evidence.power import detectable_effect
from tuner.evidence.reasons import SEEN, Missing, Names
from tuner.evidence.results import AsPrinted, Comparison
from tuner.evidence.selection import ARGMAX, OFF, ON, Selection, kind_of, select_as_printed
from tuner.evidence.trial_result import shown
from tuner.evidence.verdicts import VERDICTS, Decision, Verdict
from tuner.ledger.methods import Method
from tuner.ledger.rows import COMPETING, PRINTED, Role, StudyRow, StudyState, TrialRow, TrialState

_OVERSTATED = 1.2  # the factor from which a reader is told that a gain is overstated
# Why there are no fresh seeds, by the study's state.
_NOT_CONFIRMED = {
    StudyState.QUEUED: Missing.QUEUED,
    StudyState.CANCELLED: Missing.CANCELLED,
    StudyState.FAILED: Missing.FAILED,
    StudyState.INTERRUPTED: Missing.INTERRUPTED,
}
# Where there are fresh seeds, and more of them may come: why there is no verdict yet.
_UNFINISHED = {
    StudyState.QUEUED: Missing.CONFIRMING,
    StudyState.RUNNING: Missing.CONFIRMING,
    StudyState.INTERRUPTED: Missing.STOPPED,
}
_WHERE = {OFF: "off the diagonal with noise", ARGMAX: "with argmax", ON: "on the diagonal tau_f = tau_b"}


@dataclass(frozen=True)
class Conclusion:
    """What a study concludes."""

    main: Comparison  # off the diagonal with noise against the diagonal: the verdict
    argmax: Comparison | None  # argmax against the diagonal; None where it was not tried
    planned: Comparison | None  # the verdict by the planned looks alone; None where no seeds were added
    as_printed: AsPrinted | None  # by the search alone; None where nothing was extended or refined
    gains: dict[str, Gain | None]  # of the best off the diagonal over the best of each baseline
    edges: list[Edge]


def conclude(study: StudyRow, trials: Sequence[TrialRow], chosen: Selection, rules: Rules) -> Conclusion:
    """The conclusion from a study's trials. `chosen` are the best trials of every method by the search,
    `rules` how the study's confirmation is judged.
    """
    confirmations = confirmed_trials(trials)
    comparing = _Comparing(study, trials, confirmations, rules)
    at_edges = edges(trials, chosen)
    main = _withheld(comparing.with_diagonal(OFF, chosen), at_edges, study)
    argmax = None
    if chosen.argmax is not None:
        argmax = _withheld(comparing.with_diagonal(ARGMAX, chosen), at_edges, study)
    planned = None
    if main.gain is not None and main.gain.added_later:
        before = confirmed_trials(of_planned_looks(trials, rules))
        by_looks = _Comparing(study, trials, before, rules).with_diagonal(OFF, chosen)
        planned = _withheld(by_looks, at_edges, study)
    gains = _gains(chosen, confirmations, rules)
    return Conclusion(main, argmax, planned, _as_printed(comparing, trials, rules), gains, at_edges)


def verdict_notes(
    study: StudyRow, trials: Sequence[TrialRow], concluded: Conclusion, rules: Rules
) -> Iterable[str]:
    """Sentences, without full stops, that a reader of the verdict must know beside it."""
    yield from (edge.sentence for edge in concluded.edges)
    if concluded.main.gain is not None:
        yield from _power(concluded.main.gain, rules)
    if concluded.planned is not None:
        yield (
            "fresh seeds were added after the planned looks, so the verdict rests on the always-valid "
            "mixture t, which holds at every number of seeds; by the planned looks alone it was "
            f"{concluded.planned.verdict}: {concluded.planned.reason}"
        )
    if study.spec.get("refine", False) or not any(t.role is Role.CONFIRM for t in trials):
        return
    earlier = "the study was run by an earlier version, and its verdict is computed anew: "
    yield (
        f"{earlier if _of_earlier_version(study) else ''}the diagonal was not refined, so an optimum on it "
        "between searched values can look as if it lay off it"
    )


def _power(gain: Gain, rules: Rules) -> Iterable[str]:
    """A sentence on the gain that these seeds could show and on how much a called gain is overstated; none
    where the verdict's reason already says it.
    """
    if gain.detectable is None or gain.tells_power:
        return
    level = levels_at(gain.seeds, rules.design, added=gain.added_later).nominal(gain.seeds)
    deviations = detectable_effect(gain.seeds, level)
    told = (
        f"{gain.seeds} fresh seeds show a gain of {gain.detectable:.4g}, {deviations:.3g} standard "
        f"deviations of a difference, {SEEN}"
    )
    called = gain.decision in (Decision.BETTER, Decision.WORSE)
    if called and gain.exaggeration is not None and gain.exaggeration >= _OVERSTATED:
        told += (
            f"; were the true gain only the margin of {gain.margin:.4g}, one that they show would be "
            f"overstated {gain.exaggeration:.1f} times on average"
        )
    yield told


def _of_earlier_version(study: StudyRow) -> bool:
    """Whether its spec is from before optima were refined."""
    return "refine" not in study.spec


@dataclass(frozen=True)
class _Comparing:
    """Compares methods of a study with its diagonal."""

    study: StudyRow
    trials: Sequence[TrialRow]
    confirmations: Mapping[Method, TrialRow]
    rules: Rules

    def with_diagonal(self, kind: str, chosen: Selection) -> Comparison:
        """The verdict on a method off the diagonal against the best on it."""
        mine, rival = chosen.named().get(kind), chosen.diagonal
        if mine is None or rival is None:
            return Comparison(verdict=Verdict.NONE, reason=self._nothing(kind, chosen), gain=None)
        fresh, its = (self.confirmations.get(t.method) for t in (mine, rival))
        if fresh is None or its is None:
            reason = self._no_fresh_seeds(mine, rival)
            return Comparison(verdict=Verdict.NONE, reason=reason, gain=gain(mine, rival, self.rules))
        names = Names(method="argmax" if kind == ARGMAX else Names.method)
        measured = gain(fresh, its, self.rules, margin=self.rules.margin_for(rival), names=names)
        if measured is None:
            reason = f"{names.method} and {names.rival} have no fresh seed in common"
            return Comparison(verdict=Verdict.NONE, reason=reason, gain=None)
        if (unfinished := _UNFINISHED.get(self.study.state)) is not None:
            reason = f"{unfinished.value}; so far {measured.reason}"
            return Comparison(verdict=Verdict.NONE, reason=reason, gain=measured)
        if self.rules.design is None and not measured.added_later:
            return Comparison(verdict=Verdict.UNDECIDED, reason=_too_few(measured.seeds), gain=measured)
        verdict = VERDICTS[Decision(measured.decision)]
        return Comparison(verdict=verdict, reason=measured.reason, gain=measured)

    def _no_fresh_seeds(self, mine: TrialRow, rival: TrialRow) -> str:
        """Why the selected trials have no gain on fresh seeds."""
        state, confirming = self.study.state, [t for t in self.trials if t.role is Role.CONFIRM]
        if not self.rules.looks:
            return Missing.NO_CONFIRMATION.value
        if state is StudyState.RUNNING:
            return (Missing.CONFIRMING if confirming else Missing.RUNNING).value
        if state in _NOT_CONFIRMED:
            return _NOT_CONFIRMED[state].value
        tried = {t.method for t in confirming}
        if mine.method in tried and rival.method in tried:
            return "a confirmation of one of the two failed, for the reason that its trial gives"
        if _of_earlier_version(self.study) and rival.method in tried:
            return (
                "the version that ran this study took argmax (tau_f = 0) and pairs with noise for one "
                "method, and trained only the best of both on fresh seeds"
            )
        return "what is selected now was not trained on fresh seeds"

    def _nothing(self, kind: str, chosen: Selection) -> str:
        """What is missing for a comparison with the diagonal."""
        if self.study.state in (StudyState.QUEUED, StudyState.RUNNING):
            return (Missing.QUEUED if self.study.state is StudyState.QUEUED else Missing.RUNNING).value
        missing = [name for name in (kind, ON) if chosen.named().get(name) is None]
        if len(missing) == 2:
            return _neither(self.trials)
        where = _WHERE[missing[0]]
        ran = [t for t in self.trials if t.role in COMPETING and kind_of(t) == missing[0]]
        if not ran:
            advice = "; the baseline softmax lies on it" if missing[0] == ON else ""
            return f"there is nothing to compare with: no trial {where} was run{advice}"
        became = {t.state for t in ran}
        if became == {TrialState.DIVERGED}:
            return f"there is nothing to compare with: every trial {where} diverged on some seed"
        if became == {TrialState.STOPPED}:
            return f"there is nothing to compare with: every trial {where} was stopped before its end"
        return (
            f"there is nothing to compare with: no trial {where} was trained to its end with an objective on "
            "every seed"
        )


def _neither(trials: Sequence[TrialRow]) -> str:
    """Why there is neither a method nor its rival: no such pair was tried, or all trials had one fate."""
    competing = [t for t in trials if t.role in COMPETING]
    if competing and not any(kind_of(t) in (OFF, ON) for t in competing):
        return Missing.NO_PAIR_WITH_NOISE.value
    fates = {t.state for t in competing}
    return {
        frozenset({TrialState.STOPPED}): Missing.ALL_STOPPED,
        frozenset({TrialState.DIVERGED}): Missing.ALL_DIVERGED,
        frozenset({TrialState.FAILED}): Missing.ALL_FAILED,
    }.get(frozenset(fates), Missing.NEITHER).value


def _too_few(seeds: int) -> str:
    return f"{seeds} fresh seed{'s' if seeds != 1 else ''} cannot decide: a test takes 3 or more"


def _withheld(comparison: Comparison, at_edges: Sequence[Edge], study: StudyRow) -> Comparison:
    """The comparison; with the verdict undecided instead of off or on the diagonal where the diagonal's
    optimum is at the edge of what was searched and the study does not extend ranges, as studies of earlier
    versions did not.
    """
    directional = comparison.verdict in (Verdict.OFF, Verdict.ON)
    edge = next((e for e in at_edges if e.kind == ON), None)
    if not directional or edge is None or study.spec.get("extend", False):
        return comparison
    reason = (
        f"the diagonal's optimum is at the edge of what was searched (tau = {edge.value:g} is the {edge.end})"
        f", and the study does not extend ranges; what was measured: {comparison.reason}"
    )
    return comparison.model_copy(update={"verdict": Verdict.UNDECIDED, "reason": reason})


def _gains(
    chosen: Selection, confirmations: Mapping[Method, TrialRow], rules: Rules
) -> dict[str, Gain | None]:
    """The gain of the best trial off the diagonal over the best of each baseline, {baseline: gain}; None
    where the two share no seed.
    """
    mine = chosen.off_diagonal
    if mine is None:
        return dict.fromkeys(chosen.baselines)
    margin = rules.margin_for(chosen.diagonal)
    gains = {}
    for name, rival in chosen.baselines.items():
        fresh, its = (confirmations.get(t.method) for t in (mine, rival))
        if fresh is None or its is None:
            gains[name] = gain(mine, rival, rules)
        else:
            names = Names(rival=f"the best of {method_label(name)}")
            gains[name] = gain(fresh, its, rules, margin=margin, names=names)
    return gains


def _as_printed(comparing: _Comparing, trials: Sequence[TrialRow], rules: Rules) -> AsPrinted | None:
    """What the search alone shows; None where nothing was extended or refined."""
    if all(t.role in PRINTED or t.role not in COMPETING for t in trials):
        return None
    printed = select_as_printed(trials, rules.objective)
    compared = comparing.with_diagonal(OFF, printed)
    return AsPrinted(
        verdict=compared.verdict,
        reason=compared.reason,
        gain=compared.gain,
        off_diagonal_best=shown(printed.off_diagonal),
        argmax_best=shown(printed.argmax),
        diagonal_best=shown(printed.diagonal),
    )
