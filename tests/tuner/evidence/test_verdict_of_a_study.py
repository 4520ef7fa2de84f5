"""The verdict of a whole study in each of its states, and that of argmax beside it."""

import json
from dataclasses import replace

import pytest

from tests.support.rows import FRESH, finished_study, study, trial
from trainables.metrics import Collapse, Metric, Metrics
from tuner.cli.summary import summary_of
from tuner.evidence.analysis import results
from tuner.evidence.report import write_report
from tuner.evidence.results import Results
from tuner.evidence.verdicts import Verdict

OLD = {"extend": None, "refine": None, "margin": None}  # fields that specs of earlier versions do not have
SPREAD = [0.0, 0.1, -0.1, 0.05, -0.05]


def whole():
    searched, confirmed = finished_study()
    return [*searched, *confirmed]


def with_argmax(lead=0.4):
    """The same study, in which argmax is ahead of the diagonal by so much on fresh seeds."""
    values = [2.5 - lead - v for v in SPREAD]
    return [
        *whole(),
        trial(20, [0.9 - v for v in SPREAD], tau_f=0.0, tau_b=0.5),
        trial(21, values, tau_f=0.0, tau_b=0.5, role="confirm", seeds=FRESH),
    ]


# --- reasons that are true of the study's state ---


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("queued", "has not been started yet"),
        ("running", "still running"),
        ("cancelled", "was cancelled before"),
        ("failed", "failed before"),
        ("interrupted", "was interrupted before"),
        ("succeeded", "what is selected now was not trained on fresh seeds"),
    ],
)
def test_without_a_confirmation_the_reason_is_the_studys_state(state, reason):
    searched, _ = finished_study()
    found = results(study(state=state), searched)
    assert found.verdict == Verdict.NONE
    assert reason in found.verdict_reason
    assert not found.gain.confirmed


def test_a_confirmation_that_runs_is_waited_for():
    searched, confirmed = finished_study()
    running = [replace(t, state="running", objective=None, metrics={}) for t in confirmed]
    found = results(study(state="running"), [*searched, confirmed[0], *running[1:]])
    assert (found.verdict, found.gain.confirmed) == (Verdict.NONE, False)
    assert "still being trained on fresh seeds" in found.verdict_reason


def test_a_confirmation_that_failed_or_was_stopped_is_said_to():
    searched, confirmed = finished_study()
    failed = replace(confirmed[1], state="failed", objective=None)
    found = results(study(), [*searched, confirmed[0], failed])
    assert (
        found.verdict_reason == "a confirmation of one of the two failed, for the reason that its trial gives"
    )
    stopped = replace(confirmed[1], state="stopped")
    found = results(study(state="cancelled"), [*searched, confirmed[0], stopped])
    assert "cancelled before" in found.verdict_reason


@pytest.mark.parametrize("given", [0, None])
def test_a_study_that_confirms_nothing_is_told_to_set_confirm_seeds(given):
    searched, _ = finished_study()
    found = results(study(spec={"confirm_seeds": given}), searched)
    assert (found.verdict, found.confirmation) == (Verdict.NONE, None)
    assert "set confirm_seeds" in found.verdict_reason
    assert found.best_of_many.p_value < 0.05  # which decides nothing


@pytest.mark.parametrize("n", [1, 2])
def test_two_fresh_seeds_decide_nothing_however_far_apart(n):
    searched, confirmed = finished_study()
    few = [replace(t, seeds=t.seeds[:n], objective=t.objective[:n]) for t in confirmed]
    found = results(study(spec={"confirm_seeds": n}), [*searched, *few])
    assert found.verdict == Verdict.UNDECIDED
    assert f"{n} fresh seed{'s' if n > 1 else ''} cannot decide: a test takes 3" in found.verdict_reason
    assert found.gain.p_value is None


NOTHING = "there is nothing to compare with: "


