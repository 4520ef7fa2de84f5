"""The verdict: its rules one by one on small hand-made numbers, and its error rates by simulation."""

import re

import numpy as np
import pytest
from scipy import stats

from tests.support.rows import MAXIMIZE, MINIMIZE
from tuner.evidence.paired_gain import paired_gain
from tuner.evidence.reasons import Names
from tuner.evidence.sequential_design import SequentialDesign, fixed
from tuner.evidence.verdicts import Basis, Decision, Verdict, judge

LOOKS = SequentialDesign((5, 10, 15, 20, 30))
BASE = [0.30, 0.34, 0.28, 0.33, 0.31, 0.29, 0.35, 0.32, 0.30, 0.33]


def judged(gains, design=None, **options):
    """The judgement on gains over BASE; a gain of None: the method diverged, "rival": the rival did."""
    rival = [None if g == "rival" else BASE[i % 10] for i, g in enumerate(gains)]
    mine = [None if g is None else BASE[i % 10] - (0 if g == "rival" else g) for i, g in enumerate(gains)]
    return judge(paired_gain(mine, rival, MINIMIZE), design or fixed(len(gains)), **options)


# --- gains with a spread ---


def test_a_gain_whose_interval_excludes_0_is_better_and_relevant_where_it_excludes_the_margin():
    gains = [0.020, 0.022, 0.019, 0.021, 0.018]
    judgement = judged(gains, margin=0.003)
    assert (judgement.verdict, judgement.decision, judgement.by) == (
        Verdict.OFF,
        Decision.BETTER,
        Basis.T_TEST,
    )
    assert judgement.interval == pytest.approx(stats.ttest_1samp(gains, 0).confidence_interval())
    assert judgement.p_value == judgement.overall_p == pytest.approx(stats.ttest_1samp(gains, 0).pvalue)
    assert (judgement.relevant, judgement.final, judgement.next_look) == (True, True, None)
    assert "the best trial off the diagonal is better, by more than the margin of 0.003" in judgement.reason
    close = judged(gains, margin=0.019)
    assert (close.verdict, close.relevant) == (Verdict.OFF, False)
    assert "that it is by more than the margin of 0.019 is not shown" in close.reason
    lost = judged([-g for g in gains], margin=0.003)
    assert (lost.verdict, lost.decision, lost.relevant) == (Verdict.ON, Decision.WORSE, True)
    assert "the best trial on the diagonal is better" in lost.reason
    assert judged(gains).relevant is None


def test_a_gain_within_the_margin_is_practically_none_even_where_it_is_surely_not_0():
    judgement = judged([0.0005, -0.0004, 0.0002, -0.0001, 0.0003], margin=0.003)
    assert (judgement.verdict, judgement.by) == (Verdict.PRACTICALLY_ON, Basis.ONE_SIDED_TESTS)
    assert -0.003 < judgement.equivalence_interval[0] < judgement.equivalence_interval[1] < 0.003
    small = judged([0.0010, 0.0011, 0.0009, 0.0010, 0.0012], margin=0.003)
    assert (small.verdict, small.relevant) == (Verdict.PRACTICALLY_ON, False)
    assert "though it excludes 0" in small.reason
    assert judged([0.0010, 0.0011, 0.0009, 0.0010, 0.0012]).verdict is Verdict.OFF


def test_undecided_says_what_would_have_been_shown_and_how_many_seeds_the_margin_takes():
    gains = [0.020, -0.015, 0.010, -0.005, 0.012]
    judgement = judged(gains, margin=0.003)
    deviation = np.std(gains, ddof=1)
    assert (judgement.verdict, judgement.by, judgement.final) == (Verdict.UNDECIDED, None, False)
    assert judgement.detectable == pytest.approx(1.682 * deviation, rel=1e-3)
    assert judgement.seeds_for_margin > 100
    assert f"a gain of {judgement.detectable:.4g} with a probability of 80 %" in judgement.reason
    assert f"a gain of the margin takes about {judgement.seeds_for_margin} seeds" in judgement.reason
    assert judgement.exaggeration > 2
    assert judged(gains, margin=1e-9).seeds_for_margin is None
    assert "takes more than 100,000 seeds" in judged(gains, margin=1e-9).reason
    assert "margin" not in judged(gains).reason
    assert judgement.tells_power
    assert not judged([0.020, 0.021, 0.022, 0.019, 0.020]).tells_power


