"""Plays a study's strategy in a world without training, and gives what the ledger would hold of it."""

from dataclasses import replace
from datetime import UTC, datetime

from benchmarks.calibration.worlds import World
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Proposal, StudyRow, StudyState, TrialRow, TrialState
from tuner.spec.study import StudySpec
from tuner.strategies import Signal, strategy_for

OBJECTIVE = Objective.of("val_loss", "minimize")
AT_ONCE = 64  # trials that are asked for together
_NOW = datetime(2026, 1, 1, tzinfo=UTC)


def play(spec: StudySpec, world: World, study: int) -> list[TrialRow]:
    """The trials of a study of that number, each ended. For strategies that train every trial to its end.

    Raises ValueError for one with rungs.
    """
    history: list[TrialRow] = []
    while True:
        strategy = strategy_for(spec)
        answer = strategy.suggest(history, AT_ONCE)
        if answer is Signal.DONE:
            return history
        if not isinstance(answer, list) or strategy.rung(answer[0].role, 0) is not None:
            raise ValueError(
                f"strategy must train every trial to its end. Got {spec.search.strategy}, which has rungs."
            )
        history += [_ended(p, len(history) + i, spec, world, study) for i, p in enumerate(answer)]


def study_id(study: int) -> str:
    """The id of the study of a number."""
    return f"{study:012x}"


def study_row(spec: StudySpec, study: int) -> StudyRow:
    """The study's own row."""
    return StudyRow(
        id=study_id(study),
        name=spec.name,
        task=spec.task,
        state=StudyState.SUCCEEDED,
        reason=None,
        spec=spec.model_dump(mode="json"),
        objective=OBJECTIVE,
        created_at=_NOW,
        started_at=_NOW,
        finished_at=_NOW,
        training_s=1.0,
        host={},
    )


def _ended(proposal: Proposal, number: int, spec: StudySpec, world: World, study: int) -> TrialRow:
    seeds = spec.seeds_of(proposal.role, study_id(study), proposal.look)
    trial = TrialRow(
        id=number + 1,
        number=number,
        role=proposal.role,
        estimator=proposal.estimator,
        tau_f=proposal.tau_f,
        tau_b=proposal.tau_b,
        lr=proposal.lr,
        variant=proposal.variant,
        state=TrialState.RUNNING,
        reason=None,
        population="p",
        attempts=1,
        seeds=seeds,
        metrics={},
        objective=None,
        started_at=_NOW,
        finished_at=_NOW,
        look=proposal.look,
    )
    values = tuple(world.value(study, trial, seed) for seed in seeds)
    state = TrialState.DIVERGED if None in values else TrialState.SUCCEEDED
    return replace(trial, state=state, objective=values, metrics={OBJECTIVE.name: list(values)})