@pytest.mark.parametrize(
    ("trials", "because"),
    [
        ([], "no trial, on or off the diagonal, has an objective on every seed"),
        ([trial(0, [1, 1], tau_f=0.0)], "no pair with noise was tried: give tau_f a value above 0, and one"),
        ([trial(0, None)], "every trial failed, for the reason that it gives"),
        ([trial(0, [1.0, None])], "every trial diverged on some seed"),
        ([trial(0, None, state="stopped")], "every trial was stopped before the end of its training"),
        ([trial(0, None), trial(1, [1.0, None])], "no trial, on or off the diagonal, has an objective"),
        ([trial(0, [1, 1])], NOTHING + "no trial on the diagonal tau_f = tau_b was run; the baseline"),
        (
            [trial(0, [1, 1]), trial(1, [1, None], tau_f=1.0)],
            NOTHING + "every trial on the diagonal tau_f = tau_b diverged on some seed",
        ),
        (
            [trial(0, [1, 1]), trial(1, None, tau_f=1.0, role="baseline", estimator="softmax")],
            NOTHING + "no trial on the diagonal tau_f = tau_b was trained to its end with an objective",
        ),
        (
            [trial(0, [1, 1], tau_f=1.0), trial(1, [1, 1], state="stopped")],
            NOTHING + "every trial off the diagonal with noise was stopped before its end",
        ),
        ([trial(0, [1, 1], tau_f=1.0)], NOTHING + "no trial off the diagonal with noise was run"),
        (
            [trial(0, [1, 1], tau_f=1.0), trial(1, [1, 1], tau_f=0.0)],
            NOTHING + "no trial off the diagonal with noise was run",
        ),
    ],
)
def test_where_there_is_nothing_to_compare_with_the_reason_says_what_is_missing(trials, because):
    found = results(study(), trials)
    assert (found.gain, found.verdict) == (None, Verdict.NONE)
    assert found.verdict_reason.startswith(because)
    assert "still running" in results(study(state="running"), trials).verdict_reason


# --- the verdict ---


def test_off_the_diagonal_and_relevant_where_the_interval_excludes_the_margin():
    for margin, relevant in ((0.1, True), ("10 %", None), (0.0, None)):
        found = results(study(spec={"margin": margin}), whole())
        assert found.confirmation.margin_given == str(margin)
        assert found.confirmation.margin == pytest.approx(0.3 if margin == "10 %" else margin)
        assert found.verdict == Verdict.OFF
        if relevant is not None:
            assert found.gain.relevant is relevant


def test_within_the_margin_it_is_practically_on_the_diagonal_and_c1_is_not_supported():
    found = results(study(spec={"margin": "50 %"}), whole())
    assert found.verdict == Verdict.PRACTICALLY_ON
    assert found.claims["C1"].status == "not supported"
    low, high = found.gain.ci90
    assert -found.gain.margin < low < high < found.gain.margin


def test_seeds_are_added_until_it_is_decided():
    spec = {"confirm_seeds": {"looks": [5, 10]}}
    searched, _ = finished_study()
    later = tuple(range(10, 15))

    def block(number, values, look, tau_f):
        return trial(number, values, tau_f=tau_f, tau_b=0.5, role="confirm", seeds=later if look else FRESH,
                     look=look)  # fmt: skip

    first = [block(6, [2.0, 2.4, 2.2, 2.6, 2.1], 0, 0.1), block(7, [2.5] * 5, 0, 0.5)]
    found = results(study(spec=spec), [*searched, *first])
    assert (found.verdict, found.gain.seeds) == (Verdict.UNDECIDED, 5)
    second = [block(8, [2.0, 2.2, 2.1, 2.05, 2.15], 1, 0.1), block(9, [2.5] * 5, 1, 0.5)]
    found = results(study(spec=spec), [*searched, *first, *second])
    assert (found.verdict, found.gain.seeds, found.confirmation.seeds) == (Verdict.OFF, 10, 10)
    assert found.confirmation.looks == (5, 10)
    half = results(study(spec=spec), [*searched, *first, second[0]])
    assert (half.verdict, half.gain.seeds) == (Verdict.UNDECIDED, 5)


