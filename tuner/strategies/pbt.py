"""Population based training: temperatures that change during training. Its result is a schedule.

Jaderberg et al. 2017, "Population based training of neural networks". Training is divided into rounds. After
each of them, but the last, a trial among the worst quarter that is worse than a random one of the best
quarter, by more than a standard error of their difference seed by seed, takes that one's place: its
parameters, moments and settings of the optimiser, each seed from the same seed, so that common random numbers
stay common (exploit), with temperatures a random step away (explore). The others go on as they are.

A trial's past is then its source's: its schedule says with which temperatures its parameters were trained
from the beginning, so training that schedule from scratch on the same seeds gives the same model, and on
fresh seeds a fair confirmation.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from tuner.ledger.methods import DECOUPLED, Segment
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Continuation, Proposal, Role, TrialRow, TrialState
from tuner.spec.search import PbtSearch
from tuner.spec.study import StudySpec
from tuner.strategies.base import Answer, Decision, Signal, Strategy, continuing, lacking
from tuner.strategies.proposals import baselines, tunings
from tuner.strategies.scores import Scores
from tuner.strategies.space import Axis, SpaceExhaustedError, study_seed

_QUARTER = 4  # the best and the worst quarter
_TRIES = 1_000  # for a first configuration that no other trial has
_STEP = 0.2  # the largest step of exploration, as a share of a temperature's coordinate range
_LR_STEP = 0.25  # probability of a neighbouring learning rate


class Pbt(Strategy):
    """Proposes the first temperatures, decides after each round, and keeps the devices busy with
    baselines.
    """

    def __init__(self, spec: StudySpec, search: PbtSearch, objective: Objective) -> None:
        self._spec, self._search = spec, search
        self._scores = Scores(objective)
        self._ladder = search.ladder(spec.intervals)
        self._forward, self._backward = (
            Axis(bounds, search.trials) for bounds in (search.tau_f, search.tau_b)
        )

    def rung(self, role: Role, interval: int) -> int | None:
        """The end of the next round, but for the last; baselines are trained to their end."""
        return (
            None
            if role is Role.BASELINE
            else next((rung for rung in self._ladder[:-1] if rung > interval), None)
        )

    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """The first generation; what becomes of it after each round; baselines while there is nothing else to
        do.
        """
        searched = [t for t in history if t.role is Role.SEARCH]
        if len(searched) < self._search.trials:
            return self._first()[len(searched) :][:n]
        going = [t for t in searched if not t.terminal]
        # All wait at the end of the same round.
        if going and all(t.state is TrialState.QUEUED and t.source is None for t in going):
            return Decision(self._decide(going))
        if answer := continuing(history, n) or lacking(baselines(self._spec), history)[:n]:
            return answer
        return Signal.WAIT if any(t.state is TrialState.RUNNING for t in history) else Signal.DONE

    def _first(self) -> list[Proposal]:
        """Temperatures that cover the space: each coordinate's range in as many parts as there are trials
        (Latin hypercube).
        """
        generator = random.Random(study_seed(self._spec, "first"))  # noqa: S311  # no secret
        n = self._search.trials
        tuned = tunings(self._spec)
        spread = [tuned[i % len(tuned)] for i in range(n)]
        generator.shuffle(spread)
        columns = []
        for axis in (self._forward, self._backward):
            parts = list(range(n))
            generator.shuffle(parts)
            span = axis.high - axis.low
            columns.append(
                [axis.temperature(axis.low + span * (part + generator.random()) / n) for part in parts]
            )
        made: dict[str, Proposal] = {}
        for tau_f, tau_b, (lr, variant) in zip(*columns, spread, strict=True):
            proposal = Proposal(Role.SEARCH, DECOUPLED, tau_f, tau_b, lr, variant)
            tries = 0
            while proposal.key in made:  # rounded values may meet
                if (tries := tries + 1) > _TRIES:
                    raise SpaceExhaustedError(len(made), n)
                coordinate = generator.uniform(self._backward.low, self._backward.high)
                proposal = replace(proposal, tau_b=self._backward.temperature(coordinate))
            made[proposal.key] = proposal
        return list(made.values())

    def _decide(self, queued: Sequence[TrialRow]) -> list[Continuation]:
        """Who goes on as it is, and who takes the place of a better one."""
        generator = random.Random(study_seed(self._spec, "round", queued[0].intervals))  # noqa: S311  # no secret
        ranked = sorted(queued, key=lambda t: (self._scores.mean(t), t.number))
        quarter = len(ranked) // _QUARTER
        made = []
        for place, trial in enumerate(ranked):
            source = generator.choice(ranked[: max(1, quarter)])
            # Drawn for every trial, so that what one trial draws does not depend on the others' ranks.
            explored = self._explore(source, generator)
            exploits = place >= len(ranked) - quarter and self._worse(trial, source)
            made.append(
                Continuation(trial.number, source.number, explored)
                if exploits
                else Continuation.unchanged(trial)
            )
        return made

    def _explore(self, source: TrialRow, generator: random.Random) -> Proposal:
        """The source's past, and from now on temperatures a step away from its own."""
        assert source.tau_f is not None
        assert source.tau_b is not None
        past = source.schedule or (Segment(0.0, source.tau_f, source.tau_b, source.lr),)
        now = past[-1]
        moved = []
        for axis, temperature in ((self._forward, now.tau_f), (self._backward, now.tau_b)):
            coordinate = axis.coordinate(temperature) + generator.uniform(-_STEP, _STEP) * (
                axis.high - axis.low
            )
            moved.append(axis.temperature(min(max(coordinate, axis.low), axis.high)))
        rates = sorted(self._spec.learning_rates)
        place = rates.index(now.lr) + generator.choice((-1, 1)) * (generator.random() < _LR_STEP)
        changed = Segment(source.epoch, moved[0], moved[1], rates[min(max(place, 0), len(rates) - 1)])
        return replace(source.proposal, variant=replace(source.variant, schedule=(*past, changed)))

    def _worse(self, trial: TrialRow, source: TrialRow) -> bool:
        """Whether a trial is worse by more than one standard error, seed by seed; with one seed, whether it
        is worse.
        """
        mean, error = self._scores.difference(trial, source)
        return mean > (error or 0.0)
