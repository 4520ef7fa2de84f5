"""A verdict on seeds that were added afterwards: always valid, and every sentence says so."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tests.support.rows import FRESH, MINIMIZE, finished_study, study, trial
from tuner.cli.summary import summary_of
from tuner.evidence import always_valid
from tuner.evidence.analysis import results
from tuner.evidence.confirmed import Rules, compare, confirmed_trials, decided
from tuner.evidence.results import Results
from tuner.evidence.seed_mean import seed_mean
from tuner.evidence.selection import select
from tuner.evidence.verdicts import Basis, Decision, Verdict

ADDED = tuple(range(20, 30))
SPREAD = np.linspace(-0.1, 0.1, 10)


def added(confirmed, look=1, diverged=(), lead=0.0):
    """The confirmations once more, on ten seeds that were added after `look` looks."""
    rows = []
    for i, t in enumerate(confirmed):
        values = list(t.mean + (-1 if i else 1) * SPREAD + (lead if i == 1 else 0.0))
        if t.number in diverged:
            values[0] = None
        rows.append(
            trial(
                40 + i, values, role="confirm", estimator=t.estimator, tau_f=t.tau_f, tau_b=t.tau_b,
                seeds=ADDED, look=look,
            )
        )  # fmt: skip
    return rows


def found(confirm_seeds=5, **more):
    searched, confirmed = finished_study()
    rows = [*searched, *confirmed, *added(confirmed, **more)]
    return results(study(spec={"confirm_seeds": confirm_seeds}), rows)


def test_the_verdict_rests_on_the_always_valid_interval_and_says_so():
    whole = found()
    gain = whole.gain
    assert (whole.verdict, gain.seeds, gain.added_later) == (Verdict.OFF, 15, True)
    assert gain.by == "always-valid mixture t-test"
    assert "some of them added afterwards" in whole.verdict_reason
    assert "95 % interval of the always-valid mixture t, at every number of seeds" in whole.verdict_reason
    mine, its = (whole.confirmed[name].objective.seeds for name in ("off_diagonal", "diagonal"))
    measured = seed_mean([b - a for a, b in zip(mine, its, strict=True)])
    assert gain.ci95 == pytest.approx(always_valid.interval(measured))
    assert gain.ci90 == pytest.approx(gain.ci95)  # of 95 %, because 90 % would not hold at every number
    assert gain.p_value == gain.p_overall == pytest.approx(always_valid.p_value(measured))
    ordinary = measured.interval()
    assert gain.ci95[0] < ordinary[0] < ordinary[1] < gain.ci95[1]


def test_the_verdict_of_the_planned_looks_stands_beside_it():
    searched, confirmed = finished_study()
    before = results(study(), [*searched, *confirmed])
    after = found(lead=-2.0)  # the added seeds say the opposite
    assert before.verdict is Verdict.OFF
    assert (before.confirmation.added, before.confirmation.planned) == (0, None)
    assert after.verdict is not Verdict.OFF
    assert (after.confirmation.seeds, after.confirmation.added) == (15, 10)
    assert after.confirmation.planned.verdict is Verdict.OFF
    assert after.confirmation.planned.reason == before.verdict_reason
    (note,) = [n for n in after.notes if "seeds were added" in n]
    assert "by the planned looks alone it was off the diagonal" in note
    assert note in summary_of(after, str)
    assert Results.model_validate(json.loads(json.dumps(after.plain(), allow_nan=False))) == after


def test_seeds_added_where_a_study_had_stopped_early_are_no_planned_look():
    # 5 and 10 are planned and it stopped at 5: with 5 more it has as many seeds as the second look.
    searched, confirmed = finished_study()
    later = [replace(t, number=40 + t.number, seeds=ADDED[:5], look=2) for t in confirmed]
    rules = Rules(MINIMIZE, (5, 10))
    joined = confirmed_trials([*confirmed, *later])
    off, on = (joined[t.method] for t in confirmed[:2])
    judged = compare(off, on, rules, margin=0.0)
    assert (judged.gain.seeds, judged.added_later, judged.by) == (10, True, Basis.ALWAYS_VALID_T)
    assert judged.decision is Decision.BETTER
    assert compare(*confirmed[:2], rules, margin=0.0).by is Basis.T_TEST
    assert decided([*searched, *confirmed], select(searched, MINIMIZE), rules)


def test_a_study_with_2_seeds_is_decided_by_those_that_are_added():
    searched, confirmed = finished_study()
    few = [replace(t, seeds=FRESH[:2], objective=t.objective[:2], metrics={}) for t in confirmed]
    row = study(spec={"confirm_seeds": 2})
    assert "2 fresh seeds cannot decide" in results(row, [*searched, *few]).verdict_reason
    whole = results(row, [*searched, *few, *added(confirmed)])
    assert (whole.verdict, whole.gain.seeds) == (Verdict.OFF, 12)
    assert whole.confirmation.planned.verdict is Verdict.UNDECIDED


def test_where_one_diverges_the_wins_are_always_valid_too():
    whole = found(diverged=[7])
    assert (whole.verdict, whole.gain.by) == (Verdict.OFF, "always-valid mixture sign test")
    assert whole.gain.p_value == always_valid.wins_p_value(15, 0)
    assert "always-valid mixture sign test, p = " in whole.verdict_reason


def test_added_seeds_that_only_one_of_two_has_change_nothing():
    searched, confirmed = finished_study()
    rows = [*searched, *confirmed, *added(confirmed)[:1]]
    assert results(study(), rows).gain.by == "paired t-test"
    assert results(study(), rows).gain.ci95 == results(study(), [*searched, *confirmed]).gain.ci95
