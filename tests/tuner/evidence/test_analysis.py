"""The results of a study are what its contract says, and fresh seeds keep its verdict honest."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest

from tests.support.rows import (
    FRESH,
    MINIMIZE,
    SEARCH,
    SEQUENTIAL,
    finished_study,
    study,
    trial,
)
from tuner.evidence.analysis import UNDECLARED, results, rules_of
from tuner.evidence.conclusion import conclude
from tuner.evidence.results import Landscape, Results, TrialResult
from tuner.evidence.selection import select
from tuner.evidence.verdicts import Verdict
from tuner.ledger.methods import Segment, Variant


def test_results_have_the_contracts_keys_and_are_strict_json():
    searched, confirmed = finished_study()
    for trials in ([], searched, [*searched, *confirmed]):
        found = json.loads(json.dumps(results(study(), trials).plain(), allow_nan=False))
        assert found.keys() >= {
            "study",
            "objective",
            "best",
            "diagonal_best",
            "baselines",
            "gain",
            "verdict",
            "landscape",
        }
        assert found["study"] == "ab12"
        assert found["objective"] == {"name": "val_loss", "direction": "minimize"}
        assert found["landscape"].keys() == {"tau_f", "tau_b", "mean", "sem"}
    assert found["gain"].keys() >= {"mean", "ci95", "p_value", "seeds", "against", "confirmed"}
    assert found["baselines"].keys() == {"identity", "gumbel"}
    row_keys = {
        "number",
        "role",
        "estimator",
        "tau_f",
        "tau_b",
        "lr",
        "state",
        "objective",
        "metrics",
        "reason",
    }
    for row in (found["best"], found["diagonal_best"], *found["baselines"].values()):
        assert row.keys() >= row_keys
        assert row["objective"].keys() == {"mean", "sem", "seeds"}


def test_an_empty_study_has_no_results_yet():
    found = results(study(), [])
    assert (found.best, found.diagonal_best, found.baselines, found.gain, found.verdict) == (
        None,
        None,
        {},
        None,
        Verdict.NONE,
    )
    assert found.landscape == Landscape(tau_f=(), tau_b=(), mean=(), sem=())


def test_fresh_seeds_decide_where_there_are_any():
    searched, confirmed = finished_study()
    before = results(study(), searched)
    assert (before.gain.mean, before.gain.confirmed) == (pytest.approx(2.0), False)
    assert before.verdict == Verdict.NONE
    after = results(study(), [*searched, *confirmed])
    assert (after.best.number, after.diagonal_best.number) == (1, 0)
    assert (after.gain.mean, after.gain.confirmed, after.gain.against) == (
        pytest.approx(0.5),
        True,
        7,
    )
    assert after.verdict == Verdict.OFF
    assert after.gains["identity"].mean == pytest.approx(3.0)
    assert {name: t.number for name, t in after.confirmed.items()} == {
        "off_diagonal": 6, "diagonal": 7, "identity": 8, "gumbel": 9,
    }  # fmt: skip


def test_softmax_is_confirmed_by_its_twin_on_the_diagonal():
    searched, confirmed = finished_study()
    softmax = trial(10, searched[0].objective, tau_f=0.5, tau_b=0.5, role="baseline", estimator="softmax")
    found = results(study(), [*searched, softmax, *confirmed])
    assert (found.confirmed["softmax"].number, found.gains["softmax"]) == (7, found.gain)


def test_half_a_confirmation_is_not_compared_with_the_search():
    searched, confirmed = finished_study()
    for half in ([confirmed[0]], [confirmed[1]]):
        found = results(study(), [*searched, *half])
        assert (found.gain.confirmed, found.verdict) == (False, Verdict.NONE)
        assert found.verdict_reason == "what is selected now was not trained on fresh seeds"


@pytest.mark.parametrize(
    ("loser", "conclusion"), [(0, Verdict.OFF), (1, Verdict.ON)], ids=["off the diagonal", "on the diagonal"]
)
def test_what_diverged_on_fresh_seeds_does_not_win_by_the_seeds_it_survived(loser, conclusion):
    searched, confirmed = finished_study()
    confirmed[loser] = replace(confirmed[loser], objective=(1.0, 1.01, None, None, None), state="diverged")
    assert results(study(), [*searched, *confirmed]).verdict != conclusion


def test_maximizing_selects_the_other_end():
    searched, _ = finished_study()
    found = results(study("maximize"), searched)
    assert (found.best.number, found.gain.mean) == (0, pytest.approx(-2.0))


def test_a_trials_row_says_what_came_out():
    row = TrialResult.of(trial(3, [1.0, None], tau_f=None)).plain()
    assert (row["number"], row["state"], row["tau_f"]) == (3, "diverged", None)
    assert row["objective"] == {"mean": None, "sem": None, "seeds": [1.0, None]}
    assert row["metrics"]["val_loss"]["seeds"] == [1.0, None]


SCALED = Variant(logit_scale=10.0)


def test_a_variant_is_shown_by_what_it_says():
    schedule = Variant(schedule=(Segment(0.0, 0.5, 1.0, 0.001), Segment(2.0, 0.0, 1.0, 0.001)))
    shown = [
        TrialResult.of(trial(0, [1.0], variant=v)).plain()["variant"] for v in (schedule, Variant(), SCALED)
    ]
    assert shown == [
        {"schedule": [[0.0, 0.5, 1.0, 0.001], [2.0, 0.0, 1.0, 0.001]]},
        None,
        {"logit_scale": 10.0},
    ]


def test_results_come_back_from_their_json_as_they_were():
    searched, confirmed = finished_study()
    control = trial(
        50, confirmed[0].objective, tau_f=1.0, tau_b=2.5, role="control", variant=SCALED, seeds=FRESH
    )
    searched[1], confirmed[0] = (replace(t, tau_f=0.1, tau_b=0.25) for t in (searched[1], confirmed[0]))
    for search in (None, SEQUENTIAL, {"strategy": "grid"}):
        found = results(study(search=search), [*searched, *confirmed, control])
        assert found.control is not None
        assert Results.model_validate(json.loads(json.dumps(found.plain(), allow_nan=False))) == found


def test_with_no_difference_fresh_seeds_find_one_as_rarely_as_promised():
    """The winner of a search beats the diagonal on the seeds that made it the winner; that is no evidence."""
    rng = np.random.default_rng(2026)
    studies, flattered, wrong = 400, 0, 0
    taus = [(tau_f, tau_b) for tau_f in (0.1, 0.3, 0.5, 1.0) for tau_b in (0.2, 0.4, 0.7, 1.0, 2.0)]
    rules = rules_of(study(), UNDECLARED)
    for _ in range(studies):
        losses = rng.normal(0.0, 3.0, 5) + rng.normal(size=(len(taus), 5))  # one effect of each seed
        trials = [trial(i, losses[i], tau_f=f, tau_b=b, seeds=SEARCH) for i, (f, b) in enumerate(taus)]
        chosen = select(trials, MINIMIZE)
        low, _ = conclude(study(), trials, chosen, rules).main.gain.ci95
        flattered += low > 0
        fresh = rng.normal(0.0, 3.0, 5) + rng.normal(size=(2, 5))
        trials += [
            trial(100 + i, fresh[i], tau_f=t.tau_f, tau_b=t.tau_b, role="confirm", seeds=FRESH)
            for i, t in enumerate(chosen.distinct())
        ]
        wrong += conclude(study(), trials, chosen, rules).main.verdict == Verdict.OFF
    assert flattered / studies > 0.10
    assert math.isclose(wrong / studies, 0.025, abs_tol=0.02)  # one end of a two-sided 95 % interval


def test_methods_are_counted_by_what_they_were_chosen_from():
    grid = [(f, b) for f in (0.0, 0.5, 1.0) for b in (0.5, 1.0)]
    searched = [trial(i, [1.0], tau_f=f, tau_b=b) for i, (f, b) in enumerate(grid)]
    softmax = [
        trial(10 + i, [1.0], role="baseline", estimator="softmax", tau_f=t, tau_b=t)
        for i, t in enumerate((0.5, 1.0, 2.0))
    ]
    identity = [trial(20, [1.0], role="baseline", estimator="identity", tau_f=None, tau_b=None)]
    confirmed = [trial(30, [1.0], role="confirm")]
    counts = results(study(), [*searched, *softmax, *identity, *confirmed]).tuned_with
    # On the diagonal: 0.5 and 1 of the grid, which softmax has too, and softmax's 2.
    assert counts == {"off_diagonal": 2, "argmax": 2, "diagonal": 3, "identity": 1, "softmax": 3}
