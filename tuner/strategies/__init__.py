"""Strategies: how trials are proposed. `strategy_for` builds the one that a spec asks for."""

from trainables.tasks import task_type
from tuner.searches import GridSearch, SampledSearch, SequentialSearch
from tuner.spec import StudySpec
from tuner.strategies.base import Signal, Strategy
from tuner.strategies.confirmed import Confirmed
from tuner.strategies.controlled import Controlled
from tuner.strategies.grid import Grid
from tuner.strategies.sequential import Sequential

__all__ = ["Signal", "Strategy", "strategy_for"]


def strategy_for(spec: StudySpec) -> Strategy:
    """The strategy of a study, with its confirmation and its control if it has them."""
    direction = task_type(spec.task).objective.direction
    search: Strategy
    match spec.search:
        case GridSearch():
            search = Grid(spec)
        case SequentialSearch():
            search = Sequential(spec, spec.search, direction)
        case SampledSearch():
            from tuner.strategies.tpe import Sampled  # optuna takes a second to import

            search = Sampled(spec, spec.search, direction)
    whole = Confirmed(search, direction) if spec.confirm_seeds else search
    return Controlled(whole, direction) if spec.control else whole
