"""The sequential protocol: tau_f is swept at one tau_b, then tau_b at the best tau_f. It takes O(n) trials
where a grid takes O(n^2).

It is the protocol by which Shah et al., "Improving Discrete Optimisation Via Decoupled Straight-Through
Estimator", section 5.1, tune the categorical autoencoder and the logic gate network. The best tau_f is that
of the trial with the best validation objective, of any learning rate.
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
    """Proposes the first stage and the baselines and, once the first stage has ended, the second stage."""

    def __init__(self, spec: StudySpec, search: SequentialSearch, objective: Objective) -> None:
        self._spec = spec
        self._search = search
        self._objective = objective
        # The baselines depend on no other trial, so they keep the devices busy while the first stage ends.
        self._first = [*pairs(spec, search.forward, [search.tau_b_start]), *baselines(spec)]

    def suggest(self, history: Sequence[TrialRow], n: int) -> list[Proposal] | Signal:
        """Up to n trials that have not been started. It waits for the end of the first stage, and is done
        then if no trial of that stage has an objective.
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