def test_better_on_average_and_worse_typically_is_mixed():
    # More than half of the seeds are lost, each by little; the others are won by much.
    gains = [-0.001] * 11 + [0.02] * 9
    judgement = judged(gains)
    assert stats.ttest_1samp(gains, 0).pvalue < 0.05
    assert (judgement.verdict, judgement.by, judgement.final) == (Verdict.MIXED, None, False)
    assert "on average the best trial off the diagonal is better" in judgement.reason
    assert "typically (median -0.001) the best trial on the diagonal is better" in judgement.reason


def test_a_collapse_that_hides_in_the_mean_is_mixed_not_better():
    # Nine seeds are won by 5, one collapsed and is lost by 60: typically better, worse on average.
    gains = [5.0, 5.1, 4.9, 5.2, 4.8, 5.0, 5.1, 4.9, 5.0, -60.0]
    judgement = judged(gains)
    assert judgement.gain.measured.mean < 0 < judgement.gain.median
    assert judgement.verdict is Verdict.MIXED
    assert "the best trial off the diagonal wins 9 of 10 seeds" in judgement.reason
    assert "typically better, worse on average" in judgement.reason
    assert judgement.gain.interquartile_mean == pytest.approx(stats.trim_mean(gains, 0.25))


def test_tasks_that_collapse_decide_nothing_before_10_seeds():
    gains = [5.0, 5.1, 4.9, 5.2, 4.8]
    assert judged(gains).verdict is Verdict.OFF
    judgement = judged(gains, decide_from=10)
    assert judgement.verdict is Verdict.UNDECIDED
    assert "5 seeds may not show: nothing is decided below 10" in judgement.reason
    assert judged(gains * 2, decide_from=10).verdict is Verdict.OFF


# --- too few seeds, no spread ---


def test_two_seeds_decide_nothing_however_far_apart():
    for gains in ([0.1, 0.1], [0.1, 0.1001], [0.1]):
        judgement = judged(gains, SequentialDesign((3, 5)))
        assert (judgement.verdict, judgement.p_value, judgement.next_look) == (Verdict.UNDECIDED, None, 3)
        assert f"{len(gains)} seed" in judgement.reason
        assert "a test takes 3 or more" in judgement.reason


def test_equal_up_to_rounding_is_practically_the_same_and_has_no_p():
    for tiny in ([5.6e-17] * 4 + [1.1e-16], [3e-8, 0.0, -3e-8, 3e-8, 0.0], [0.0] * 5):
        judgement = judged(tiny)
        assert (judgement.verdict, judgement.by) == (Verdict.PRACTICALLY_ON, Basis.ROUNDING)
        assert (judgement.p_value, judgement.detectable) == (None, None)
        assert "no more than rounding on each of 5 fresh seeds" in judgement.reason


def test_the_same_difference_on_every_seed_is_judged_by_the_wins():
    mine, rival = [0.90] * 5, [0.89] * 5  # accuracies of 100 examples
    judgement = judge(paired_gain(mine, rival, MAXIMIZE), fixed(5))
    assert (judgement.verdict, judgement.p_value) == (Verdict.UNDECIDED, 0.0625)
    assert "the gain is 0.01 on every seed, so that there is no spread to test by" in judgement.reason
    assert "it takes 6 seeds, all of them won" in judgement.reason
    more = judge(paired_gain(mine * 2, rival * 2, MAXIMIZE), fixed(10))
    assert (more.verdict, more.by) == (Verdict.OFF, Basis.WINS)
    within = judge(paired_gain(mine, rival, MAXIMIZE), fixed(5), margin=0.02)
    assert (within.verdict, within.by) == (Verdict.PRACTICALLY_ON, Basis.ROUNDING)


# --- divergence ---


