"""Corrections, trends, accounting, control and claims, against scipy, brute force and by simulation; every
figure is drawn.
"""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from tests.support.rows import FRESH, MINIMIZE, NOW, finished_study, study, trial
from trainables.tasks import task_metrics
from tuner.errors import UserError
from tuner.evidence.analysis import results
from tuner.evidence.figures.study_figures import figure_bytes, figure_names
from tuner.evidence.multiple_comparisons import holm
from tuner.evidence.over_seeds import Gain
from tuner.evidence.paired import sign_flip, smallest_p
from tuner.evidence.report import write_report
from tuner.evidence.results import ClaimStatus
from tuner.evidence.selection import select
from tuner.evidence.sequential_replay import sequential_replay
from tuner.ledger.methods import Segment, Variant
from tuner.ledger.rows import Measurement, TrialState

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
    assert (start.regret.mean, start.regret.same, start.regret.seeds) == (1.0, 0, 2)
    assert [s.regret.mean for s in found.starts] == [0.0, 1.0, 1.0]
    assert sequential_replay(study(search={"strategy": "tpe"}), rows) is None


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


def whole_study():
    """A finished study with curves, inactive units, gradients, a control, dropped trials and a schedule."""
    searched, confirmed = finished_study()
    metrics = {f"inactive_1e-0{k}": [0.1 * k] * 5 for k in (4, 5, 6, 7)}
    confirmed = [
        replace(t, metrics=t.metrics | metrics | {"test_loss": list(t.objective)}) for t in confirmed
    ]
    for i, tau_b in enumerate((0.1, 0.3, 2.0)):
        row = trial(20 + i, [5.0 + i] * 5, tau_f=0.1, tau_b=tau_b)
        falling = {
            "grad_norm": [(1 + s / 10) / tau_b for s in range(5)],
            "inactive_1e-05": [0.5 - tau_b * (10 + s) / 60 for s in range(5)],
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


def test_a_rival_that_is_ahead_on_the_seeds_that_it_survives_refutes_nothing():
    searched, confirmed = whole_study()
    survivors = []
    for t in confirmed:
        if t.estimator == "gumbel":  # ahead on four seeds, diverged on the other
            ahead = (None, *(v - 3 for v in t.objective[1:]))
            t = replace(t, objective=ahead, state=TrialState.DIVERGED)  # noqa: PLW2901
        survivors.append(t)
    part = next(
        p for p in results(study(), [*searched, *survivors]).claims["C2"].parts if "end than ST-GS" in p.what
    )
    assert part.status == UNDECIDED
    assert "wins 1 of 5 seeds; one of the two diverged on 1" in part.reason
    assert part.numbers.p_value == pytest.approx(0.375)  # 1 of 5 by the sign test


def test_what_can_be_shown_or_refuted_of_claims_2_and_3_is_one_family():
    searched, confirmed = whole_study()
    rows = [*searched, *confirmed]
    found = results(study(), rows, measured(rows), metrics=task_metrics("sbn"))
    parts = [part for name in ("C2", "C3") for part in found.claims[name].parts if part.counts]
    tested = {part.what: part.numbers for part in parts if part.numbers and part.numbers.p_value is not None}
    p = {
        what: numbers.p_overall if isinstance(numbers, Gain) else numbers.p_value
        for what, numbers in tested.items()
    }
    assert len(p) > 6
    assert {what: numbers.p_holm for what, numbers in tested.items()} == pytest.approx(holm(p))
    beside = [part for part in found.claims["C3"].parts if not part.counts]
    assert len(beside) == 3  # the other thresholds
    assert not {part.what for part in beside} & tested.keys()
    assert not any("p_holm" in part.numbers for part in beside)


@pytest.mark.parametrize(("shift", "agrees"), [(0.001, True), (0.5, False)])
def test_the_control_is_compared_with_what_it_rescales(shift, agrees):
    searched, confirmed = finished_study()
    confirmed[0] = replace(confirmed[0], tau_f=0.2)
    searched[1] = replace(searched[1], tau_f=0.2)
    control = trial(
        50,
        [v + shift * (1 + i / 100) for i, v in enumerate(confirmed[0].objective, -2)],
        tau_f=1.0, tau_b=2.5, role="control", seeds=FRESH,
    )  # fmt: skip
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
        "trajectories",
        "marginals",
        "curves",
        "figure2",
        "figure6b",
        "inactive",
        "bias",
        "equal_budget",
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
