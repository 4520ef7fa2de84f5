"""The rescaling control: decoupled ST at the optimum against its equivalent at a forward temperature of 1.

For tau_f > 0 let l' = l / tau_f and rho = tau_b / tau_f. Decoupled ST with (tau_f, tau_b) on the logits l has
the samples of decoupled ST with (1, rho) on l', and 1 / tau_f times its gradient. Adam's steps do not depend
on the scale of a gradient. So the same network at a forward temperature of 1, with the initial values and the
learning rate of its logit layer divided by tau_f, takes the same course of training.
"""

import math
from collections.abc import Sequence

from tuner.evidence.curves import Curves, deviation, largest_deviation
from tuner.evidence.equivalence import Agreement, equivalence
from tuner.evidence.over_seeds import Gain
from tuner.evidence.paired import paired, pairs_by_seed
from tuner.evidence.results import ControlResult
from tuner.ledger.methods import DECOUPLED
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Role, TrialRow


def control(
    trials: Sequence[TrialRow], curves: Curves, objective: Objective, main: Gain | None
) -> ControlResult | None:
    """Whether the control ends where the confirmed trial that it rescales does: an equivalence test with half
    of the gain `main`, which is being examined, as its margin. None where the study has no control that has
    ended.
    """
    for mine in trials:
        if mine.role is Role.CONTROL and mine.terminal and (original := _original(mine, trials)) is not None:
            return _agreement(mine, original, curves, objective, main)
    return None


def _agreement(
    mine: TrialRow, original: TrialRow, curves: Curves, objective: Objective, main: Gain | None
) -> ControlResult:
    pairs = pairs_by_seed(mine, original)
    differences, values = [objective.gain(a, b) for a, b in pairs], [v for pair in pairs for v in pair]
    margin = abs(main.mean) / 2 if main and main.confirmed and main.mean is not None else 0.0
    tested = equivalence(differences, margin, values)
    whole = len(pairs) == len(set(mine.seeds) & set(original.seeds))
    agreement = tested.agreement if tested and margin and whole else Agreement.UNDECIDED
    agrees = {Agreement.EQUIVALENT: True, Agreement.DIFFERENT: False}.get(agreement)
    largest = max((deviation(a, b) for a, b in pairs), default=None)
    return ControlResult(
        trial=mine.number,
        of=original.number,
        tau_f=original.tau_f,
        rho=mine.tau_b,
        logit_scale=mine.variant.logit_scale,
        difference=paired(differences, values),
        margin=margin,
        ci90=tested.interval if tested else None,
        p_equivalence=tested.p_value if tested else None,
        max_relative_deviation=largest,
        max_relative_deviation_of_curves=largest_deviation(mine, original, curves, objective.name),
        agrees=agrees,
        meaning=_meaning(original, agrees, largest),
    )


def _original(mine: TrialRow, trials: Sequence[TrialRow]) -> TrialRow | None:
    """The confirmed trial of which a trial is the control."""
    scale = mine.variant.logit_scale
    if scale is None or mine.tau_b is None:
        return None
    for t in trials:
        if (
            t.role is Role.CONFIRM
            and t.terminal
            and t.method.estimator == DECOUPLED
            and t.tau_f
            and t.tau_b
            and t.lr == mine.lr
            and t.variant.optimizer == mine.variant.optimizer
            and math.isclose(scale * t.tau_f, 1.0, rel_tol=1e-6)
            and math.isclose(mine.tau_b * t.tau_f, t.tau_b, rel_tol=1e-6)
        ):
            return t
    return None


def _meaning(original: TrialRow, agrees: bool | None, largest: float | None) -> tuple[str, ...]:
    tau_f = original.tau_f or math.nan
    apart = "" if largest is None else f" Their final objectives differ by at most {100 * largest:.2g} %."
    rescaled = (
        "The same network at a forward temperature of 1, with its logit layer's initial weights and learning "
        f"rate times {1 / tau_f:g}, "
    )
    if agrees is None:
        return (
            f"{rescaled}was trained beside it; whether it ends within half of the gain of where the original "
            f"does is not shown by these seeds.{apart}",
        )
    if agrees:
        return (
            f"{rescaled}ends within half of the gain of where the original does.{apart}",
            "So with Adam more than half of what tau_f gives here is had by the logit layer's initial scale "
            "and learning rate instead, both divided by tau_f, at a given ratio tau_b / tau_f.",
        )
    return (
        f"{rescaled}ends further from the original than half of the gain.{apart}",
        "Adam's epsilon, and rounding that sampled units amplify over a long training, are known reasons; "
        "compare the beginning of the two curves before anything is concluded.",
    )
