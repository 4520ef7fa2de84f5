"""Optuna's samplers over temperatures, learning rate and optimiser: TPE and a Gaussian process. The only file
that imports optuna.

Optuna samples, it does not store: an in-memory study is rebuilt from the history at every request and thrown
away after it. Finished trials are told with their mean objective over seeds, and running ones are told as
running: both samplers then keep away from them (TPE counts them among the bad, the Gaussian process
integrates over their outcome), so that batches spread out. A trial that diverged is told as the worst seen,
and one that failed as failed. Neither is proposed again, nor is any other: in the place of one that the study
has comes a neighbour.

Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"; Watanabe 2023 on Optuna's multivariate
TPE. The Gaussian process has a Matern kernel, fits the noise of the objective, and maximises the logarithm of
the expected improvement.
"""

import json
import math
import random
from collections.abc import Iterator, Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from tuner.ledger.methods import DECOUPLED, Variant, chosen_settings
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Proposal, Role, TrialRow
from tuner.ledger.rows import TrialState as LedgerState
from tuner.spec.search import SampledSearch, StrategyName
from tuner.spec.study import StudySpec
from tuner.strategies.base import Signal, Strategy, lacking
from tuner.strategies.proposals import baselines
from tuner.strategies.space import Axis, SpaceExhaustedError, study_seed

optuna.logging.set_verbosity(optuna.logging.ERROR)

_STARTUP = 10  # random trials before the model is asked; fewer where the search is short
_TRIES = 100  # for a proposal that the study does not have yet
_NEAR = 0.02  # of each range: how much further away each of them may be


class Sampled(Strategy):
    """Proposes what Optuna's sampler asks for, in batches, and the baselines beside it."""

    def __init__(self, spec: StudySpec, search: SampledSearch, objective: Objective) -> None:
        self._spec, self._search, self._objective = spec, search, objective
        self._forward, self._backward = (
            Axis(bounds, search.trials) for bounds in (search.tau_f, search.tau_b)
        )
        self._space: dict[str, BaseDistribution] = {
            "tau_f": FloatDistribution(self._forward.low, self._forward.high),
            "tau_b": FloatDistribution(self._backward.low, self._backward.high),
            "lr": CategoricalDistribution(spec.learning_rates),
        }
        # Optuna has no pairs among its choices: settings of the optimiser are the texts of their JSON.
        searched = spec.optimizer.searched if spec.optimizer is not None else {}
        self._optimizer = tuple(sorted(searched))
        self._space |= {
            name: CategoricalDistribution([json.dumps(value) for value in values])
            for name, values in searched.items()
        }

    def suggest(self, history: Sequence[TrialRow], n: int) -> list[Proposal] | Signal:
        """Up to n trials: one batch of the search, and baselines where it leaves room. Never waits: see the
        module.
        """
        searched = [t for t in history if t.role is Role.SEARCH]
        size = min(n, self._search.batch, self._search.trials - len(searched))
        batch = self._sample(searched, size) if size > 0 else []
        rest = lacking(baselines(self._spec), history)
        return [*batch, *rest[: n - len(batch)]] or Signal.DONE

    def _sample(self, searched: Sequence[TrialRow], size: int) -> list[Proposal]:
        study = optuna.create_study(
            sampler=self._sampler(len(searched)), direction=StudyDirection[self._objective.direction.name]
        )
        for trial in self._told(searched):
            study.add_trial(trial)
        have = {t.proposal.key for t in searched}
        generator = random.Random(study_seed(self._spec, "instead", len(searched)))  # noqa: S311  # no secret
        batch: list[Proposal] = []
        for _ in range(size):
            proposal = self._ask(study)
            tries = 0
            while proposal.key in have:  # a sampler that is sure of an optimum would ask for it for ever
                if (tries := tries + 1) > _TRIES:
                    if batch:
                        return batch
                    raise SpaceExhaustedError(len(have), self._search.trials)
                proposal = self._near(proposal, _NEAR * tries, generator)
            have.add(proposal.key)
            batch.append(proposal)
        return batch

    def _ask(self, study: optuna.Study) -> Proposal:
        """What the sampler asks for. It stays a running trial of the study."""
        params = study.ask(self._space).params
        chosen = {name: json.loads(params[name]) for name in self._optimizer}
        variant = Variant(optimizer=chosen_settings(chosen))
        return self._proposal(params["tau_f"], params["tau_b"], params["lr"], variant)

    def _near(self, proposal: Proposal, share: float, generator: random.Random) -> Proposal:
        """A random neighbour of a proposal, at most a share of each range away."""
        assert proposal.tau_f is not None
        assert proposal.tau_b is not None
        moved = []
        for axis, temperature in ((self._forward, proposal.tau_f), (self._backward, proposal.tau_b)):
            step = generator.uniform(-share, share) * (axis.high - axis.low)
            moved.append(min(max(axis.coordinate(temperature) + step, axis.low), axis.high))
        return self._proposal(moved[0], moved[1], proposal.lr, proposal.variant)

    def _sampler(self, told: int) -> optuna.samplers.BaseSampler:
        seed = study_seed(self._spec, told)
        startup = min(_STARTUP, max(1, self._search.trials // 3))
        if StrategyName(self._search.strategy) is StrategyName.GP:
            return optuna.samplers.GPSampler(
                seed=seed, n_startup_trials=startup, deterministic_objective=False
            )
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)

    def _proposal(self, forward: float, backward: float, lr: float, variant: Variant) -> Proposal:
        """The proposal at coordinates of the space."""
        return Proposal(
            Role.SEARCH,
            DECOUPLED,
            self._forward.temperature(forward),
            self._backward.temperature(backward),
            float(lr),
            variant,
        )

    def _told(self, searched: Sequence[TrialRow]) -> Iterator[optuna.trial.FrozenTrial]:
        """The history as Optuna's trials."""
        scores = [t.mean for t in searched if t.mean is not None and math.isfinite(t.mean)]
        worst = self._objective.worst(scores, default=0.0)
        for trial in searched:
            assert trial.tau_f is not None
            assert trial.tau_b is not None
            place = {
                "tau_f": self._forward.coordinate(trial.tau_f),
                "tau_b": self._backward.coordinate(trial.tau_b),
                "lr": trial.lr,
                **{name: json.dumps(value) for name, value in trial.variant.optimizer},
            }
            value: float | None = None
            if not trial.terminal:
                state = TrialState.RUNNING
            elif trial.state is LedgerState.FAILED:
                state = TrialState.FAIL
            else:
                state = TrialState.COMPLETE
                value = trial.mean if trial.mean is not None and math.isfinite(trial.mean) else worst
            yield create_trial(state=state, value=value, params=place, distributions=self._space)
