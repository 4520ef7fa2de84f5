"""The counts of a study, against hand-made ones and against what its strategy proposes."""

import random
from dataclasses import replace

import pytest

from tests.support.playing import SPECS, play, succeed
from tests.support.specs import BETWEEN, GOOD, SEQUENTIAL, changed, refusal, span
from tuner.spec.counts import ROLES
from tuner.spec.study import parse_spec
from tuner.strategies import strategy_for


def by_temperatures(trial):
    """Every method has a best trial, and the best pair off the diagonal has tau_f > 0."""
    tau_f, tau_b = trial.tau_f, trial.tau_b
    return succeed(trial, 1.0 + (tau_b or 0.0) / 100 + (5.0 if tau_f in (None, 0.0, tau_b) else tau_f / 10))


PLAIN = [name for name in SPECS if "refined" not in name and "look" not in name]


@pytest.mark.parametrize("name", PLAIN)
def test_a_study_has_the_trials_and_members_that_its_spec_plans(name):
    spec = SPECS[name]
    history, _ = play(lambda: strategy_for(spec), 4, finish=by_temperatures)
    made = {role: sum(t.role == role for t in history) for role in ROLES}
    assert made == {role: spec.trials_of(role) for role in ROLES}
    assert len(history) == spec.planned_trials
    assert sum(len(spec.seeds_of(t.role, "ab12", t.look)) for t in history) == spec.planned_members


@pytest.mark.parametrize(
    ("changes", "control", "members"),
    [
        ({}, 0, 6 * 5),
        ({"control": "rescaled"}, 1, 6 * 5 + 1 * 5),  # on the search's seeds
        ({"control": "rescaled", "confirm_seeds": 3}, 1, 6 * 5 + 3 * 3 + 1 * 3),  # on fresh ones
        ({"control": "rescaled", "search": GOOD["search"] | {"tau_f": [0.0]}}, 0, 2 * 5),  # argmax has none
        ({"control": "rescaled", "search": GOOD["search"] | {"tau_f": [0.5], "tau_b": [0.5]}}, 0, 5),
    ],
)
def test_a_control_is_counted_with_its_own_seeds(changes, control, members):
    spec = parse_spec(GOOD | changes)
    assert (spec.control_total, spec.planned_members) == (control, members)
    assert spec.planned_trials == spec.trials_total + spec.confirm_total + control
    assert spec.planned_trainings == members  # all of it is trained to its end


@pytest.mark.parametrize(
    ("changes", "intervals"),
    [
        ({"epochs": 100}, 20),
        ({"epochs": 8}, 8),
        ({"epochs": None, "steps": 7}, 7),
        ({"epochs": None, "steps": 7, "reports": 3}, 3),
        ({"epochs": None, "steps": 100}, 20),
    ],
)
def test_a_training_has_no_more_reports_than_epochs_or_steps(changes, intervals):
    assert parse_spec(GOOD | changes).intervals == intervals


def test_an_unknown_role_is_an_error():
    with pytest.raises(ValueError, match="role must be one of search, baseline, confirm, control"):
        parse_spec(GOOD).trials_of("confirmation")


def test_the_sequential_search_of_the_paper():
    search = {"strategy": "sequential", "tau_f": span(0, 2, 0.1), "tau_b": span(0.1, 2, 0.1)}
    spec = parse_spec(
        changed("search", search)
        | {"learning_rates": [3e-4, 5e-4, 7e-4, 1e-3], "baselines": ["identity", "gumbel"]}
    )
    assert spec.search.tau_b_start == 1.0
    # 21 values of tau_f at tau_b 1, then 19 others of tau_b; identity once, gumbel at 20 positive
    # temperatures
    assert spec.trials_total == (21 + 19 + 1 + 20) * 4
    assert parse_spec(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("start", "backward", "total"),
    [
        (1.0, [0.5, 1.0, 2.0], 5),
        (0.5, [0.5, 1.0, 2.0], 5),
        (0.7, [0.5, 0.7, 1.0, 2.0], 6),
        (0.2 + 0.3, [0.5, 1.0, 2.0], 5),
    ],
)
def test_the_stages_share_the_pair_at_tau_b_start(start, backward, total):
    spec = parse_spec(changed("search", SEQUENTIAL | {"tau_b_start": start}) | {"baselines": ["softmax"]})
    assert spec.search.backward == backward
    assert spec.baseline_temperatures == backward  # 0.5 and 1 of tau_f among them
    assert spec.trials_total == total + len(backward)


