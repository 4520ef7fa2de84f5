"""Strategies: how trials are proposed. `strategy_for` builds the one that a spec asks for."""

from trainables.tasks import task_type
from tuner.spec import StudySpec
from tuner.strategies.base import Signal, Strategy
from tuner.strategies.confirmed import Confirmed
from tuner.strategies.grid import Grid

__all__ = ["Signal", "Strategy", "strategy_for"]

STRATEGIES = {"grid": Grid}


def strategy_for(spec: StudySpec) -> Strategy:
    """The strategy of a study, with its confirmation if it has one."""
    search = STRATEGIES[spec.search.strategy](spec)
    return Confirmed(search, task_type(spec.task).objective.direction) if spec.confirm_seeds else search
