"""The configurations that a spec names, as proposals in the order in which they are run: pairs of
temperatures, and baselines.
"""

from collections.abc import Iterator, Sequence

from trainables.estimators import ESTIMATORS
from tuner.ledger.methods import DECOUPLED
from tuner.ledger.rows import Proposal, Role
from tuner.spec.study import StudySpec


def pairs(spec: StudySpec, forward: Sequence[float], backward: Sequence[float]) -> Iterator[Proposal]:
    """Every pair (tau_f, tau_b) of the two lists at every learning rate of the study."""
    # Learning rates outermost: neighbours with equal ones share a call of the optimiser.
    for lr in spec.learning_rates:
        for tau_f in forward:
            for tau_b in backward:
                yield Proposal(Role.SEARCH, DECOUPLED, tau_f, tau_b, lr)


def baselines(spec: StudySpec) -> Iterator[Proposal]:
    """Every baseline of the study, over its one temperature if it has any, at every learning rate."""
    for lr in spec.learning_rates:
        for name in spec.baselines:
            takes = ESTIMATORS[name].temperatures
            for tau in spec.baseline_temperatures if takes else [None]:
                yield Proposal(
                    Role.BASELINE,
                    name,
                    tau if "tau_f" in takes else None,
                    tau if "tau_b" in takes else None,
                    lr,
                )
