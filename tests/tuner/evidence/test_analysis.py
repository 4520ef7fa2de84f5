"""The statistics agree with scipy's, the verdict follows from them, and fresh seeds keep it honest."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.support.rows import FRESH, MAXIMIZE, MINIMIZE, OBJECTIVES, SEARCH, finished_study, study, trial
from tuner.evidence.analysis import UNDECLARED, results, rules_of
from tuner.evidence.conclusion import conclude
from tuner.evidence.confirmed import Rules
from tuner.evidence.figures import drawing
from tuner.evidence.gains import gain
from tuner.evidence.landscape import landscape, stages
from tuner.evidence.over_seeds import Summary, sem
from tuner.evidence.paired import pairs_by_seed
from tuner.evidence.report import write_report
from tuner.evidence.results import BackwardLine, ForwardLine, Landscape, Results, TrialResult
from tuner.evidence.selection import best, best_forward, select
from tuner.evidence.verdicts import Verdict
from tuner.ledger.methods import Segment, Variant

# --- gain ---

RULES = Rules(MINIMIZE, (5,))


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("n", [3, 5, 30])
def test_gain_is_scipys_paired_t_test(n, direction):
    rng = np.random.default_rng(n)
    ours, rival = rng.normal(2.0, 1.0, n), rng.normal(2.3, 1.0, n)
    measured = gain(trial(0, ours), trial(1, rival), Rules(OBJECTIVES[direction], (5,)))
    expected = stats.ttest_rel(rival, ours) if direction == "minimize" else stats.ttest_rel(ours, rival)
    interval = expected.confidence_interval(0.95)
    assert measured.mean == pytest.approx((rival - ours).mean() * (1 if direction == "minimize" else -1))
    assert measured.p_value == pytest.approx(expected.pvalue)
    assert measured.ci95 == pytest.approx((interval.low, interval.high))
    assert (measured.seeds, measured.against, measured.confirmed) == (n, 1, False)


@pytest.mark.parametrize("difference", [0.0, 0.5])
def test_gain_without_any_spread_has_no_p(difference):
    measured = gain(trial(0, [1.0, 2.0, 3.0]), trial(1, [v + difference for v in (1.0, 2.0, 3.0)]), RULES)
    assert (measured.mean, measured.ci95, measured.p_value) == (difference, (difference, difference), None)


def test_two_seeds_have_an_interval_and_no_p():
    measured = gain(trial(0, [1.0, 2.0]), trial(1, [2.0, 3.5]), RULES)
    interval = stats.ttest_1samp([1.0, 1.5], 0).confidence_interval(0.95)
    assert measured.ci95 == pytest.approx((interval.low, interval.high))
    assert measured.p_value is None


def test_gain_of_one_seed_has_no_interval():
    measured = gain(trial(0, [1.0]), trial(1, [1.5]), RULES)
    assert (measured.mean, measured.ci95, measured.p_value, measured.seeds) == (0.5, None, None, 1)


def test_gain_pairs_by_seed():
    ours = trial(0, [1.0, 2.0, 4.0], seeds=(7, 8, 9))
    rival = trial(1, [9.0, 5.0, 2.5, 6.0], seeds=(9, 1, 8, 7))
    measured = gain(ours, rival, RULES)
    assert (measured.mean, measured.seeds) == (pytest.approx(np.mean([6 - 1, 2.5 - 2, 9 - 4])), 3)


def test_pairs_are_of_the_objective_or_of_a_metric():
    ours = trial(0, [1.0, 2.0, None], seeds=(7, 8, 9), metrics={"x": [1.0, None, 3.0]})
    rival = trial(1, [9.0, 5.0, 2.5], seeds=(9, 8, 6), metrics={"x": [0.5, 0.25, 0.0]})
    assert pairs_by_seed(ours, rival) == [(2.0, 5.0)]
    assert pairs_by_seed(ours, rival, "x") == [(3.0, 0.5)]
    assert pairs_by_seed(ours, rival, "y") == []


@pytest.mark.parametrize(
    ("ours", "rival", "missing"),
    [
        ([1, None, 1, 1], [2, 2, None, 2], 2),
        ([1, None], [2, 2], 1),
        ([1, None], [None, 2], 2),
        ([1, 2], None, 2),
        (None, [1, 2], 2),
    ],
)
def test_a_mean_gain_is_of_the_seeds_that_both_have_and_says_how_many_are_missing(ours, rival, missing):
    n = len(ours or rival)
    measured = gain(trial(0, ours, seeds=range(n)), trial(1, rival, seeds=range(n)), RULES)
    assert (measured.seeds, measured.missing) == (n, missing)
    assert (measured.mean is None) == (missing == n)


def test_gain_of_disjoint_seeds_is_none():
    assert gain(trial(0, [1, 2], seeds=(0, 1)), trial(1, [1, 2], seeds=(2, 3)), RULES) is None


@pytest.mark.parametrize("n", [2, 5, 50])
def test_sem_is_scipys(n):
    values = np.random.default_rng(n).normal(1e6, 1.0, n)
    assert sem(list(values)) == pytest.approx(stats.sem(values))


@pytest.mark.parametrize(
    ("values", "mean", "error"),
    [
        ([], None, None),
        ([2.0], 2.0, None),
        ([1.0, 3.0], 2.0, 1.0),
        ([1.0, None], None, None),
        ([None], None, None),
    ],
)
def test_a_mean_is_over_every_seed_or_none(values, mean, error):
    assert Summary.of(values) == Summary(mean=mean, sem=error, seeds=values)


# --- selection ---


def test_the_best_has_the_best_mean_and_every_seed():
    trials = [
        trial(0, [3, 3]),
        trial(1, [1, 2]),
        trial(2, [0, None]),
        trial(3, None),
        trial(4, [2, 1]),
        trial(5, [4, 4]),
    ]
    assert best(trials, MINIMIZE) == trials[1]  # of equals the first
    assert best(reversed(trials), MINIMIZE) == trials[1]
    assert best(trials, MAXIMIZE) == trials[5]
    assert best(trials[2:4], MINIMIZE) is None


def test_methods_are_selected_apart():
    trials = [
        trial(0, [3, 3], tau_f=1.0, tau_b=1.0),
        trial(1, [2, 2], tau_f=0.0, tau_b=1.0),
        trial(2, [4, 4], tau_f=None, tau_b=None, role="baseline", estimator="identity"),
        trial(3, [2.5, 2.5], tau_f=0.5, tau_b=0.5, role="baseline", estimator="softmax"),
        trial(4, [1, 1], tau_f=None, role="baseline", estimator="gumbel"),
        trial(5, [0, 0], role="confirm"),
        trial(6, None, role="baseline", estimator="other"),
    ]
    chosen = select(trials, MINIMIZE)
    assert (chosen.best.number, chosen.off_diagonal, chosen.argmax.number) == (1, None, 1)
    assert chosen.diagonal.number == 3  # softmax ST is decoupled ST on the diagonal
    assert {name: t.number for name, t in chosen.baselines.items()} == {
        "identity": 2,
        "softmax": 3,
        "gumbel": 4,
    }
    assert [t.number for t in chosen.distinct()] == [1, 3, 4, 2]


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_of_equal_tau_f_the_smallest_is_the_best(direction):
    trials = [trial(0, [2.0], tau_f=1.0), trial(1, [2.0], tau_f=0.0), trial(2, [2.0], tau_f=0.5)]
    assert best_forward(trials, OBJECTIVES[direction]) == 0.0
    assert best_forward(trials[::2], OBJECTIVES[direction]) == 0.5


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_only_finite_objectives_compete(value, direction):
    trials = [trial(0, [value, value]), trial(1, [5.0, 5.0], tau_f=0.7), trial(2, [value, value])]
    assert best(trials, OBJECTIVES[direction]) == trials[1]
    assert best_forward(trials, OBJECTIVES[direction]) == 0.7
    assert best(trials[::2], OBJECTIVES[direction]) is None
    assert best_forward(trials[::2], OBJECTIVES[direction]) is None


# --- verdict ---


# --- results ---


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


def test_the_landscape_has_a_row_for_every_tau_f():
    def loss(tau_f, tau_b, lr):
        return 10 * tau_f + tau_b + 100 * lr

    taus = [(tau_f, tau_b) for tau_f in (1.0, 0.0) for tau_b in (3.0, 1.0, 2.0)]
    configurations = [(tau_f, tau_b, lr) for tau_f, tau_b in taus for lr in (0.1, 0.01)]
    trials = [trial(i, [loss(*c)] * 2, tau_f=c[0], tau_b=c[1], lr=c[2]) for i, c in enumerate(configurations)]
    trials.append(trial(50, [0.0, 0.0], tau_f=0.0, tau_b=1.0, role="confirm"))
    trials.append(trial(51, [0.0, 0.0], tau_f=7.0, tau_b=7.0, role="baseline", estimator="softmax"))
    found = landscape(trials, MINIMIZE)
    assert (found.tau_f, found.tau_b) == ((0.0, 1.0), (1.0, 2.0, 3.0))
    for i, tau_f in enumerate(found.tau_f):
        for j, tau_b in enumerate(found.tau_b):
            assert found.mean[i][j] == pytest.approx(loss(tau_f, tau_b, 0.01))  # the better learning rate
            assert found.sem[i][j] == 0
    assert landscape(trials, MAXIMIZE).mean[0][0] == pytest.approx(loss(0.0, 1.0, 0.1))


def test_the_landscape_is_empty_where_nothing_succeeded():
    searched, _ = finished_study()
    found = landscape(searched, MINIMIZE)
    assert found.mean == (
        (pytest.approx(1.0), None),
        (pytest.approx(3.0), None),
    )  # (0, 1) diverged, (0.5, 1) failed


# --- sequential search ---

SEQUENTIAL = {
    "strategy": "sequential",
    "tau_f": [0.0, 0.5, 1.5],
    "tau_b": [0.3, 1.0, 2.0],
    "tau_b_start": 1.0,
}


def sequential_trials():
    """tau_f of 0.5 wins the first stage with its second learning rate; then tau_b of 2 wins, and 0.3
    diverges.
    """
    first = [(0.0, 1.0, 5.0), (0.5, 1.0, 9.0), (1.5, 1.0, 6.0)]
    second = [(0.5, 0.3, None), (0.5, 2.0, 3.0)]
    searched = [trial(i, [v, v and v + 0.2], tau_f=f, tau_b=b) for i, (f, b, v) in enumerate(first + second)]
    searched += [trial(5, [4.0, 4.2], tau_f=0.5, tau_b=1.0, lr=0.1)]
    softmax = [
        trial(6 + i, [7.0, 7.2], tau_f=t, tau_b=t, role="baseline", estimator="softmax")
        for i, t in enumerate((1.0, 0.5))
    ]
    return searched, softmax


def test_the_landscape_of_a_sequential_search_has_no_value_where_nothing_ran():
    searched, softmax = sequential_trials()
    found = landscape([*searched, *softmax], MINIMIZE)
    assert (found.tau_f, found.tau_b) == ((0.0, 0.5, 1.5), (0.3, 1.0, 2.0))
    assert found.mean == ((None, pytest.approx(5.1), None), (None, pytest.approx(4.1), pytest.approx(3.1)),
                          (None, pytest.approx(6.1), None))  # fmt: skip
    assert [[v is None for v in row] for row in found.sem] == [[v is None for v in row] for row in found.mean]


def test_the_stages_are_a_row_and_a_column_through_the_best_tau_f():
    searched, softmax = sequential_trials()
    found = results(study(search=SEQUENTIAL), [*searched, *softmax]).stages
    assert (found.tau_b_start, found.best_tau_f) == (1.0, 0.5)
    assert found.first.points == ((0.0, 0.5, 1.5), pytest.approx((5.1, 4.1, 6.1)), pytest.approx((0.1,) * 3))
    assert found.second.tau_b == (0.3, 1.0, 2.0)
    assert found.second.mean == (None, pytest.approx(4.1), pytest.approx(3.1))
    other_way = results(study("maximize", SEQUENTIAL), [*searched, *softmax]).stages
    assert (other_way.best_tau_f, other_way.first.mean[1]) == (0.5, pytest.approx(9.1))


def test_stages_before_there_is_anything_to_choose():
    failed = [trial(i, None, tau_f=f) for i, f in enumerate((0.0, 0.5))]
    found = stages(study(search=SEQUENTIAL), failed)
    assert found.best_tau_f is None
    assert found.first == ForwardLine(tau_f=(0.0, 0.5), mean=(None, None), sem=(None, None))
    assert found.second == BackwardLine(tau_b=(), mean=(), sem=())
    assert stages(study(search=SEQUENTIAL), []).first.tau_f == ()


def test_only_a_sequential_search_has_stages():
    searched, _ = sequential_trials()
    assert results(study(search=SEQUENTIAL | {"strategy": "grid"}), searched).stages is None
    assert results(study(), searched).stages is None


def test_softmax_trials_are_the_diagonal_of_a_sequential_search():
    searched, softmax = sequential_trials()
    found = results(study(search=SEQUENTIAL), [*searched, *softmax])
    assert (found.best.number, found.diagonal_best.number) == (4, 6)
    assert (found.gain.mean, found.gain.against) == (pytest.approx(4.0), 6)
    assert [found.tuned_with[name] for name in ("off_diagonal", "argmax", "diagonal")] == [5, 1, 2]
    assert "the baseline softmax lies on it" in results(study(search=SEQUENTIAL), searched).verdict_reason


def drawn(figure):
    """Of a landscape's axes: the (tau_f, tau_b) indices that are filled, and those that have a colour of the
    scale.
    """
    ran, coloured = (mesh.get_array() for mesh in figure.axes[0].collections)
    return [{(int(i), int(j)) for j, i in np.argwhere(~np.ma.getmaskarray(m))} for m in (ran, coloured)]


def test_the_landscape_leaves_blank_what_was_not_run_and_grey_what_has_no_value():
    searched, _ = sequential_trials()
    land = landscape(searched, MINIMIZE)
    ran = {(t.tau_f, t.tau_b) for t in searched}
    arguments = {"objective": "val loss", "minimize": True}
    filled, coloured = drawn(drawing.landscape(land.tau_f, land.tau_b, land.mean, ran=ran, **arguments))
    assert filled == {(0, 1), (1, 1), (2, 1), (1, 0), (1, 2)}
    assert coloured == filled - {(1, 0)}  # which diverged
    filled, _ = drawn(drawing.landscape(land.tau_f, land.tau_b, land.mean, **arguments))
    assert len(filled) == 9


def test_the_stages_figure_stars_the_optimum_and_draws_the_baselines():
    found = stages(study(search=SEQUENTIAL), sequential_trials()[0])
    first, second = found.first.points, found.second.points
    figure = drawing.stages(
        first,
        second,
        tau_b_start=1.0,
        best_tau_f=0.5,
        baselines={"softmax": 7.1},
        objective="val loss",
        minimize=True,
    )
    for axes, optimum in zip(figure.axes, [(0.5, 4.1), (2.0, 3.1)], strict=True):
        (star,) = [line for line in axes.lines if line.get_marker() == "*"]
        assert (star.get_xdata()[0], star.get_ydata()[0]) == pytest.approx(optimum)
        (baseline,) = [line for line in axes.lines if line.get_label() == "softmax"]
        assert list(baseline.get_ydata()) == [7.1, 7.1]
    (crosses,) = [line for line in figure.axes[1].lines if line.get_marker() == "x"]
    assert list(crosses.get_xdata()) == [0.3]


def test_a_figure_of_a_thousand_temperatures_can_be_drawn(tmp_path):
    taus = [i / 100 for i in range(1, 1001)]
    mean = [[float(i)] for i in range(1000)]
    figure = drawing.landscape(taus, [1.0], mean, objective="val loss", minimize=True)
    figure.savefig(tmp_path / "wide.png")
    assert max(figure.get_size_inches()) < 20
    assert len(figure.axes[0].get_xticks()) < 50


@pytest.mark.parametrize("search", [SEQUENTIAL, {"strategy": "grid"}])
def test_the_report_of_a_sequential_study_shows_its_stages(tmp_path, search):
    searched, softmax = sequential_trials()
    files = write_report(
        study(search=search), [*searched, *softmax], [], tmp_path, artifacts=tmp_path / "none"
    )
    sequential = search is SEQUENTIAL
    assert ((tmp_path / "stages.png") in files) == sequential
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert ('id="stages"' in page) == sequential
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in files if path.suffix == ".png")


def test_the_report_of_a_sequential_study_without_success_has_no_stages(tmp_path):
    failed = [trial(i, None, tau_f=f) for i, f in enumerate((0.0, 0.5))]
    files = write_report(study(search=SEQUENTIAL), failed, [], tmp_path, artifacts=tmp_path / "none")
    assert "stages.png" not in {path.name for path in files}


# --- rows ---


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


# --- calibration ---


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