@pytest.mark.parametrize(
    ("changes", "total"),
    [
        ({}, 3),  # off the diagonal, argmax, and on it
        ({"confirm_seeds": 0}, 0),
        ({"baselines": ["identity", "softmax", "gumbel", "gst"]}, 6),  # softmax is on the diagonal
        ({"search": {"strategy": "grid", "tau_f": [0.0], "tau_b": [1.0]}}, 1),
        ({"search": {"strategy": "grid", "tau_f": [0.0], "tau_b": [1.0]}, "baselines": ["softmax"]}, 2),
        ({"search": {"strategy": "grid", "tau_f": [1.0], "tau_b": [1.0]}}, 1),
        ({"search": SEQUENTIAL}, 3),
        ({"search": SEQUENTIAL | {"tau_f": [0.1, 0.7], "tau_b": [0.5]}}, 1),
        ({"search": SEQUENTIAL | {"tau_f": [0.1, 0.7], "tau_b": [0.5], "tau_b_start": 0.7}}, 2),
    ],
)
def test_what_can_have_a_best_trial_is_confirmed(changes, total):
    assert parse_spec(GOOD | {"confirm_seeds": 3} | changes).confirm_total == total


def test_fresh_seeds_come_in_blocks_that_only_one_study_has():
    spec = parse_spec({**GOOD, "seeds": 3, "confirm_seeds": {"looks": [5, 10, 20]}})
    first, second, third = (spec.fresh_seeds("ab12", look) for look in range(3))
    assert [len(first), len(second), len(third)] == [5, 5, 10]
    blocks = [*spec.search_seeds, *first, *second, *third]
    assert len({*blocks}) == len(blocks)
    assert not {*blocks} & {*parse_spec({**GOOD, "confirm_seeds": 500}).fresh_seeds("ab13", 0)}
    assert first == parse_spec({**GOOD, "confirm_seeds": 5}).fresh_seeds("ab12", 0)


def test_seeds_that_are_added_come_after_those_of_all_looks_and_are_counted():
    spec = parse_spec({**GOOD, "confirm_seeds": {"looks": [5, 10]}})
    grown = spec.with_added((3, 4))
    first, second = (grown.fresh_seeds("ab12", look) for look in (2, 3))
    planned = [*spec.fresh_seeds("ab12", 0), *spec.fresh_seeds("ab12", 1)]
    assert (len(first), len(second)) == (3, 4)
    assert [*planned, *first, *second] == list(range(planned[0], planned[0] + 17))
    assert (spec.added, grown.added, grown.model_dump()) == ((), (3, 4), spec.model_dump())
    assert grown.room_for_seeds == 990
    for counted, more in (("planned_trials", 2), ("planned_members", 7), ("planned_trainings", 7)):
        assert getattr(grown, counted) == getattr(spec, counted) + more * spec.confirm_total


@pytest.mark.parametrize("confirm_seeds", [0, 5])
def test_a_control_has_the_seeds_of_the_trial_that_it_is_compared_with(confirm_seeds):
    spec = parse_spec({**GOOD, "control": "rescaled", "confirm_seeds": confirm_seeds})
    fresh = spec.fresh_seeds("ab12", 0) if confirm_seeds else spec.search_seeds
    assert spec.seeds_of("control", "ab12") == fresh
    assert {spec.seeds_of(role, "ab12") for role in ("search", "baseline", "extension")} == {
        spec.search_seeds
    }
    assert (spec.control_total, parse_spec(GOOD).control_total) == (1, 0)


@pytest.mark.parametrize("name", [name for name in SPECS if name not in PLAIN])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_no_study_has_more_trials_than_its_plan_allows(name, seed):
    spec = SPECS[name]

    def finish(trial):  # one method has one outcome, whatever its role
        losses = random.Random(f"{seed} {trial.method}")
        centre = losses.uniform(0.5, 1.5)
        return replace(succeed(trial), objective=tuple(centre + losses.gauss(0, 0.1) for _ in range(3)))

    history, _ = play(lambda: strategy_for(spec), 4, finish=finish)
    assert spec.planned_trials <= len(history) <= spec.most_trials


