"""Optuna's samplers over temperatures, learning rate and optimiser: TPE and a Gaussian process. The only file
that imports optuna.

Two samplers run side by side: one over the plane of both temperatures, and one over the diagonal in it with
the same number of trials, so that neither method is tuned better than the other. The trials of the baseline
softmax lie on the diagonal and count as its first trials.

Optuna stores nothing: an in-memory study is rebuilt from the history at every request and discarded after it.
Finished trials are given to it with their mean objective over seeds, and running ones as running. Both
samplers keep away from running trials (TPE counts them among the bad ones, called the constant liar; the
Gaussian process integrates over their outcome), so that the trials of a batch spread out. A trial that
diverged is given with the worst value seen, one that failed as failed. If a sampler asks for a configuration
that the study already has, a random neighbour is proposed instead.

Bergstra et al. 2011, "Algorithms for Hyper-Parameter Optimization"; Watanabe 2023, "Tree-structured Parzen
estimator", on Optuna's. The Gaussian process has a Matern kernel, fits the noise of the objective, and
maximises the logarithm of the expected improvement.
"""

import json
import math
import random
from collections.abc import Iterator, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from tuner.ledger.methods import SOFTMAX, Variant, chosen_settings
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Proposal, Role, TrialRow
from tuner.ledger.rows import TrialState as LedgerState
from tuner.spec.search import SampledSearch, StrategyName
from tuner.spec.study import StudySpec
from tuner.strategies.base import Signal, Strategy, lacking
from tuner.strategies.proposals import baselines
from tuner.strategies.space import Space, SpaceExhaustedError, study_seed

optuna.logging.set_verbosity(optuna.logging.ERROR)

_STARTUP = 10  # random trials before the sampler's model is used; fewer where the search is short
_TRIES = 100  # random neighbours that are tried in place of a configuration that the study already has
_NEAR = 0.02  # share of each range by which every next one of these may be further away


class Sampled(Strategy):
    """Proposes what Optuna's samplers ask for, in batches, and the baselines beside them."""

    def __init__(self, spec: StudySpec, search: SampledSearch, objective: Objective) -> None:
        self._batch = search.batch
        self._baselines = [*baselines(spec)]
        self._first_on = [p for p in self._baselines if p.estimator == SOFTMAX]
        on = len(self._first_on) + spec.diagonal_trials
        self._plane = _Sampler(Space.plane(search), spec, search, objective, search.trials)
        self._diagonal = _Sampler(Space.diagonal(search), spec, search, objective, on)

    def suggest(self, history: Sequence[TrialRow], n: int) -> list[Proposal] | Signal:
        """Up to n trials: a batch of the sampler over the plane, one of that over the diagonal, and baselines
        where these leave room. It never waits for running trials, because the samplers are told of them.
        """
        off, on = ([t for t in history if s.told_of(t)] for s in (self._plane, self._diagonal))
        proposals = self._plane.sample(off, min(n, self._batch))
        room = min(n - len(proposals), self._batch)
        first = lacking(self._first_on, history)
        proposals += first[:room]
        proposals += self._diagonal.sample(on, room - len(first), beside=first)
        have = {p.key for p in proposals}
        rest = [p for p in lacking(self._baselines, history) if p.key not in have]
        return [*proposals, *rest[: n - len(proposals)]] or Signal.DONE


