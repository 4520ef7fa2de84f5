"""Several studies as one family: Holm's correction of their verdicts, and seeds that they share."""

from dataclasses import replace

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from tests.support.rows import FRESH, finished_study, study
from tests.support.stages import SPEC
from tuner.evidence.analysis import UNDECLARED, results, rules_of
from tuner.evidence.families import Finding, corrected, finding
from tuner.evidence.verdicts import Verdict
from tuner.spec.study import parse_spec
from tuner.strategies.space import study_seed

VARIED = {"vary_split": True}


def found(name, p_value, verdict=Verdict.OFF, trained="sbn", seeds=()):
    return Finding(name, verdict, p_value, trained, frozenset(seeds))


def test_p_values_are_corrected_over_the_studies_that_have_one():
    p_values = [0.001, 0.02, 0.04, 0.3, 0.012]
    family = [found(f"s{i}", p) for i, p in enumerate(p_values)]
    corrections = corrected([*family, found("none", None, Verdict.NONE)])
    _, expected, *_ = multipletests(p_values, method="holm")
    assert [corrections[f"s{i}"].p_holm for i in range(5)] == pytest.approx(list(expected))
    assert [corrections[f"s{i}"].holds for i in range(5)] == list(expected <= 0.05)
    assert {c.family for c in corrections.values()} == {5}
    assert (corrections["none"].p_holm, corrections["none"].holds) == (None, None)


def test_a_verdict_that_claims_no_difference_neither_holds_nor_falls():
    corrections = corrected([found("a", 0.9, Verdict.PRACTICALLY_ON), found("b", 0.02, Verdict.ON)])
    assert (corrections["a"].holds, corrections["b"].holds) == (None, True)
    assert corrections["b"].p_holm == pytest.approx(0.04)


def test_seeds_are_shared_by_studies_that_train_the_same():
    family = [
        found("a", 0.1, seeds=[1, 2]),
        found("b", 0.1, seeds=[2, 3]),
        found("c", 0.1, seeds=[3, 4]),
        found("d", 0.1, seeds=[1, 2], trained="dln"),
    ]
    shared = {name: c.shares_seeds for name, c in corrected(family).items()}
    assert shared == {"a": ("b",), "b": ("a", "c"), "c": ("b",), "d": ()}


def test_a_family_of_studies_without_a_gain_has_a_false_verdict_in_at_most_5_percent():
    rng = np.random.default_rng(5)
    families = rng.uniform(size=(2000, 10))
    wrong = [
        any(c.holds for c in corrected([found(str(i), p) for i, p in enumerate(family)]).values())
        for family in families
    ]
    assert 0.03 < np.mean(wrong) < 0.065
    assert np.mean((families <= 0.05).any(1)) > 0.35


def test_a_finding_is_the_studys_verdict_with_its_p_and_seeds():
    searched, confirmed = finished_study()
    row = study(spec={"dataset": "digits"})
    made = finding(row, [*searched, *confirmed], rules_of(row, UNDECLARED))
    whole = results(row, [*searched, *confirmed])
    assert (made.verdict, made.p_value) == (whole.verdict, whole.gain.p_overall)
    assert made.seeds == frozenset(FRESH)
    other = finding(study(spec={"dataset": "mnist"}), [*searched, *confirmed], rules_of(row, UNDECLARED))
    assert made.trained != other.trained
    assert finding(row, searched, rules_of(row, UNDECLARED)).p_value is None
    again = corrected([made, replace(made, study="again"), replace(other, study="other")])
    assert again["ab12"].shares_seeds == ("again",)


def test_another_optimizer_or_precision_makes_another_training_of_the_same_seeds():
    searched, confirmed = finished_study()
    trials = [*searched, *confirmed]

    def trained(**fields):
        row = study(spec={"dataset": "digits"} | fields)
        return finding(row, trials, rules_of(row, UNDECLARED)).trained

    # An earlier version's spec lacks the fields that came later.
    assert trained() == trained(name="another", seeds=7, optimizer=None, precision="float32")
    assert len({trained(), trained(optimizer={"clip_norm": 1.0}), trained(precision="bfloat16")}) == 3


def test_fresh_seeds_that_draw_splits_of_their_own_are_other_trainings():
    searched, confirmed = finished_study()
    rows = [study(spec={"dataset": "digits"} | fields) for fields in ({}, {"vary_split": False}, VARIED)]
    old, same, varied = (
        finding(row, [*searched, *confirmed], rules_of(row, UNDECLARED)).trained for row in rows
    )
    assert old == same != varied
    proposed = [study_seed(parse_spec(SPEC | {"name": "one"} | fields)) for fields in ({}, VARIED)]
    assert proposed[0] == proposed[1]  # what the search proposes does not depend on it
