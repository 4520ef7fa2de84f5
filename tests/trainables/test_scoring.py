"""When a score is taken: at the best report, at the last, at an epoch; and on which half of the examples."""

import math

import pytest
import torch

from trainables.data import load
from trainables.population import Configuration, Population
from trainables.population_state import join_states, select_state
from trainables.scoring import SCORE, SCORE_EPOCH, Score, ScoreRule
from trainables.tasks.sbn import SBN, SBNOptions
from tuner.ledger import rows

NAN = math.nan
A = Configuration("decoupled", 0.1, 0.3, 0.01)
B = Configuration("gumbel", None, 0.5, 0.01)


def taken(rule, chosen_by, value, minimize=True):
    """Score, its epoch and what was kept of one member whose reports come at epochs 1, 2, ..."""
    score = Score.none((1, 1), torch.device("cpu"))
    for i, (a, b) in enumerate(zip(chosen_by, value, strict=True)):
        score.take(
            rule,
            i + 1.0,
            chosen_by=torch.tensor([[a]]),
            value=torch.tensor([[b]]),
            parameters={"w": torch.full((1, 1, 2), i + 1.0)},
            minimize=minimize,
        )
    kept = score.kept["w"][0, 0, 0].item() if score.kept else None
    return score.value.item(), score.epoch.item(), kept


@pytest.mark.parametrize(
    ("at", "minimize", "expected"),
    [
        ("best", True, (30.0, 3.0, 3.0)),
        ("best", False, (10.0, 1.0, 1.0)),
        ("last", True, (40.0, 4.0, None)),
        (2.0, True, (20.0, 2.0, 2.0)),
        (1.5, True, (20.0, 2.0, 2.0)),  # the first report at or after the epoch
        (9.0, True, (40.0, 4.0, 4.0)),  # none is: the last one
    ],
)
def test_one_half_chooses_the_report_and_the_other_measures_it(at, minimize, expected):
    rule = ScoreRule(at, confirms=True)
    assert taken(rule, [4.0, 3.0, 1.0, 2.0], [10.0, 20.0, 30.0, 40.0], minimize) == expected


def test_of_equal_reports_the_first_is_the_best():
    assert taken(ScoreRule("best"), [1.0, 1.0], [1.0, 1.0]) == (1.0, 1.0, None)


@pytest.mark.parametrize("at", ["best", "last", 1.0])
def test_a_member_that_diverges_has_no_score_whatever_it_had_before(at):
    score, _, _ = taken(ScoreRule(at), [2.0, 1.0, NAN, 0.5], [2.0, 1.0, NAN, 0.5])
    assert math.isnan(score)


def test_a_rule_that_is_none_is_refused():
    with pytest.raises(ValueError, match=r"or at an epoch\. Got 'first'"):
        ScoreRule("first")


def population(configurations=(A, B), seeds=(0, 1)):
    data = load("digits", "not used")
    task = SBN(data, SBNOptions(units=(12,)))
    return Population(task, data, list(configurations), list(seeds), batch_size=64)


def test_the_halves_are_all_validation_examples_once_with_noise_of_their_own():
    data = load("digits", "not used")
    halves = data.selecting, data.confirming
    assert torch.equal(torch.cat([half.inputs for half in halves]), data.validation.inputs)
    assert halves[0].noise_seed != halves[1].noise_seed
    assert abs(len(halves[0]) - len(halves[1])) <= 1


def test_a_confirmed_trial_is_tested_with_the_parameters_of_its_scored_report():
    models, rule = population(), ScoreRule("best", confirms=True)
    history = []
    for _ in range(4):
        models.train(30)
        report = models.report(rule)
        parameters = {name: p.detach().clone() for name, p in models.parameters.items()}
        history.append((models.evaluate("selecting")["val_loss"], report, parameters))
    best = torch.stack([chosen_by for chosen_by, *_ in history]).argmin(0)  # [S, T]
    assert len({*best.flatten().tolist()}) > 0
    final = history[-1][1]
    for s in range(2):
        for t in range(2):
            _, report, parameters = history[best[s, t]]
            assert final[SCORE][s, t] == report["val_loss"][s, t].double()
            assert final[SCORE_EPOCH][s, t] == 30 * (int(best[s, t]) + 1) / models.steps_per_epoch
            for name, p in parameters.items():
                models.parameters[name].data[s, t] = p[s, t]
    tested = models.test()["val_loss"]  # of what was kept, and those parameters have been put back
    assert torch.equal(tested, models.evaluate("test")["val_loss"])


def test_a_search_trial_keeps_no_parameters():
    models = population()
    models.train(3)
    models.report(ScoreRule("best"))
    assert models.state_dict()["score"]["kept"] == {}


def test_scores_travel_with_the_state_of_their_members():
    rule = ScoreRule("best", confirms=True)
    models = population()
    models.train(20)
    before = models.report(rule)
    state = models.state_dict()
    parts = [select_state(state, [t], [0, 1]) for t in range(2)]
    again = population()
    again.load_state_dict(join_states(parts, by="trials"))
    after = again.report(ScoreRule(1e9, confirms=True))  # asks again, and takes what there is
    assert torch.equal(after[SCORE], before[SCORE])


def test_the_ledger_reads_the_metric_that_is_reported():
    assert rows.SCORE == SCORE