class _Sampler:
    """One of Optuna's samplers over a space."""

    def __init__(
        self, space: Space, spec: StudySpec, search: SampledSearch, objective: Objective, trials: int
    ) -> None:
        """A sampler that proposes up to `trials` trials.

        Args:
            space: where it proposes configurations.
            spec, search, objective: the study's.
            trials: how many it may have in all, those of the baseline softmax included.
        """
        self._space, self._spec, self._objective, self._trials = space, spec, objective, trials
        self._strategy = StrategyName(search.strategy)
        self._distributions: dict[str, BaseDistribution] = {
            name: FloatDistribution(axis.low, axis.high)
            for name, axis in zip(space.names, space.axes, strict=True)
        } | {"lr": CategoricalDistribution(spec.learning_rates)}
        # Optuna has no pairs among its choices: settings of the optimiser are the texts of their JSON.
        searched = spec.optimizer.searched if spec.optimizer is not None else {}
        self._optimizer = tuple(sorted(searched))
        self._distributions |= {
            name: CategoricalDistribution([json.dumps(value) for value in values])
            for name, values in searched.items()
        }

    def told_of(self, trial: TrialRow) -> bool:
        """Whether this sampler is told of a trial of the study."""
        return self._space.holds(trial.proposal) and (
            trial.role is Role.SEARCH or (trial.role is Role.BASELINE and trial.estimator == SOFTMAX)
        )

    def sample(
        self, told: Sequence[TrialRow], most: int, *, beside: Sequence[Proposal] = ()
    ) -> list[Proposal]:
        """Up to `most` new proposals; none once the sampler has all of its trials.

        Args:
            told: the trials that it is told of.
            most: the largest number of proposals.
            beside: other proposals in its space that are made at the same time, and count as its trials.

        Raises SpaceExhaustedError where it finds no new configuration.
        """
        size = min(most, self._trials - len(told) - len(beside))
        if size <= 0:
            return []
        study = optuna.create_study(
            sampler=self._sampler(len(told)), direction=StudyDirection[self._objective.direction.name]
        )
        for trial in self._frozen(told):
            study.add_trial(trial)
        have = {t.method for t in (*(t.proposal for t in told), *beside)}
        purpose = (*self._space.purpose, "instead", len(told))
        generator = random.Random(study_seed(self._spec, *purpose))  # noqa: S311  # no secret
        batch: list[Proposal] = []
        for _ in range(size):
            proposal = self._ask(study)
            tries = 0
            # A sampler that is sure of an optimum asks for it again and again.
            while proposal.method in have or not self._space.holds(proposal):
                if (tries := tries + 1) > _TRIES:
                    if batch:
                        return batch
                    raise SpaceExhaustedError(len(have), self._trials)
                proposal = self._near(proposal, _NEAR * tries, generator)
            have.add(proposal.method)
            batch.append(proposal)
        return batch

    def _ask(self, study: optuna.Study) -> Proposal:
        """The next configuration that the sampler asks for. In the Optuna study it remains as a running
        trial.
        """
        params = study.ask(self._distributions).params
        chosen = {name: json.loads(params[name]) for name in self._optimizer}
        variant = Variant(optimizer=chosen_settings(chosen))
        place = [params[name] for name in self._space.names]
        return self._space.proposal(place, float(params["lr"]), variant)

    def _near(self, proposal: Proposal, share: float, generator: random.Random) -> Proposal:
        """A random neighbour of a proposal: on each axis at most that share of the range away."""
        here = self._space.coordinates(proposal.tau_f, proposal.tau_b)
        return self._space.proposal(
            self._space.moved(here, lambda: generator.uniform(-share, share)), proposal.lr, proposal.variant
        )

    def _sampler(self, told: int) -> optuna.samplers.BaseSampler:
        seed = study_seed(self._spec, *self._space.purpose, told)
        startup = min(_STARTUP, max(1, self._trials // 3))
        if self._strategy is StrategyName.GP:
            return optuna.samplers.GPSampler(
                seed=seed, n_startup_trials=startup, deterministic_objective=False
            )
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=startup)

    def _frozen(self, told: Sequence[TrialRow]) -> Iterator[optuna.trial.FrozenTrial]:
        """The trials as Optuna has them."""
        scores = [t.mean for t in told if t.mean is not None and math.isfinite(t.mean)]
        worst = self._objective.worst(scores, default=0.0)
        for trial in told:
            here = self._space.coordinates(trial.tau_f, trial.tau_b)
            place: dict[str, Any] = {**dict(zip(self._space.names, here, strict=True)), "lr": trial.lr}
            place |= {name: json.dumps(value) for name, value in trial.variant.optimizer}
            value: float | None = None
            if not trial.terminal:
                state = TrialState.RUNNING
            elif trial.state is LedgerState.FAILED:
                state = TrialState.FAIL
            else:
                state = TrialState.COMPLETE
                value = trial.mean if trial.mean is not None and math.isfinite(trial.mean) else worst
            yield create_trial(state=state, value=value, params=place, distributions=self._distributions)
