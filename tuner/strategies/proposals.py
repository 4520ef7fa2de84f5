"""The configurations that a spec lists, as proposals in the order in which they are run: pairs of
temperatures, and baselines.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from trainables.estimator_names import TEMPERATURES
from tuner.ledger.methods import DECOUPLED, Variant, chosen_settings
from tuner.ledger.rows import Proposal, Role
from tuner.spec.study import StudySpec


class Tuning(NamedTuple):
    """What is searched beside the temperatures: a learning rate with settings of the optimiser."""

    lr: float
    variant: Variant  # has the settings of the optimiser


def tunings(spec: StudySpec) -> list[Tuning]:
    """All combinations of the learning rates and the optimiser's settings of a study."""
    return [
        Tuning(lr, Variant(optimizer=chosen_settings(choice)))
        for lr in spec.learning_rates
        for choice in spec.optimizer_choices
    ]


def pairs(spec: StudySpec, forward: Sequence[float], backward: Sequence[float]) -> Iterator[Proposal]:
    """Every pair (tau_f, tau_b) of the two lists at every tuning of the study."""
    # The tunings are the outer loop, because neighbouring members with equal ones share a call of the
    # optimiser.
    for lr, variant in tunings(spec):
        for tau_f in forward:
            for tau_b in backward:
                yield Proposal(Role.SEARCH, DECOUPLED, tau_f, tau_b, lr, variant)


def baselines(spec: StudySpec) -> Iterator[Proposal]:
    """Every baseline of the study, over its one temperature if it has any, at every tuning."""
    for lr, variant in tunings(spec):
        for name in spec.baselines:
            takes = TEMPERATURES[name]
            for tau in spec.baseline_temperatures if takes else [None]:
                yield Proposal(
                    Role.BASELINE,
                    name,
                    tau if "tau_f" in takes else None,
                    tau if "tau_b" in takes else None,
                    lr,
                    variant,
                )