@pytest.mark.parametrize(
    ("state", "why", "line"),
    [
        ("running", "the selected trials are still being trained on fresh seeds", "still running"),
        ("interrupted", "the study was interrupted while the selected trials were trained", "interrupted"),
    ],
)
def test_a_verdict_waits_for_the_end_and_what_was_measured_is_told(state, why, line):
    found = results(study(state=state), whole())
    assert (found.verdict, found.headline) == (Verdict.NONE, f"no verdict: {line}")
    assert found.verdict_reason.startswith(why)
    assert "; so far a gain of " in found.verdict_reason
    assert found.gain.confirmed
    assert found.argmax is None or found.argmax.verdict is Verdict.NONE


# --- the diagonal's edge ---


def at_the_edge(role="search"):
    return [*whole(), trial(30, [5.0] * 5, tau_f=0.9, tau_b=0.9, role=role, estimator="softmax")]


def test_where_the_diagonals_optimum_is_at_the_edge_and_is_not_extended_it_is_undecided():
    found = results(study(spec={"extend": False}), at_the_edge())
    assert found.verdict == Verdict.UNDECIDED
    assert "the diagonal's optimum is at the edge of what was searched (tau = 0.5 is the lowest)" in (
        found.verdict_reason
    )
    assert "excludes 0" in found.verdict_reason  # what was measured
    assert found.claims["C1"].status == "undecided"
    softmax = next(p for p in found.claims["C2"].parts if p.what.startswith("better at the end than softmax"))
    assert (softmax.status, softmax.reason) == ("undecided", found.verdict_reason)
    assert results(study(), at_the_edge()).verdict == Verdict.OFF
    assert any("a better one may lie beyond it" in note for note in results(study(), at_the_edge()).notes)
    within = trial(31, [5.0] * 5, tau_f=0.3, tau_b=0.3, role="extension", estimator="softmax")
    assert results(study(spec={"extend": False}), [*at_the_edge(), within]).verdict == Verdict.OFF


def test_argmax_is_held_to_the_same_edge():
    edge = trial(30, [5.0] * 5, tau_f=0.9, tau_b=0.9)
    found = results(study(spec={"extend": False}), [*with_argmax(), edge])
    assert found.argmax.verdict == Verdict.UNDECIDED
    assert found.argmax.outcome == "undecided"
    assert found.argmax.gain.decision == "better"


# --- argmax, and what the search alone shows ---


@pytest.mark.parametrize(("lead", "verdict", "outcome"), [(0.4, "OFF", "better"), (-0.4, "ON", "worse")])
def test_argmax_stands_beside_and_decides_no_claim(lead, verdict, outcome):
    found = results(study(), with_argmax(lead))
    assert (found.argmax.verdict, found.argmax.outcome) == (Verdict[verdict], outcome)
    assert found.argmax.gain.mean == pytest.approx(lead)
    assert found.argmax_best.number == 20
    assert (found.off_diagonal_best.number, found.verdict) == (1, Verdict.OFF)  # though argmax won the search
    main, beside = found.claims["C1"].parts
    assert (main.counts, beside.counts, found.claims["C1"].status) == (True, False, "supported")


def test_by_the_search_alone_and_fair_are_both_answered():
    # Refined, the diagonal has a better value, which beats the best pair off it on fresh seeds.
    rows = [
        *whole(),
        trial(30, [0.5 + v for v in SPREAD], tau_f=0.3, tau_b=0.3, role="refinement", estimator="softmax"),
        trial(31, [1.0 + v for v in SPREAD], tau_f=0.3, tau_b=0.3, role="confirm", estimator="softmax",
              seeds=FRESH),
    ]  # fmt: skip
    found = results(study(), rows)
    assert (found.verdict, found.diagonal_best.number) == (Verdict.ON, 30)
    assert (found.as_printed.verdict, found.as_printed.diagonal_best.number) == (Verdict.OFF, 0)
    assert found.as_printed.gain.mean == pytest.approx(0.5)
    assert results(study(), whole()).as_printed is None


# --- studies of earlier versions ---


