"""Which method leads by the best report and which by the last; the results say where these disagree."""

import pytest

from tests.support.rows import MAXIMIZE, MINIMIZE, NOW, study, trial
from tuner.evidence.analysis import results
from tuner.evidence.curves import Curves
from tuner.evidence.score_rules import score_rules
from tuner.ledger.rows import Measurement


def curves(rows, by_trial):
    """The curves {trial number: [reports][seeds]}."""
    return [
        Measurement(0, row.id, i, float(i), NOW, {"val_loss": list(values)})
        for row in rows
        for i, values in enumerate(by_trial[row.number], 1)
    ]


ROWS = [
    trial(0, [3.0, 3.2, 3.1], tau_f=0.0, tau_b=0.5),
    trial(1, [2.0, 2.1, 1.9], tau_f=None, role="baseline", estimator="gumbel"),
]
OVERFITS = [[1.0, 1.1, 1.2], [2.0, 2.1, 2.4], [3.0, 3.2, 3.1]]
LEARNS = [[4.0, 4.0, 4.0], [3.0, 3.1, 2.9], [2.0, 2.1, 1.9]]


def test_where_the_rules_disagree_there_is_a_note():
    found = score_rules(ROWS, Curves(curves(ROWS, [OVERFITS, LEARNS])), MINIMIZE, "best")
    assert {rule: (w.method, w.trial) for rule, w in found.winners.items()} == {
        "best": ("argmax", 0),
        "last": ("gumbel", 1),
    }
    assert found.winners["best"].objective == pytest.approx(1.1)
    assert (found.overfit, found.trials, found.rule) == (1, 2, "best")
    assert found.note == (
        "by the best report argmax is ahead in the search, by the last report ST-GS is; 1 of 2 trials end "
        "worse than their best report"
    )


def test_where_they_agree_there_is_none():
    found = score_rules(ROWS, Curves(curves(ROWS, [OVERFITS, OVERFITS])), MINIMIZE, "last")
    assert ([w.trial for w in found.winners.values()], found.note) == ([0, 0], None)


def test_maximizing_overfits_downwards():
    upside_down = [[[-v for v in report] for report in curve] for curve in (OVERFITS, LEARNS)]
    found = score_rules(ROWS, Curves(curves(ROWS, upside_down)), MAXIMIZE, "best")
    assert ([w.trial for w in found.winners.values()], found.overfit) == ([0, 1], 1)


def test_wiggles_are_no_overfitting():
    wiggles = [[2.0, 2.0, 2.0], [1.0, 1.2, 1.1], [1.1, 1.2, 1.05]]
    found = score_rules(ROWS[:1], Curves(curves(ROWS[:1], [wiggles])), MINIMIZE, "best")
    assert found.overfit == 0


def test_only_whole_curves_of_the_search_count():
    rows = [
        trial(0, [1.0, None], tau_f=0.0),
        trial(1, [1.0, 1.0], state="stopped"),
        trial(2, [1.0, 1.0], role="confirm"),
        trial(3, [1.0, 1.0], tau_f=0.3),
    ]
    by_trial = [[[1.0, None]], [[1.0, 1.0]], [[1.0, 1.0]], [[None, 1.0], [1.0, 1.0]]]
    assert score_rules(rows, Curves(curves(rows, by_trial)), MINIMIZE, "best") is None


@pytest.mark.parametrize(
    ("given", "rule"), [("best", "best"), ("last", "last"), ({"epoch": 20}, "epoch 20"), (None, "last")]
)
def test_a_study_says_its_rule_and_old_ones_took_the_last(given, rule):
    found = results(study(spec={"score": given}), ROWS, curves(ROWS, [OVERFITS, LEARNS]))
    assert found.score.rule == rule
    assert found.score.note in found.notes
