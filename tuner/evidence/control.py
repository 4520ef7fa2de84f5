"""The rescaling control: decoupled ST at the optimum against its equivalent at a forward temperature of 1.

For tau_f > 0 let l' = l / tau_f and rho = tau_b / tau_f: decoupled ST of (tau_f, tau_b) on l is decoupled ST
of (1, rho) on l', with a gradient that is 1 / tau_f of it. Adam does not see the scale of a gradient. So a
network whose logit layer starts, and learns, 1 / tau_f as large takes the same course at temperature 1.
"""

import math
from collections.abc import Sequence

from tuner.evidence.curves import Curves, deviation, largest_deviation
from tuner.evidence.paired import gain, pairs_by_seed
from tuner.evidence.results import ControlResult
from tuner.ledger.methods import DECOUPLED
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Role, TrialRow

AGREES = 0.05  # largest relative deviation of a seed's final objective that is called agreement


def control(trials: Sequence[TrialRow], curves: Curves, objective: Objective) -> ControlResult | None:
    """How far the control agrees with the confirmed trial that it rescales; None where the study has no
    control that has ended.
    """
    for mine in trials:
        if mine.role is Role.CONTROL and mine.terminal and (original := _original(mine, trials)) is not None:
            measured = gain(mine, original, objective)
            largest = max((deviation(a, b) for a, b in pairs_by_seed(mine, original)), default=None)
            agrees = None if largest is None or (measured and measured.missing) else largest <= AGREES
            return ControlResult(
                trial=mine.number,
                of=original.number,
                tau_f=original.tau_f,
                rho=mine.tau_b,
                logit_scale=mine.variant.logit_scale,
                difference=measured,
                max_relative_deviation=largest,
                max_relative_deviation_of_curves=largest_deviation(mine, original, curves, objective.name),
                agrees=agrees,
                meaning=_meaning(original, agrees),
            )
    return None


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
            and math.isclose(scale * t.tau_f, 1.0, rel_tol=1e-6)
            and math.isclose(mine.tau_b * t.tau_f, t.tau_b, rel_tol=1e-6)
        ):
            return t
    return None


def _meaning(original: TrialRow, agrees: bool | None) -> tuple[str, ...]:
    tau_f = original.tau_f or math.nan
    if agrees is None:
        return ("The control has no objective on some seed, so it shows nothing.",)
    if agrees:
        return (
            "The same network at a forward temperature of 1, with its logit layer's initial weights and "
            "learning rate times "
            f"{1 / tau_f:g}, takes the same course up to rounding.",
            "So with Adam the whole effect of tau_f is that of the logit layer's initial scale and learning "
            "rate, both divided "
            "by tau_f, at a given ratio tau_b / tau_f; to tune those instead would find the same networks.",
        )
    return (
        "The rescaled network does not end where the original does.",
        "Adam's epsilon, and rounding that sampled units amplify over a long training, are known reasons; "
        "compare the beginning of the two curves before anything is concluded.",
    )
