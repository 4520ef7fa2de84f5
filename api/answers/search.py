"""How a study's search went: the best so far, the importance of what it varied, the paths of schedules."""

from dataclasses import asdict
from typing import Any

from tuner.evidence.importance import importance
from tuner.evidence.search_course import best_so_far, paths
from tuner.ledger.rows import StudyRow
from tuner.ledger.store import Ledger


def search_course(study: StudyRow, ledger: Ledger) -> dict[str, Any]:
    """The answer, of the trials that have ended."""
    trials = ledger.trials(study.id)
    ways = paths(trials)
    return {
        "steps": [asdict(step) for step in best_so_far(trials, study.objective)],
        # Of a schedule no trial has one place, so there is no surface over the places.
        "importance": None if ways else importance(trials, study.objective),
        "paths": [asdict(way) | {"segments": [list(s) for s in way.segments]} for way in ways],
    }
