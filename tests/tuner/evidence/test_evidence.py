"""Corrections, trends, accounting, control and claims, against scipy, brute force and by simulation; every
figure is drawn.
"""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.support.rows import FRESH, MAXIMIZE, MINIMIZE, NOW, finished_study, study, trial
from trainables.tasks import task_metrics
from tuner.errors import UserError
from tuner.evidence.analysis import results
from tuner.evidence.curves import Curves, epochs_saved, reached_at
from tuner.evidence.figures.study_figures import figure_bytes, figure_names
from tuner.evidence.landscape import optimum_over_seeds
from tuner.evidence.multiple_comparisons import best_of_many, holm
from tuner.evidence.paired import sign_flip, smallest_p
from tuner.evidence.report import write_report
from tuner.evidence.results import ClaimStatus
from tuner.evidence.selection import select
from tuner.evidence.sequential_replay import sequential_replay
from tuner.evidence.trends import trend
from tuner.ledger.methods import Segment, Variant
from tuner.ledger.rows import Measurement

NOT_SUPPORTED, SUPPORTED, UNDECIDED = ClaimStatus.NOT_SUPPORTED, ClaimStatus.SUPPORTED, ClaimStatus.UNDECIDED


@pytest.mark.parametrize("n", [2, 5, 8])
def test_the_sign_flip_test_is_scipys_permutation_test(n):
    differences = np.random.default_rng(n).normal(0.4, 1.0, n)
    expected = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip(list(differences)) == pytest.approx(expected.pvalue)
    assert sign_flip([1.0 + i for i in range(n)]) == smallest_p(n) == 2.0 ** (1 - n)


def test_holm_is_the_closed_test_of_bonferroni():
    for seed in range(20):
        p = dict(enumerate(np.random.default_rng(seed).uniform(0, 0.2, 4)))
        subsets = [s for k in range(1, 5) for s in itertools.combinations(p, k)]
        closed = {i: max(min(1.0, len(s) * min(p[j] for j in s)) for s in subsets if i in s) for i in p}
        assert holm(p) == pytest.approx(closed)


@pytest.mark.parametrize(("seeds", "levels"), [(3, 4), (5, 6), (4, 9)])
def test_the_trend_test_is_scipys_page_test(seeds, levels):
    table = np.random.default_rng(seeds).normal(size=(seeds, levels)) + 0.3 * np.arange(levels)
    found = trend({float(j): list(table[:, j]) for j in range(levels)})
    method = "exact" if levels <= 7 else "asymptotic"
    one_sided = min(stats.page_trend_test(t, method=method).pvalue for t in (table, table[:, ::-1]))
    assert found.p_value == pytest.approx(min(1.0, 2 * one_sided))
    assert found.spearman == pytest.approx(
        np.mean([stats.spearmanr(np.arange(levels), row)[0] for row in table])
    )


def test_a_trend_leaves_out_what_some_seed_lacks_and_is_none_of_two_levels():
    values = {0.0: [None, 1.0], 0.1: [1.0, 1.0], 0.2: [1.0, 1.0], 0.3: [1.0, 1.0]}
    found = trend(values)
    assert (found.levels, found.spearman, found.p_value) == ((0.1, 0.2, 0.3), 0.0, 1.0)
    assert trend({k: values[k] for k in (0.0, 0.1, 0.2)}) is None


def test_the_best_of_one_is_the_one_sided_t_test():
    rng = np.random.default_rng(5)
    off, on = rng.normal(1.0, 0.3, 5), rng.normal(1.2, 0.3, 5)
    found = best_of_many([trial(0, off, tau_f=0.0), trial(1, on, tau_f=1.0)], MINIMIZE)
    assert found.p_value == pytest.approx(stats.ttest_rel(off, on, alternative="less").pvalue, abs=0.02)


def test_choosing_the_best_of_many_fools_it_no_more_often_than_promised():
    rng, wrong = np.random.default_rng(7), 0
    for _ in range(200):
        rows = [trial(i, rng.normal(size=5) + rng.normal(0, 0.1), tau_f=i / 10, tau_b=2.0) for i in range(15)]
        rows.append(trial(99, rng.normal(size=5), tau_f=2.0, tau_b=2.0))
        wrong += best_of_many(rows, MINIMIZE).p_value < 0.05
    assert wrong / 200 <= 0.07