def test_a_rival_that_diverges_on_every_seed_is_said_to_and_loses_once_the_wins_show_it():
    five = judged(["rival"] * 5)
    assert five.verdict is Verdict.UNDECIDED
    assert "the best trial on the diagonal diverged on all 5 seeds" in five.reason
    assert "it takes 6 seeds" in five.reason
    assert five.gain.measured is None
    ten = judged(["rival"] * 10, LOOKS)
    assert (ten.verdict, ten.by) == (Verdict.OFF, Basis.WINS)
    assert ten.p_value == pytest.approx(2 * 0.5**10)
    assert "wins 10 of 10 fresh seeds and loses 0" in ten.reason
    assert judged([None] * 10, LOOKS).verdict is Verdict.ON


def test_where_one_diverges_the_wins_decide_and_means_are_marked_as_the_survivors():
    gains = ["rival", *[0.02, 0.021, 0.019, 0.02, 0.018, 0.022, 0.02, 0.021, 0.019]]
    judgement = judged(gains)
    assert (judgement.verdict, judgement.by) == (Verdict.OFF, Basis.WINS)
    assert (judgement.gain.survivors_only, judgement.gain.rival_diverged, judgement.gain.diverged) == (
        True,
        1,
        0,
    )
    assert (judgement.interval, judgement.relevant) == (None, None)
    assert judgement.p_value == pytest.approx(stats.binomtest(10, 10).pvalue)
    assert "diverged on 1 of 10 seeds" in judgement.reason
    # The survivors alone would say the opposite of what divergence says.
    punished = judged([None, None, None, None, *[0.02, 0.021, 0.019, 0.02, 0.018, 0.022]])
    assert punished.verdict is Verdict.UNDECIDED
    assert "wins 6 of 10 fresh seeds and loses 4" in punished.reason


def test_both_diverging_everywhere_is_no_verdict():
    judgement = judge(paired_gain([None] * 5, [None] * 5, MINIMIZE), fixed(5))
    assert judgement.verdict is Verdict.NONE
    assert "diverged on every seed" in judgement.reason
    equal = judge(paired_gain([None, 0.3, 0.4], [None, 0.3, 0.4], MINIMIZE), fixed(3))
    assert equal.verdict is Verdict.NONE
    assert "on each of 3 seeds both diverged or both are equal" in equal.reason


def test_more_seeds_help_though_one_in_twenty_diverges():
    rng, shown = np.random.default_rng(11), {}
    for n in (10, 20):
        judgement = []
        for _ in range(300):
            mine, rival = rng.normal(0, 0.5**0.5, n), rng.normal(2, 0.5**0.5, n)
            lost = rng.random((2, n)) < 0.05
            pair = [[None if gone else v for v, gone in zip(*x, strict=True)]
                    for x in zip((mine.tolist(), rival.tolist()), lost.tolist(), strict=True)]  # fmt: skip
            judgement.append(judge(paired_gain(*pair, MINIMIZE), fixed(n)).verdict is Verdict.OFF)
        shown[n] = np.mean(judgement)
    assert shown[20] > shown[10] > 0.8


# --- looks ---


def test_a_look_is_held_to_its_nominal_level():
    gains = [0.020, 0.004, 0.015, 0.012, 0.003]
    assert 0.0140 < stats.ttest_1samp(gains, 0).pvalue < 0.05
    assert judged(gains).verdict is Verdict.OFF
    judgement = judged(gains, LOOKS)
    assert (judgement.verdict, judgement.next_look) == (Verdict.UNDECIDED, 10)
    assert judgement.overall_p > 0.05 > judgement.p_value > judgement.level
    assert "over all looks" in judgement.reason
    expected = stats.ttest_1samp(gains, 0).confidence_interval(1 - judgement.level)
    assert judgement.interval == pytest.approx(expected)


def test_between_two_looks_nothing_is_decided():
    judgement = judged([0.02, 0.021, 0.019, 0.02, 0.018, 0.022, 0.02], LOOKS)
    assert (judgement.verdict, judgement.next_look) == (Verdict.UNDECIDED, 10)
    assert judgement.reason == "7 fresh seeds are trained, and the next look is at 10"
    assert judgement.detectable is not None
    assert not judgement.tells_power


