"""How a search went: the best so far, and the paths of schedules."""

from tests.support.rows import MAXIMIZE, MINIMIZE, trial
from tuner.evidence.search_course import best_so_far, paths
from tuner.ledger.methods import Segment, Variant


def test_the_best_so_far_is_of_the_trials_up_to_each():
    trials = [trial(n, [value], seeds=(0,)) for n, value in enumerate([3.0, 2.0, 2.5, 1.0])]
    trials.append(trial(4, [0.0], role="confirm", seeds=(0,)))
    trials.append(trial(5, [None], seeds=(0,)))
    assert [step.best for step in best_so_far(trials, MINIMIZE)] == [3.0, 2.0, 2.0, 1.0]
    assert [step.best for step in best_so_far(trials[::-1], MAXIMIZE)] == [3.0, 3.0, 3.0, 3.0]
    assert best_so_far([], MINIMIZE) == []


def test_paths_are_of_trials_whose_temperatures_change():
    schedule = (Segment(0.0, 0.5, 1.0, 0.001), Segment(4.0, 0.2, 0.8, 0.001))
    changed = trial(1, [1.0], seeds=(0,), variant=Variant(schedule=schedule), source=0)
    constant = trial(0, [2.0], seeds=(0,), source=0)
    assert paths([constant]) == []
    first, second = paths([changed, constant])
    assert (first.trial, first.source, first.segments) == (0, None, (Segment(0.0, 0.5, 1.0, 0.001),))
    assert (second.trial, second.source, second.segments, second.mean) == (1, 0, schedule, 1.0)
