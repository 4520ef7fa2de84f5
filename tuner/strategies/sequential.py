"""The sequential protocol: tau_f is swept at one tau_b, then tau_b at the best tau_f. O(n) trials where a
grid has O(n^2).

Shah et al., "Improving Discrete Optimisation Via Decoupled Straight-Through Estimator", section 5.1: so the
categorical autoencoder and the logic gate network are tuned. "Best" is by the validation objective, and over
the learning rates.
"""

from collections.abc import Sequence

from tuner.evidence.selection import best_forward
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Proposal, Role, TrialRow
from tuner.spec.search import SequentialSearch
from tuner.spec.study import StudySpec
from tuner.strategies.base import Signal, Strategy, lacking
from tuner.strategies.proposals import baselines, pairs


class Sequential(Strategy):
    """Proposes the first stage and the baselines; when the first stage has ended, the second."""

    def __init__(self, spec: StudySpec, search: SequentialSearch, objective: Objective) -> None:
        self._spec = spec
        self._search = search
        self._objective = objective
        # The baselines wait for nothing, and keep the devices busy while the first stage ends.
        self._first = [*pairs(spec, search.forward, [search.tau_b_start]), *baselines(spec)]

    def suggest(self, history: Sequence[TrialRow], n: int) -> list[Proposal] | Signal:
        """Up to n trials that have not been started. Waits for the first stage, and ends with it if none of
        it has a value.
        """
        if proposals := lacking(self._first, history):
            return proposals[:n]
        first = [t for t in history if t.role is Role.SEARCH and t.tau_b == self._search.tau_b_start]
        if not all(trial.terminal for trial in first):
            return Signal.WAIT
        tau_f = best_forward(first, self._objective)
        if tau_f is None:
            return Signal.DONE
        return lacking(pairs(self._spec, [tau_f], self._search.backward), history)[:n] or Signal.DONE