def test_the_optimums_bootstrap_counts_every_resample():
    scores = np.random.default_rng(3).normal(size=(4, 3))
    rows = [trial(i, row, tau_f=i / 10, tau_b=1.0) for i, row in enumerate(scores)]
    winners = [scores[:, list(pick)].mean(1).argmin() / 10 for pick in itertools.product(range(3), repeat=3)]
    found = optimum_over_seeds(rows, MINIMIZE)
    assert {c.tau_f: c.share for c in found.cells} == pytest.approx(
        {w: winners.count(w) / 27 for w in winners}
    )
    assert sum(c.share for c in found.cells if c.sure) >= 0.95


def test_trials_that_were_dropped_are_not_selected():
    rows = [trial(0, [0.1, 0.1], state="stopped"), trial(1, [1.0, 1.0], tau_f=0.2)]
    assert select(rows, MINIMIZE).best.number == 1


def test_the_sequential_protocol_is_replayed_on_a_grid():
    # From tau_b = 1 the best tau_f is 0.5, whose best tau_b is 2; the optimum (0, 0.5) is not seen.
    loss = {
        (0.0, 0.5): 1.0,
        (0.0, 1.0): 4.0,
        (0.0, 2.0): 5.0,
        (0.5, 0.5): 6.0,
        (0.5, 1.0): 3.0,
        (0.5, 2.0): 2.0,
    }
    rows = [trial(i, [v, v], tau_f=f, tau_b=b) for i, ((f, b), v) in enumerate(loss.items())]
    found = sequential_replay(study(search={"strategy": "grid"}), rows)
    start = found.start
    assert (start.tau_f, start.tau_b, start.trials, start.of, start.rank) == (
        0.5,
        2.0,
        4,
        6,
        2,
    )
    assert start.regret.mean == 1.0
    assert [s.regret.mean for s in found.starts] == [0.0, 1.0, 1.0]
    assert sequential_replay(study(search={"strategy": "tpe"}), rows) is None


def test_when_a_curve_reaches_a_value():
    assert reached_at([1, 2, 3], [3.0, 2.0, 1.0], 1.5, MINIMIZE) == 2.5
    assert reached_at([1, 2], [3.0, 2.0], 1.5, MINIMIZE) is None
    assert reached_at([1, 2, 3], [0.0, None, 3.0], 2.0, MAXIMIZE) == 3


def measured(rows, epochs=(1.0, 2.0, 3.0, 4.0)):
    """Curves that fall on a straight line to each trial's objective."""
    return [
        Measurement(
            0,
            t.id,
            i,
            e,
            NOW,
            {
                "val_loss": [v and v + (epochs[-1] - e) for v in t.objective],
                "val_accuracy": [v and 1 - v / 10 for v in t.objective],
            },
        )
        for t in rows
        if t.objective
        for i, e in enumerate(epochs, 1)
    ]


def test_epochs_saved_are_paired_and_turn_their_sign():
    ours, rival = trial(0, [1.0, 1.0]), trial(1, [2.0, 2.0], tau_f=1.0)
    curves = Curves(measured([ours, rival]))
    assert epochs_saved(ours, rival, curves, MINIMIZE)[0].mean == pytest.approx(1.0)
    assert epochs_saved(rival, ours, curves, MINIMIZE)[0].mean == pytest.approx(-1.0)


def whole_study():
    """A finished study with curves, inactive units, gradients, a control, dropped trials and a schedule."""
    searched, confirmed = finished_study()
    metrics = {f"inactive_1e-0{k}": [0.1 * k] * 5 for k in (4, 5, 6, 7)}
    confirmed = [
        replace(t, metrics=t.metrics | metrics | {"test_loss": list(t.objective)}) for t in confirmed
    ]
    for i, tau_b in enumerate((0.1, 0.3, 2.0)):
        row = trial(20 + i, [5.0 + i] * 5, tau_f=0.0, tau_b=tau_b)
        falling = {
            "grad_norm": [1 / tau_b + s / 10 for s in range(5)],
            "inactive_1e-05": [0.5 - tau_b / 5] * 5,
        }
        searched.append(replace(row, metrics=row.metrics | falling))
    searched.append(trial(30, [9.0] * 5, tau_f=0.3, tau_b=2.0, state="stopped"))
    schedule = Variant(schedule=(Segment(0.0, 1.0, 1.0, 0.001), Segment(2.0, 0.2, 2.0, 0.001)))
    searched.append(trial(31, [8.0] * 5, tau_f=0.2, tau_b=2.0, variant=schedule))
    return searched, confirmed