def test_an_old_study_is_marked_and_its_verdict_computed_anew():
    found = results(study(spec=OLD), whole())
    assert found.verdict == Verdict.OFF
    assert any(note.startswith("the study was run by an earlier version") for note in found.notes)
    assert not any("earlier version" in note for note in results(study(), whole()).notes)
    unrefined = results(study(spec={"refine": False}), whole())
    assert any(note.startswith("the diagonal was not refined") for note in unrefined.notes)


def test_an_old_study_that_confirmed_argmax_as_off_the_diagonal_says_so():
    rows = [t for t in with_argmax() if t.number != 6]  # the best pair with noise was not confirmed then
    found = results(study(spec=OLD), rows)
    assert found.verdict == Verdict.NONE
    assert "took argmax (tau_f = 0) and pairs with noise for one method" in found.verdict_reason
    assert found.argmax.verdict == Verdict.OFF
    other_way = results(study(spec=OLD), [t for t in with_argmax() if t.number != 21])
    assert (other_way.verdict, other_way.argmax.verdict) == (Verdict.OFF, Verdict.NONE)
    assert "trained only the best of both on fresh seeds" in other_way.argmax.reason


def test_an_old_study_did_not_extend_its_ranges():
    assert results(study(spec=OLD), at_the_edge()).verdict == Verdict.UNDECIDED


# --- divergence and collapse ---

TASK = Metrics(
    (
        Metric("val_loss", "validation loss", direction="minimize"),
        Metric("val_accuracy", "validation accuracy", direction="maximize", second_verdict=True),
        Metric("perplexity", "perplexity"),
    ),
    collapsed=Collapse("perplexity", "below", 1.5),
)


def test_how_often_each_method_diverged_and_collapsed():
    rows = whole()
    rows[6] = replace(rows[6], metrics=rows[6].metrics | {"perplexity": [1.0, 1.2, 3.0, 3.0, 9.0]})
    rows[7] = replace(rows[7], objective=(*rows[7].objective[:4], None), state="diverged")
    found = results(study(), rows, metrics=TASK).outcomes
    off, on = found["off_diagonal"], found["diagonal"]
    assert (off.collapsed.count, off.collapsed.of, off.collapsed.share) == (2, 5, pytest.approx(0.4))
    assert off.collapsed.ci95 == pytest.approx((0.0527, 0.8534), abs=1e-4)  # Clopper and Pearson
    assert (on.diverged.count, on.diverged.of) == (1, 5)
    assert (off.search_diverged.count, off.search_diverged.of) == (1, 10)  # trial 2; trial 3 failed
    assert results(study(), rows).outcomes["diagonal"].collapsed is None


def test_a_task_that_collapses_decides_nothing_before_10_seeds_nor_do_its_claims():
    found = results(study(spec={"confirm_seeds": {"looks": [5, 10]}}), whole(), metrics=TASK)
    assert found.verdict == Verdict.UNDECIDED
    assert "nothing is decided below 10" in found.verdict_reason
    ahead = [part for part in found.claims["C2"].parts if part.what.startswith("better at the end")]
    assert {part.status for part in ahead} == {"undecided"}


def test_a_diagonal_that_diverges_on_every_fresh_seed_is_named():
    rows = whole()
    rows[7] = replace(rows[7], objective=(None,) * 5, state="diverged")
    found = results(study(), rows)
    assert (found.gain.mean, found.gain.rival_diverged) == (None, 5)
    assert "the best trial on the diagonal diverged on all 5 seeds" in found.verdict_reason


# --- beside the objective ---


def test_a_second_metric_and_the_test_set_stand_beside_the_verdict():
    rows = whole()
    for i, (accuracy, test) in {6: (0.9, 2.1), 7: (0.8, 2.4)}.items():
        extra = {"val_accuracy": [accuracy + v / 10 for v in SPREAD], "test_loss": [test] * 5}
        rows[i] = replace(rows[i], metrics=rows[i].metrics | extra | {"test_code": [1.0] * 5})
    found = results(study(), rows, metrics=TASK)
    assert {name: gain.mean for name, gain in found.second.items()} == {"val_accuracy": pytest.approx(0.1)}
    assert {name: gain.mean for name, gain in found.test_gain.items()} == {"test_loss": pytest.approx(0.3)}
    assert found.test["diagonal"]["test_code"].mean == 1.0  # shown, though nobody knows its direction
    said = summary_of(found, {"val_loss": "loss", "val_accuracy": "share of right answers (%)"}.__getitem__)
    assert "loss, search" in said
    assert "gain in share of right answers (%): 0.1" in said
    assert "gain on the test set: 0.3" in said