def test_a_diagnosis_is_made_at_the_temperatures_of_the_search():
    assert parse_spec(GOOD).diagnosis is None
    assert parse_spec(GOOD | {"diagnostics": 8}).diagnosis == {
        "passes": 8,
        "tau_f": (0.0, 0.5, 1.0),
        "tau_b": (0.5, 1.0),
    }
    between = {
        "strategy": "tpe",
        "tau_f": {"low": 0.0, "high": 2.0},
        "tau_b": {"low": 0.5, "high": 2.0},
        "trials": 16,
    }
    found = parse_spec(GOOD | {"search": between, "diagnostics": 8}).diagnosis
    assert found == {"passes": 8, "tau_f": (0.0, 0.5, 0.794, 1.26, 2.0), "tau_b": (0.5, 0.794, 1.26, 2.0)}


@pytest.mark.parametrize("strategy", ["tpe", "gp", "pbt"])
def test_between_bounds_baselines_have_as_many_temperatures_as_a_grids_side(strategy):
    spec = parse_spec(
        GOOD
        | {"search": BETWEEN | {"strategy": strategy}, "epochs": 20, "baselines": ["softmax", "identity"]}
    )
    assert len(spec.baseline_temperatures) == 5
    assert (spec.baseline_temperatures[0], spec.baseline_temperatures[-1]) == (0.1, 2.0)
    on = 25 if strategy == "pbt" else 25 - 5  # softmax lies on the diagonal; pbt has a population there
    assert spec.trials_total == 25 + on + len(spec.learning_rates) * (5 + 1)


def test_halving_counts_what_it_trains():
    search = {
        "strategy": "halving",
        "tau_f": [0.0, 1.0, 2.0],
        "tau_b": [0.5, 0.7, 3.0],
    }  # 9 pairs, none on the diagonal
    spec = parse_spec(GOOD | {"search": search, "epochs": 9, "learning_rates": [0.001], "baselines": []})
    # Of argmax 3 trials, of the others 6: 3 and 6 for an interval of 9, 1 and 2 until the third, 1 and 1 to
    # the end.
    assert (spec.search.ladder(9), spec.trainings_total) == ([1, 3, 9], (9 * 1 + 3 * 2 + 2 * 6) / 9)


def test_trials_on_fresh_seeds_vary_the_split_where_the_spec_asks_for_it():
    varied = parse_spec({**GOOD, "confirm_seeds": 3, "vary_split": True})
    assert {role for role in (*ROLES, "extension", "refinement") if varied.varies_split(role)} == {
        "confirm",
        "control",
    }
    assert not parse_spec({**GOOD, "confirm_seeds": 3}).varies_split("confirm")
    assert "vary_split: needs confirm_seeds" in refusal({**GOOD, "vary_split": True})


def test_looks_have_a_boundary():
    looks = {"looks": [5, 10], "boundary": "obrien-fleming"}
    assert parse_spec({**GOOD, "confirm_seeds": looks}).boundary == "obrien-fleming"
    assert {parse_spec({**GOOD, "confirm_seeds": given}).boundary for given in (5, {"looks": [5]})} == {
        "constant"
    }
    assert "confirm_seeds.boundary" in refusal({**GOOD, "confirm_seeds": {**looks, "boundary": "pocock"}})


def test_what_may_follow_the_planned_trials_is_counted_before_the_start():
    fair = {**GOOD, "extend": True, "refine": True, "confirm_seeds": 3}
    # Of 6 pairs 2 lie on the diagonal. Four steps on each of 4 lines: two off the diagonal, argmax's, and the
    # diagonal. 6 refine argmax, 6 off the diagonal, where there are at most 4 + 8 + 6 trials then: 16 more on
    # it. And 2 that the search alone would have selected.
    assert parse_spec(fair).further_most == 4 * 4 + (6 + 6 + 16) + 2
    assert parse_spec({**fair, "confirm_seeds": {"looks": [3, 6]}}).further_most == 46 + 3 + 2
    assert parse_spec({**fair, "confirm_seeds": 0}).further_most == parse_spec(GOOD).further_most == 0
