"""The rescaling control: the best pair off the diagonal once more, with a forward temperature of 1 and a
rescaled logit layer.

With Adam and a linear logit layer, decoupled ST at (tau_f, tau_b) trains the same network as decoupled ST at
(1, tau_b / tau_f), if the initial values and the learning rate of the logit layer are divided by tau_f. So a
trial and its control should agree, up to Adam's epsilon and rounding. The derivation is in
evidence/control.py.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from tuner.evidence.selection import select
from tuner.ledger.methods import DECOUPLED
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Proposal, Role, TrialRow
from tuner.strategies.base import Answer, Signal, Strategy, lacking


class Controlled(Strategy):
    """A strategy, followed by the control of the best trial off the diagonal."""

    def __init__(self, strategy: Strategy, objective: Objective) -> None:
        self._strategy = strategy
        self._objective = objective

    def rung(self, role: Role, interval: int) -> int | None:
        """The strategy's next rung; none for the control, which is trained to its end."""
        return None if role is Role.CONTROL else self._strategy.rung(role, interval)

    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """The strategy's answer; once that is DONE and all trials of its search have ended, the control."""
        others = [trial for trial in history if trial.role is not Role.CONTROL]
        proposals = self._strategy.suggest(others, n)
        if proposals is not Signal.DONE:
            return proposals
        searched = [trial for trial in others if trial.role is not Role.CONFIRM]
        if not all(trial.terminal for trial in searched):
            return Signal.WAIT
        return lacking(_controls(select(searched, self._objective).off_diagonal), history)[:n] or Signal.DONE


def _controls(best: TrialRow | None) -> Iterator[Proposal]:
    """The control of a trial, if it can have one: not at tau_f = 0, and not with temperatures that change
    during training, which no constant scale can replace.
    """
    if best is not None and best.tau_f and best.tau_b and best.variant.steady:
        variant = replace(best.variant, logit_scale=1 / best.tau_f)
        yield Proposal(Role.CONTROL, DECOUPLED, 1.0, best.tau_b / best.tau_f, best.lr, variant)