def test_as_many_trials_on_either_side_are_compared():
    pairs = [(0.1, 0.5, 1.0), (0.1, 1.0, 3.0), (0.5, 1.0, 2.0), (0.5, 0.5, 2.5), (1.0, 1.0, 4.0)]
    rows = [trial(i, [v, v, v], tau_f=f, tau_b=b) for i, (f, b, v) in enumerate(pairs)]
    budget = results(study(), rows).equal_budget
    assert budget.trials == (1, 2)
    assert budget.off_diagonal == pytest.approx((2.0, 4 / 3))
    assert budget.diagonal == pytest.approx((3.25, 2.5))
    assert budget.gain == pytest.approx((1.25, 7 / 6))
    assert results(study(), [trial(0, [1.0], tau_f=1.0), trial(1, [1.0])]).equal_budget is None


# --- everybody tells the same ---


def refined_study():
    within = trial(30, [3.5] * 5, tau_f=0.3, tau_b=0.3, role="refinement", estimator="softmax")
    return [*with_argmax(), within, trial(31, [3.6] * 5, tau_f=0.9, tau_b=0.9)]


@pytest.mark.parametrize("spec", [{}, {"extend": False, "margin": "1 %"}, OLD])
def test_report_and_command_line_say_what_the_results_say(tmp_path, spec):
    row, rows = study(spec=spec), refined_study()
    found = results(row, rows, metrics=TASK)
    write_report(row, rows, [], tmp_path, artifacts=tmp_path / "none", metrics=TASK)
    page = (tmp_path / "report.html").read_text(encoding="utf-8").replace("&#39;", "'")
    line = summary_of(found, str)
    assert found.argmax is not None
    assert found.as_printed is not None
    told = [found.verdict, *found.notes]
    reasons = [found.verdict_reason, found.argmax.reason, found.as_printed.reason]
    for text in (*told[1:], *(reason[1:] for reason in reasons), found.argmax.outcome):
        assert text in line
        assert text in page
    assert f"verdict: {found.verdict}" in line
    assert f"{found.verdict[0].upper()}{found.verdict[1:]}." in page
    numbers = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert {name: numbers[name] for name in found.plain()} == found.plain()


@pytest.mark.parametrize("spec", [{}, {"margin": "1 %", "confirm_seeds": {"looks": [5, 10]}}, OLD])
def test_results_come_back_from_json(spec):
    found = results(study(spec=spec), refined_study(), metrics=TASK)
    assert Results.model_validate(json.loads(json.dumps(found.plain(), allow_nan=False))) == found


def test_the_power_of_the_seeds_is_told_and_how_far_a_called_gain_is_overstated():
    # The margin is a tenth of a standard deviation: what 5 seeds call of it is luck.
    searched, confirmed = finished_study()
    (off, on), rest = confirmed[:2], confirmed[2:]
    noisy = replace(
        off, objective=tuple(v + d for v, d in zip(on.objective, [-1.0, -1.6, -0.7, -1.2, -0.9], strict=True))
    )
    found = results(study(spec={"margin": 0.03}), [*searched, noisy, on, *rest])
    assert found.verdict is Verdict.OFF
    (told,) = [n for n in found.notes if "probability" in n]
    assert told == (
        f"5 fresh seeds show a gain of {found.gain.detectable:.4g}, 1.68 standard deviations of a "
        "difference, with a probability of 80 %; were the true gain only the margin of 0.03, one that they "
        f"show would be overstated {found.gain.exaggeration:.1f} times on average"
    )
    assert not any("overstated" in n for n in results(study(), [*searched, *confirmed]).notes)
