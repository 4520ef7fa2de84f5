"""Blocks of fresh seeds are one sample of each method, and `decided` says when no more are needed."""

import pytest

from tests.support.rows import FRESH, MINIMIZE, trial
from tuner.evidence.confirmed import Rules, compare, confirmed_trials, decided
from tuner.evidence.selection import select
from tuner.evidence.verdicts import Decision

LATER = (10, 11, 12, 13, 14)
OFF, ON = {"tau_f": 0.1, "tau_b": 0.5}, {"tau_f": 0.5, "tau_b": 0.5}
WIDE, NARROW = [1.0, 1.4, 0.6, 1.2, 0.8], [1.0, 1.01, 0.99, 1.02, 0.98]


def block(number, values, look=0, **more):
    more.setdefault("metrics", {"val_loss": list(values)} if values else {})
    return trial(number, values, role="confirm", seeds=LATER if look else FRESH, look=look, **more)


def test_the_blocks_of_a_method_are_joined_in_the_order_of_the_looks():
    rows = [
        block(8, [6.0, 7.0, 8.0, 9.0, 10.0], look=1, metrics={"a": [1.0] * 5, "b": [3.0] * 5}, **OFF),
        block(6, [1.0, 2.0, 3.0, 4.0, 5.0], metrics={"a": [2.0] * 5}, **OFF),
        block(7, [1.0] * 5, **ON),
    ]
    joined = confirmed_trials(rows)[rows[0].method]
    assert (joined.number, joined.seeds) == (6, (*FRESH, *LATER))
    assert joined.objective == tuple(range(1, 11))
    assert joined.metrics == {"a": [2.0] * 5 + [1.0] * 5}  # b is not measured on every block
    assert confirmed_trials(rows)[rows[2].method] == rows[2]


@pytest.mark.parametrize("look", [0, 1])
def test_a_method_that_diverged_in_any_block_has_diverged(look):
    values = [WIDE, WIDE]
    values[look] = [1.0, None, 1.0, 1.0, 1.0]
    rows = [block(6 + i, v, look=i, **OFF) for i, v in enumerate(values)]
    (joined,) = confirmed_trials(rows).values()
    assert (joined.state, joined.objective.count(None), len(joined.objective)) == ("diverged", 1, 10)


@pytest.mark.parametrize(
    ("values", "state"), [(None, "failed"), (WIDE, "stopped"), (None, "running"), (None, "queued")]
)
def test_what_was_not_trained_to_its_end_is_no_part_of_it(values, state):
    rows = [block(6, WIDE, **OFF), block(7, values, look=1, state=state, **OFF)]
    (joined,) = confirmed_trials(rows).values()
    assert joined.seeds == FRESH
    assert confirmed_trials(rows[1:]) == {}


def test_seeds_of_a_failed_block_are_left_out_and_those_that_diverged_are_not():
    rules = Rules(MINIMIZE, (5, 10))
    mine = confirmed_trials([block(6, WIDE, **OFF), block(8, None, look=1, state="failed", **OFF)])
    its = confirmed_trials([block(7, [None] * 5, **ON), block(9, [9.0] * 5, look=1, **ON)])
    judged = compare(*mine.values(), *its.values(), rules, margin=0.0)
    assert (judged.gain.seeds, judged.gain.rival_diverged, judged.gain.wins.wins) == (5, 5, 5)


@pytest.mark.parametrize(
    ("margin", "diagonal", "expected"),
    [(0.3, 2.0, 0.3), ("1 %", 2.0, 0.02), ("25 %", -4.0, 1.0), ("1 %", None, 0.0), (0.0, 2.0, 0.0)],
)
def test_a_margin_is_a_number_or_a_share_of_the_diagonals_objective(margin, diagonal, expected):
    row = None if diagonal is None else trial(0, [diagonal] * 3, tau_f=1.0)
    assert Rules(MINIMIZE, (5,), margin).margin_for(row) == pytest.approx(expected)


def test_tasks_that_collapse_are_judged_from_10_seeds_on_or_at_the_last_look():
    assert Rules(MINIMIZE, (5, 10, 15)).decide_from == 3
    assert Rules(MINIMIZE, (5, 10, 15), may_collapse=True).decide_from == 10
    assert Rules(MINIMIZE, (5,), may_collapse=True).decide_from == 5
    mine, its = (trial(i, v, role="confirm", seeds=FRESH) for i, v in enumerate((NARROW, [2.0] * 5)))
    for may_collapse, decision in ((False, Decision.BETTER), (True, Decision.UNDECIDED)):
        rules = Rules(MINIMIZE, (5, 10), may_collapse=may_collapse)
        assert compare(mine, its, rules, margin=0.0).decision == decision


def test_the_looks_are_held_to_the_boundary_that_the_spec_names():
    mine, its = (trial(i, v, role="confirm", seeds=FRESH) for i, v in enumerate((NARROW, [1.05] * 5)))
    early = Rules(MINIMIZE, (5, 10, 20))
    late = Rules(MINIMIZE, (5, 10, 20), boundary="obrien-fleming")
    first, cautious = (compare(mine, its, rules, margin=0.0) for rules in (early, late))
    assert (first.decision, cautious.decision) == (Decision.BETTER, Decision.UNDECIDED)
    assert first.p_value == cautious.p_value
    assert cautious.interval[0] < first.interval[0]
    assert cautious.interval[1] > first.interval[1]


@pytest.mark.parametrize("looks", [(), (1,), (2,), (1, 2)])
def test_with_two_seeds_there_is_no_design_and_no_judgement(looks):
    rules = Rules(MINIMIZE, looks)
    mine, its = (trial(i, [1.0 + i] * 2, role="confirm") for i in (0, 1))
    assert rules.design is None
    assert compare(mine, its, rules, margin=0.0) is None


def searched():
    return [trial(0, [1.0] * 2, **ON), trial(1, [0.5] * 2, **OFF), trial(2, [0.7] * 2, tau_f=0.0, tau_b=0.5)]


@pytest.mark.parametrize(
    ("off", "argmax", "expected"),
    [
        (NARROW, NARROW, True),
        (WIDE, NARROW, False),
        (NARROW, WIDE, False),
        (NARROW, None, True),
        (None, None, True),
    ],
)
def test_no_more_seeds_are_needed_once_both_comparisons_with_the_diagonal_are_decided(off, argmax, expected):
    # On the diagonal 1.2 on every seed: surely worse than the narrow values, and unsure of the wide ones.
    rows = [*searched(), block(6, [1.2] * 5, **ON)]
    rows += [block(7, off, **OFF)] if off else []
    rows += [block(8, argmax, tau_f=0.0, tau_b=0.5)] if argmax else []
    assert decided(rows, select(rows, MINIMIZE), Rules(MINIMIZE, (5, 10))) == expected


def test_without_a_diagonal_there_is_nothing_to_decide():
    rows = [searched()[1], block(6, WIDE, **OFF)]
    assert decided(rows, select(rows, MINIMIZE), Rules(MINIMIZE, (5, 10)))