def test_the_claims_follow_from_the_evidence():
    searched, confirmed = whole_study()
    rows = [*searched, *confirmed]
    found = results(study(), rows, measured(rows), metrics=task_metrics("sbn")).claims
    assert {name: claim.status for name, claim in found.items()} == {
        "C1": SUPPORTED,
        "C2": SUPPORTED,
        "C3": SUPPORTED,
    }
    without = results(study(), searched).claims
    assert (without["C1"].status, without["C2"].status) == (UNDECIDED, UNDECIDED)
    worse = [
        replace(t, objective=tuple(v - 3 for v in t.objective)) if t.estimator == "gumbel" else t
        for t in confirmed
    ]
    assert results(study(), [*searched, *worse]).claims["C2"].status == NOT_SUPPORTED
    gains = results(study(), rows).gains
    p = {name: g.p_holm for name, g in gains.items()}
    assert p == pytest.approx(holm({name: g.p_value for name, g in gains.items()}))


@pytest.mark.parametrize(("shift", "agrees"), [(0.001, True), (0.5, False)])
def test_the_control_is_compared_with_what_it_rescales(shift, agrees):
    searched, confirmed = finished_study()
    confirmed[0] = replace(confirmed[0], tau_f=0.2)
    searched[1] = replace(searched[1], tau_f=0.2)
    control = trial(
        50, [v + shift for v in confirmed[0].objective], tau_f=1.0, tau_b=2.5, role="control", seeds=FRESH
    )
    control = replace(control, variant=Variant(logit_scale=5.0))
    found = results(study(), [*searched, *confirmed, control]).control
    assert (found.of, found.agrees, found.difference.mean) == (6, agrees, pytest.approx(-shift))
    assert len(found.meaning) == 2


def test_every_figure_is_drawn_in_three_formats_or_one_by_one(tmp_path):
    searched, confirmed = whole_study()
    rows = [*searched, *confirmed]
    measurements = measured(rows)
    (tmp_path / "artifacts" / "trial-6").mkdir(parents=True)
    tables = {
        "tau_f": [0.0, 1.0],
        "tau_b": [0.5, 1.0],
        "bias": [[0.0, 1.0], [2.0, 3.0]],
        "variance": [[0.0, 1.0], [2.0, 3.0]],
    }
    (tmp_path / "artifacts" / "trial-6" / "bias.json").write_text(
        json.dumps(tables | {"exact_norm": [1.0], "codes": 16})
    )
    sbn, artifacts = task_metrics("sbn"), tmp_path / "artifacts"
    names = figure_names(study(), rows, measurements, metrics=sbn, artifacts=artifacts)
    assert names == [
        "landscape",
        "marginals",
        "curves",
        "figure2",
        "figure6b",
        "inactive",
        "bias",
        "rungs",
        "schedule",
    ]
    files = write_report(study(), rows, measurements, tmp_path / "out", artifacts=artifacts, metrics=sbn)
    assert [f.stem for f in files if f.suffix == ".png"] == names
    assert {f.name for f in files[-1].iterdir()} == {
        f"{name}.{suffix}" for name in names for suffix in ("svg", "pdf")
    }
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Test set" in page
    assert "http" not in page
    numbers = json.loads((tmp_path / "out" / "results.json").read_text(encoding="utf-8"))
    assert [t["number"] for t in numbers["trials"]] == [t.number for t in rows]
    sixth = next(t.id for t in rows if t.number == 6)
    values = [m.metrics["val_loss"] for m in measurements if m.trial_id == sixth]
    assert numbers["curves"]["6"] == {"epochs": [1.0, 2.0, 3.0, 4.0], "metrics": {"val_loss": values}}
    assert figure_bytes("curves", "png", study(), rows, measurements).startswith(b"\x89PNG")
    with pytest.raises(UserError, match="no figure 'nope'; it has landscape"):
        figure_bytes("nope", "png", study(), rows, measurements)
