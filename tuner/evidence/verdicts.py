"""Decides what may be said of two methods that were trained on the same fresh seeds, and why. `judge` says:

    better, worse           the interval of the mean gain excludes 0, and the median has the same sign. The
    gain
                            is also *relevant* where the interval excludes the margin
    practically equal       the 90 % interval of the gain lies within the margin (two one-sided tests at 5 %
                            each), even where the gain is shown not to be 0
    mixed                   the mean is significant and the median is 0 or has the opposite sign, or the wins
    are
                            significant and the mean has the opposite sign: for instance because one method
                            collapses on a few seeds
    undecided               none of these; the reason says which gain these seeds could have detected
    no verdict              there is nothing to compare, or not yet

The verdict "off the diagonal" is the decision "better" about the best pair off the diagonal against the best
on it (VERDICTS). Where a method diverged on any seed, a mean would leave out that seed. Then the wins decide,
by the exact sign test: on how many seeds each method is better, where divergence counts as worse than any
number. The levels are those of the planned looks (`sequential_design`) or, where seeds were added afterwards,
levels that are valid at every number of seeds (`always_valid`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tuner.evidence.levels import Levels, levels_at
from tuner.evidence.paired_gain import PairedGain
from tuner.evidence.power import detectable_effect, exaggeration, seeds_to_detect
from tuner.evidence.reasons import Names, Sentences
from tuner.evidence.seed_mean import FEWEST_SEEDS, SeedMean
from tuner.evidence.sequential_design import SequentialDesign


class Decision(StrEnum):
    """What is said about a method and its rival."""

    BETTER = "better"
    WORSE = "worse"
    EQUAL = "practically equal"
    MIXED = "mixed"
    UNDECIDED = "undecided"
    NONE = "no verdict"


class Verdict(StrEnum):
    """The same, where the method is off the diagonal and its rival on it."""

    OFF = "off the diagonal"
    ON = "on the diagonal"
    PRACTICALLY_ON = "practically on the diagonal"
    MIXED = "mixed"
    UNDECIDED = "undecided"
    NONE = "no verdict"


VERDICTS: Mapping[Decision, Verdict] = {
    Decision.BETTER: Verdict.OFF,
    Decision.WORSE: Verdict.ON,
    Decision.EQUAL: Verdict.PRACTICALLY_ON,
    Decision.MIXED: Verdict.MIXED,
    Decision.UNDECIDED: Verdict.UNDECIDED,
    Decision.NONE: Verdict.NONE,
}


class Basis(StrEnum):
    """What a decision rests on."""

    T_TEST = "paired t-test"
    ONE_SIDED_TESTS = "two one-sided t-tests"
    WINS = "exact sign test"
    ALWAYS_VALID_T = "always-valid mixture t-test"
    ALWAYS_VALID_INTERVAL = "always-valid mixture t interval within the margin"
    ALWAYS_VALID_WINS = "always-valid mixture sign test"
    ROUNDING = "equal up to rounding"


# What a decision rests on instead where seeds were added after the planned looks.
_ALWAYS_VALID = {
    Basis.T_TEST: Basis.ALWAYS_VALID_T,
    Basis.ONE_SIDED_TESTS: Basis.ALWAYS_VALID_INTERVAL,
    Basis.WINS: Basis.ALWAYS_VALID_WINS,
}


@dataclass(frozen=True)
class Judgement:
    """A decision with what it rests on; gains, intervals and margins are in units of the objective."""

    decision: Decision
    reason: str  # in one sentence
    by: Basis | None = None  # None where nothing was decided
    gain: PairedGain | None = None  # the measured numbers; None without a seed in common
    interval: tuple[float, float] | None = None  # of the mean gain, 95 % over all looks
    equivalence_interval: tuple[float, float] | None = None  # 90 % over all looks
    level: float | None = None  # nominal, of the two-sided test at this look
    p_value: float | None = None  # nominal, two-sided; of the t-test or of the wins, whichever applies
    overall_p: float | None = None  # the same, corrected for all looks
    relevant: bool | None = None  # whether the interval excludes the margin; None without one
    margin: float | None = None
    next_look: int | None = None  # seeds at the next look, where it is still undecided
    added_later: bool = False  # whether seeds were added beyond the planned looks
    detectable: float | None = None  # the true gain that these seeds show with a probability of 80 %
    tells_power: bool = False  # whether the reason says what these seeds would have shown
    seeds_for_margin: int | None = None  # how many seeds show a gain of the margin with that probability
    # by what factor a gain that is called would be overstated if the true one were the margin
    exaggeration: float | None = None

    @property
    def verdict(self) -> Verdict:
        """The verdict where the method is off the diagonal and its rival on it."""
        return VERDICTS[self.decision]

    @property
    def final(self) -> bool:
        """Whether no more seeds are needed: it is better, worse or practically equal."""
        return self.decision in (Decision.BETTER, Decision.WORSE, Decision.EQUAL)


def judge(
    gain: PairedGain,
    design: SequentialDesign | None,
    *,
    margin: float | None = None,
    names: Names = Names(),  # noqa: B008  # frozen
    decide_from: int = FEWEST_SEEDS,
    added: bool = False,
) -> Judgement:
    """The decision on a method and its rival, from the seeds that they have.

    Args:
        gain: the differences seed by seed, and the wins.
        design: the planned looks; None where none of them has enough seeds to decide.
        margin: in units of the objective; None or 0: no gain is too small to matter, and nothing is called
            practically equal.
        names: of the two methods, for the reason.
        decide_from: the number of seeds below which nothing is decided: 10 for tasks some of whose trainings
            collapse, because fewer seeds may show no collapse.
        added: whether some of the seeds were added after the planned looks.
    """
    say = Sentences(gain, names, margin or None)
    if gain.seeds == 0:
        return Judgement(Decision.NONE, say.no_seeds())
    levels = levels_at(gain.seeds, design, added=added)
    judged = _decided(_with_power(_numbers(gain, levels, margin or None), levels), levels, say, decide_from)
    if levels.added_later and judged.by is not None:
        judged = replace(judged, by=_ALWAYS_VALID.get(judged.by, judged.by))
    return replace(judged, next_look=None) if judged.final else judged


def _decided(judgement: Judgement, levels: Levels, say: Sentences, decide_from: int) -> Judgement:
    gain = say.gain
    if gain.seeds < FEWEST_SEEDS:
        return _undecided(judgement, say.too_few(FEWEST_SEEDS))
    if levels.between:
        return _undecided(judgement, say.waits(levels.next_look or gain.seeds))
    if gain.seeds < decide_from:
        return _undecided(judgement, say.may_collapse(decide_from))
    if gain.survivors_only or gain.measured is None:
        return _by_wins(judgement, levels, say)
    if not gain.measured.spread:
        return _without_spread(judgement, gain.measured, levels, say)
    return _by_mean(judgement, gain.measured, levels, say)


def _by_mean(judgement: Judgement, measured: SeedMean, levels: Levels, say: Sentences) -> Judgement:
    """The decision by the t-test."""
    gain = say.gain
    if judgement.interval is None or gain.median is None:
        return _undecided(judgement, say.no_interval(levels))
    low, high = judgement.interval
    size = say.size(judgement.interval, levels)
    if _within(judgement.equivalence_interval, judgement.margin):
        shown = low > 0 or high < 0
        return replace(
            judgement, decision=Decision.EQUAL, by=Basis.ONE_SIDED_TESTS,
            reason=say.within_margin(size, judgement.equivalence_interval, shown=shown),
        )  # fmt: skip
    if low > 0 or high < 0:
        if gain.median * measured.mean <= 0:
            return replace(judgement, decision=Decision.MIXED, reason=say.mixed_median(size))
        side = Decision.BETTER if low > 0 else Decision.WORSE
        reason = say.directional(size, better=low > 0, relevant=judgement.relevant)
        return replace(judgement, decision=side, by=Basis.T_TEST, reason=reason)
    lead = gain.wins.wins - gain.wins.losses
    p = levels.wins_p(gain.wins)
    if p <= levels.level and lead * measured.mean < 0:
        return replace(judgement, decision=Decision.MIXED, reason=say.mixed_wins(size, p))
    reason = say.undecided(size, judgement.detectable, judgement.seeds_for_margin)
    return replace(_undecided(judgement, reason), tells_power=judgement.detectable is not None)


def _by_wins(judgement: Judgement, levels: Levels, say: Sentences) -> Judgement:
    """The decision by the wins, where a mean would hide a divergence, or the differences have no spread to
    test.
    """
    gain = say.gain
    p = levels.wins_p(gain.wins)
    judgement = replace(
        _without_power(judgement),
        p_value=p,
        overall_p=levels.overall(p),
        interval=None,
        equivalence_interval=None,
        relevant=None,
    )
    if gain.wins.wins == gain.wins.losses == 0:
        return replace(judgement, decision=Decision.NONE, reason=say.nothing_but_ties())
    if p > levels.level:
        return _undecided(judgement, say.wins(p, levels, enough=levels.wins_that_decide))
    side = Decision.BETTER if gain.wins.wins > gain.wins.losses else Decision.WORSE
    return replace(judgement, decision=side, by=Basis.WINS, reason=say.wins(p, levels))


def _without_spread(judgement: Judgement, measured: SeedMean, levels: Levels, say: Sentences) -> Judgement:
    """The decision where the difference is the same on every seed: 0, or another number."""
    judgement = _without_power(judgement)
    if abs(measured.mean) <= measured.rounding:
        return replace(judgement, decision=Decision.EQUAL, by=Basis.ROUNDING, reason=say.same())
    if judgement.margin is not None and abs(measured.mean) < judgement.margin:
        return replace(judgement, decision=Decision.EQUAL, by=Basis.ROUNDING, reason=say.same_difference())
    return _by_wins(judgement, levels, say)


def _numbers(gain: PairedGain, levels: Levels, margin: float | None) -> Judgement:
    """The judgement before anything is decided: intervals, p-values, levels."""
    measured, spread = gain.measured, gain.measured is not None and gain.measured.spread
    interval = levels.interval(measured) if measured else None
    p = levels.t_p(measured) if measured else None
    relevant = None
    if margin is not None and interval is not None and spread:
        relevant = interval[0] > margin or interval[1] < -margin
    return Judgement(
        Decision.UNDECIDED, "", gain=gain, interval=interval, level=levels.level, p_value=p,
        equivalence_interval=levels.equivalence_interval(measured) if measured else None,
        overall_p=None if p is None else levels.overall(p), relevant=relevant, margin=margin,
        next_look=levels.next_look, added_later=levels.added_later,
    )  # fmt: skip


def _with_power(judgement: Judgement, levels: Levels) -> Judgement:
    """Adds what these seeds could have detected."""
    measured = judgement.gain.measured if judgement.gain else None
    if measured is None or not measured.tested or measured.sem is None:
        return judgement
    deviation = measured.sem * measured.seeds**0.5
    level = levels.nominal(measured.seeds)
    if level <= 0:
        return judgement
    judgement = replace(judgement, detectable=detectable_effect(measured.seeds, level) * deviation)
    if judgement.margin is None:
        return judgement
    effect = judgement.margin / deviation
    return replace(
        judgement,
        seeds_for_margin=seeds_to_detect(effect, level),
        exaggeration=exaggeration(effect, measured.seeds, level),
    )


def _without_power(judgement: Judgement) -> Judgement:
    """Removes what `_with_power` adds, for a decision that no t-test made."""
    return replace(judgement, detectable=None, seeds_for_margin=None, exaggeration=None)


def _within(interval: tuple[float, float] | None, margin: float | None) -> bool:
    return interval is not None and margin is not None and -margin < interval[0] and interval[1] < margin


def _undecided(judgement: Judgement, reason: str) -> Judgement:
    return replace(judgement, decision=Decision.UNDECIDED, by=None, reason=reason)
