"""How often the verdict on two trials is wrong, and how often right: `judge` on simulated seeds."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.calibration.pairs import NULL, UNSEEN, PairWorld, diverging, shifted
from benchmarks.calibration.play import OBJECTIVE
from benchmarks.calibration.table import Table, share
from tuner.evidence.paired_gain import paired_gain
from tuner.evidence.sequential_design import SequentialDesign, fixed
from tuner.evidence.verdicts import Judgement, Verdict, judge

LOOKS = SequentialDesign((5, 10, 15, 20, 30))
LATE = SequentialDesign((10, 15, 20, 30))
CAUTIOUS = SequentialDesign((5, 10, 15, 20, 30), "obrien-fleming")
DESIGNS: Mapping[str, SequentialDesign] = {
    "5 seeds": fixed(5),
    "looks 5 to 30": LOOKS,
    "looks 10 to 30": LATE,
    "O'Brien-Fleming": CAUTIOUS,
}
ADDED = 30  # seeds, one by one
MOST = LOOKS.last + ADDED  # seeds that a study can have; all are drawn, so that designs see the same ones
ONE_SIDE = 0.025  # what a false "off", and a false "on", may have


@dataclass(frozen=True)
class Played:
    """How simulated studies ended."""

    verdicts: Counter[Verdict]
    seeds: float  # on average
    covered: float | None  # share of intervals that hold the true gain; None where some had none

    def count(self, *verdicts: Verdict) -> int:
        """How many ended so."""
        return sum(self.verdicts[v] for v in verdicts)


def play(
    world: PairWorld, design: SequentialDesign, studies: int, *, margin: float | None = None, added: int = 0
) -> Played:
    """Sequential studies in a world; `added`: seeds added one by one where the looks decide nothing."""
    ends = []
    for study in range(studies):
        mine, rival = world.seeds(np.random.default_rng(study), MOST)
        for seeds in (*design.looks, *range(design.last + 1, design.last + added + 1)):
            end = judge(paired_gain(mine[:seeds], rival[:seeds], OBJECTIVE), design, margin=margin)
            if end.final:
                break
        ends.append(end)
    return Played(Counter(e.verdict for e in ends), _mean_seeds(ends), _covered(ends, world.gain))


def ever_called(world: PairWorld, design: SequentialDesign, studies: int, added: int) -> float:
    """The share of studies in which seeds that are added after the design has ended, at whatever look, one by
    one, ever call a gain or a loss.
    """
    called = 0
    for study in range(studies):
        mine, rival = world.seeds(np.random.default_rng(study), MOST)
        ended = next((n for n in design.looks if _judged(mine, rival, n, design).final), design.last)
        later = range(ended + 1, ended + added + 1)
        called += any(_judged(mine, rival, n, design, added=True).final for n in later)
    return called / studies


def _judged(
    mine: Sequence[float | None], rival: Sequence[float | None], seeds: int, design: SequentialDesign, *,
    added: bool = False,
) -> Judgement:  # fmt: skip
    return judge(paired_gain(mine[:seeds], rival[:seeds], OBJECTIVE), design, added=added)


def _mean_seeds(ends: list[Judgement]) -> float:
    return float(np.mean([end.gain.seeds for end in ends if end.gain]))


def _covered(ends: list[Judgement], gain: float) -> float | None:
    held = [end.interval[0] <= gain <= end.interval[1] for end in ends if end.interval]
    return float(np.mean(held)) if len(held) == len(ends) else None


def null_table(studies: int) -> Table:
    """Worlds without a gain."""
    rows = []
    for name, world in NULL.items():
        cells = [name]
        for design in DESIGNS.values():
            played = play(world, design, studies)
            off, on = (share(played.count(v), studies, ONE_SIDE) for v in (Verdict.OFF, Verdict.ON))
            cells.append(f"{off} / {on}")
        rows.append(tuple(cells))
    return Table(
        "No gain: false verdicts",
        "Two methods that are equal. A false \"off the diagonal\" / a false \"on the diagonal\"; each "
        "promised to be at most 2.5 %, over all looks together.",
        ("world", *DESIGNS),
        tuple(rows),
    )  # fmt: skip


def unseen_table(studies: int) -> Table:
    """Worlds in which a few seeds mislead."""
    rows = []
    for name, world in UNSEEN.items():
        cells = [name, f"{world.gain:+.1f}"]
        wrong = [v for v, holds in ((Verdict.OFF, world.gain <= 0), (Verdict.ON, world.gain >= 0)) if holds]
        for design in DESIGNS.values():
            played = play(world, design, studies)
            cells.append(
                f"{share(played.count(*wrong), studies)} ({share(played.count(Verdict.MIXED), studies)})"
            )
        rows.append(tuple(cells))
    return Table(
        "What a few seeds cannot see",
        "The mean is ruled by what is rare, and no promise is kept: how often the verdict has the wrong "
        "sign, and in parentheses how often it is mixed. A task that declares what a collapse is starts to "
        "decide at 10 seeds.",
        ("world", "true gain", *DESIGNS),
        tuple(rows),
    )  # fmt: skip


def power_table(studies: int) -> Table:
    """The sequential design beside fixed ones."""
    rows = []
    for effect in (0.3, 0.5, 0.8, 1.0, 1.5, 2.0):
        world = shifted(effect)
        cells = [f"{effect:g}"]
        cells += [share(play(world, fixed(n), studies).count(Verdict.OFF), studies) for n in (5, 10, 20, 30)]
        for design in (LOOKS, LATE, CAUTIOUS):
            played = play(world, design, studies)
            cells.append(f"{share(played.count(Verdict.OFF), studies)}, {played.seeds:.0f}")
        rows.append(tuple(cells))
    names = (
        "5 seeds",
        "10 seeds",
        "20 seeds",
        "30 seeds",
        "looks 5 to 30",
        "looks 10 to 30",
        "O'Brien-Fleming",
    )
    return Table(
        "Power, and what it takes",
        "How often a gain of so many standard deviations of a difference is called; of a sequential design "
        "also the mean number of seeds that it trained.",
        ("gain", *names),
        tuple(rows),
    )  # fmt: skip


def margin_table(studies: int) -> Table:
    """The two one-sided tests."""
    rows = []
    for gain, says in ((1.0, "the margin"), (0.5, "half the margin"), (0.0, "none")):
        for name, design in DESIGNS.items():
            played = play(shifted(gain), design, studies, margin=1.0)
            equal = played.count(Verdict.PRACTICALLY_ON)
            rows.append(
                (
                    f"{says}, {name}",
                    share(equal, studies, 0.05 if gain == 1.0 else None),
                    share(played.count(Verdict.OFF), studies),
                    f"{played.seeds:.0f}",
                )
            )
    return Table(
        "Practically on the diagonal",
        "The margin is one standard deviation of a difference. Where the gain is the margin itself, "
        "\"practically on\" is false, and promised to be at most 5 %.",
        ("true gain, design", "practically on", "off", "seeds"),
        tuple(rows),
    )  # fmt: skip


def coverage_table(studies: int) -> Table:
    """Intervals at the end of a study."""
    rows = []
    for gain in (0.0, 0.5, 1.0):
        cells = [f"{gain:g}"]
        for design in DESIGNS.values():
            covered = play(shifted(gain), design, studies).covered
            cells.append("" if covered is None else f"{100 * covered:.1f} %")
        rows.append(tuple(cells))
    return Table(
        "Intervals at the look at which a study ends",
        "How often the interval of the mean gain holds the true one. A repeated confidence interval holds "
        "it at all looks together in 95 %, so at the last one in 95 % or more.",
        ("true gain", *DESIGNS),
        tuple(rows),
    )  # fmt: skip


def divergence_table(studies: int) -> Table:
    """Trainings that diverge."""
    rows = []
    for rate in (0.0, 0.05, 0.1, 0.2):
        cells = [f"{100 * rate:.0f} %"]
        for design in (fixed(5), fixed(10), fixed(20), LOOKS):
            played = play(diverging(rate, 2.0), design, studies)
            cells.append(share(played.count(Verdict.OFF), studies))
        rows.append(tuple(cells))
    return Table(
        "Divergence",
        "Both methods diverge at that rate, and the gain is 2 standard deviations: how often it is called. "
        "Where one diverges the wins decide, and 5 seeds can never decide by wins.",
        ("diverge", "5 seeds", "10 seeds", "20 seeds", "looks 5 to 30"),
        tuple(rows),
    )  # fmt: skip


def added_table(studies: int) -> Table:
    """Seeds added after the looks."""
    rows = []
    for name, design in (("5 seeds", fixed(5)), ("10 seeds", fixed(10)), ("looks 5 to 30", LOOKS)):
        cells = [f"{name}, then up to 30 more one by one"]
        for gain in (0.0, 0.5, 1.0):
            planned, more = (play(shifted(gain), design, studies // 4, added=n) for n in (0, ADDED))
            called = [p.count(Verdict.OFF, Verdict.ON) for p in (planned, more)]
            cells.append(" / ".join(share(n, studies // 4) for n in called))
        rows.append(tuple(cells))
    return Table(
        "Seeds that are added afterwards",
        "How often a gain or a loss is called at the planned looks / at them or on seeds that are added one"
        " by one until it is. The first column is false; it is promised to be at most 5 % / 10 %.",
        ("design", "no gain", "gain 0.5", "gain 1"),
        tuple(rows),
    )  # fmt: skip