def test_seeds_that_were_added_later_are_judged_by_what_holds_at_every_number_of_seeds():
    gains = [0.02, -0.01, 0.03, 0.01, 0.02, -0.01, 0.00, 0.03, 0.01, -0.02, 0.02, 0.03, 0.01, -0.01, 0.02]
    assert stats.ttest_1samp(gains, 0).pvalue < 0.05
    judgement = judged(gains, fixed(10))
    assert (judgement.verdict, judgement.added_later, judgement.next_look) == (Verdict.UNDECIDED, True, None)
    assert "15 fresh seeds, some of them added afterwards (95 % interval of the always" in judgement.reason
    plain = stats.ttest_1samp(gains, 0).confidence_interval()
    assert judgement.interval[0] < plain[0] < plain[1] < judgement.interval[1]
    assert judged(["rival"] * 11, fixed(5)).verdict is Verdict.OFF
    assert judged([g + 0.03 for g in gains], fixed(10)).verdict is Verdict.OFF
    few = judged([0.02, 0.021, 0.019, 0.02], fixed(3))
    assert few.verdict is Verdict.UNDECIDED
    assert "4 fresh seeds, some of them added afterwards, are too few" in few.reason


# --- no verdict, words ---


def test_without_a_seed_in_common_there_is_no_verdict():
    assert judge(paired_gain([], [], MINIMIZE), fixed(5)).verdict is Verdict.NONE


def test_the_sentences_name_whom_they_are_told_to():
    names = Names(method="decoupled ST", rival="identity ST", seeds="seeds")
    reason = judged([0.020, 0.022, 0.019, 0.021, 0.018], names=names).reason
    assert reason.endswith("excludes 0: decoupled ST is better")
    assert "diagonal" not in reason


def test_exchanging_the_two_turns_the_decision():
    rng = np.random.default_rng(8)
    opposite = {Decision.BETTER: Decision.WORSE, Decision.WORSE: Decision.BETTER}
    for _ in range(200):
        n = int(rng.integers(3, 12))
        mine, rival = (
            [None if rng.random() < 0.1 else v for v in rng.normal(shift, 0.5, n)] for shift in (0.0, 0.5)
        )
        forth, back = (
            judge(paired_gain(a, b, MINIMIZE), fixed(n), margin=0.3)
            for a, b in ((mine, rival), (rival, mine))
        )
        assert back.decision is opposite.get(forth.decision, forth.decision)
        assert back.relevant == forth.relevant
        assert not re.search(r"None|nan|\binf\b", forth.reason + back.reason)


# --- error rates ---


def rates(draw, design, *, studies=1500, margin=None):
    """How often a sequential study ends off and on the diagonal, and practically on it."""
    rng, ends = np.random.default_rng(20), []
    for _ in range(studies):
        mine, rival = draw(rng, design.last)
        for n in design.looks:
            judgement = judge(paired_gain(mine[:n], rival[:n], MINIMIZE), design, margin=margin)
            if judgement.final:
                break
        ends.append(judgement.verdict)
    return [ends.count(v) / studies for v in (Verdict.OFF, Verdict.ON, Verdict.PRACTICALLY_ON)]


def normal(rng, n):
    return rng.normal(0, 1, (2, n)).tolist()


def heavy(rng, n):
    return rng.standard_t(2, (2, n)).tolist()


def collapsing(rng, n):
    return (rng.normal(0, 1, (2, n)) + 60 * (rng.random((2, n)) < 0.3)).tolist()


def discrete(rng, n):
    return (rng.binomial(50, 0.9, (2, n)) / 50).tolist()


def diverging(rng, n):
    drawn = rng.normal(0, 1, (2, n)).tolist()
    return [[None if rng.random() < 0.1 else v for v in row] for row in drawn]


@pytest.mark.parametrize("world", [normal, heavy, collapsing, discrete, diverging])
def test_no_gain_is_called_one_in_at_most_5_percent_over_all_looks(world):
    off, on, _ = rates(world, SequentialDesign((5, 10, 20)))
    assert max(off, on) <= 0.025 + 3 * (0.025 / 1500) ** 0.5


def test_a_gain_of_the_margin_is_called_practically_none_in_at_most_5_percent():
    _, _, practically = rates(
        lambda rng, n: (rng.normal(0, 1, (2, n)) * 0.3 + [[0.0], [1.0]]).tolist(),
        SequentialDesign((5, 10, 20)), margin=1.0,
    )  # fmt: skip
    assert practically <= 0.05 + 3 * (0.05 / 1500) ** 0.5
