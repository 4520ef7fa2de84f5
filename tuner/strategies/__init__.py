"""Strategies, which propose a study's trials. `strategy_for` builds the one that a spec asks for."""

from collections.abc import Sequence

from trainables.tasks import task_declaration, task_metrics
from tuner.evidence.confirmed import Rules, decided
from tuner.evidence.selection import select
from tuner.ledger.objective import Objective
from tuner.ledger.rows import TrialRow
from tuner.spec.search import GridSearch, HalvingSearch, PbtSearch, SampledSearch, SequentialSearch
from tuner.spec.study import StudySpec
from tuner.strategies.added_seeds import AddedSeeds
from tuner.strategies.base import Continue, Decision, Signal, Strategy
from tuner.strategies.confirmation import Confirmed
from tuner.strategies.grid import Grid
from tuner.strategies.halving import Halving
from tuner.strategies.pbt import Pbt
from tuner.strategies.refinement import Refined
from tuner.strategies.rescaling_control import Controlled
from tuner.strategies.sequential import Sequential

__all__ = ["Continue", "Decision", "Signal", "Strategy", "strategy_for"]


def strategy_for(spec: StudySpec) -> Strategy:
    """The strategy of a study: its search, followed by extension, refinement, confirmation and control as far
    as the spec asks for them. Where fresh seeds were added after the study's end, it is only the confirmation
    on these.
    """
    if spec.added:
        return AddedSeeds(looks=len(spec.looks), blocks=len(spec.added))
    declared = task_declaration(spec.task).objective
    objective = Objective.of(declared.name, declared.direction)
    search: Strategy
    match spec.search:
        case GridSearch():
            search = Grid(spec)
        case SequentialSearch():
            search = Sequential(spec, spec.search, objective)
        case SampledSearch():
            from tuner.strategies.optuna_samplers import Sampled  # optuna takes a second to import

            search = Sampled(spec, spec.search, objective)
        case HalvingSearch():
            search = Halving(spec, spec.search, objective)
        case PbtSearch():
            search = Pbt(spec, spec.search, objective)
    whole = _confirmed(search, spec, objective) if spec.looks else search
    return Controlled(whole, objective) if spec.control else whole


def _confirmed(search: Strategy, spec: StudySpec, objective: Objective) -> Strategy:
    """A search followed by extension and refinement, and by its confirmation."""
    may_collapse = task_metrics(spec.task).collapsed is not None
    rules = Rules(objective, spec.looks, spec.margin, may_collapse, spec.boundary)

    def enough(history: Sequence[TrialRow]) -> bool:
        return decided(history, select(history, objective), rules)

    refined = Refined(search, spec, objective) if spec.extend or spec.refine else search
    return Confirmed(refined, objective, looks=len(spec.looks), decided=enough)
