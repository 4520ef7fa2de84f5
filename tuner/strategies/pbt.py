"""Population based training: temperatures change during training, and the result is a schedule of them.

Jaderberg et al. 2017, "Population based training of neural networks". Training is divided into rounds. After
each round but the last, each trial of the worst quarter is compared with a random one of the best quarter. If
it is worse by more than one standard error of their difference seed by seed, it continues as a copy of the
better one (exploit): each member takes over the parameters, the optimiser's moments and the settings of the
member with the same seed, so that common random numbers stay common. Then its temperatures move by a random
step and, now and then, its learning rate to a neighbouring one (explore). The other trials go on as they are.

There are two populations in the sense of that paper, of the same size, which do not mix: one off the
diagonal, and one with tau_f = tau_b at all times. So schedules are compared with schedules.

A copy also takes over the schedule of the better trial so far, so its schedule says with which temperatures
its parameters were trained from the beginning. Training that schedule from scratch gives the same model on
the same seeds, and a fair confirmation on fresh ones.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from tuner.ledger.methods import Segment
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Continuation, Proposal, Role, TrialRow, TrialState
from tuner.spec.search import PbtSearch
from tuner.spec.study import StudySpec
from tuner.strategies.base import Answer, Decision, Signal, Strategy, continuing, lacking
from tuner.strategies.proposals import baselines, tunings
from tuner.strategies.scores import Scores
from tuner.strategies.space import Space, SpaceExhaustedError, study_seed

_QUARTER = 4  # one trial in so many is among the best, and one in so many among the worst
_TRIES = 1_000  # random configurations that are tried until one is new
_STEP = 0.2  # the largest step of a temperature, as a share of the range of its coordinate
_LR_STEP = 0.25  # probability that the learning rate moves to a neighbouring one


class Pbt(Strategy):
    """Proposes the first temperatures and decides after each round. Baselines keep the devices busy while
    trials of a round are waited for.
    """

    def __init__(self, spec: StudySpec, search: PbtSearch, objective: Objective) -> None:
        self._spec, self._search = spec, search
        self._scores = Scores(objective)
        self._ladder = search.ladder(spec.intervals)
        self._spaces = (Space.plane(search), Space.diagonal(search))

    def rung(self, role: Role, interval: int) -> int | None:
        """The end of the next round; none in the last round, and none for baselines, which are trained to
        their end.
        """
        return (
            None
            if role is Role.BASELINE
            else next((rung for rung in self._ladder[:-1] if rung > interval), None)
        )

    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """The first trials, those of the plane before those of the diagonal; then a Decision about each of
        the two after each of its rounds; baselines while there is nothing else to do.
        """
        size = self._search.trials
        searched = sorted((t for t in history if t.role is Role.SEARCH), key=lambda t: t.number)
        populations = tuple(zip(self._spaces, (searched[:size], searched[size:]), strict=True))
        for space, trials in populations:
            if len(trials) < size:
                return self._first(space)[len(trials) :][:n]
        for space, trials in populations:
            going = [t for t in trials if not t.terminal]
            # All trials that have not ended wait at the end of the same round.
            if going and all(t.state is TrialState.QUEUED and t.source is None for t in going):
                return Decision(self._decide(space, going))
        if answer := continuing(history, n) or lacking(baselines(self._spec), history)[:n]:
            return answer
        return Signal.WAIT if any(t.state is TrialState.RUNNING for t in history) else Signal.DONE

    def _first(self, space: Space) -> list[Proposal]:
        """The first configurations, which cover the space as a Latin hypercube: each coordinate's range has
        as many parts as there are trials, and one trial in each part.
        """
        generator = random.Random(study_seed(self._spec, *space.purpose, "first"))  # noqa: S311  # no secret
        n = self._search.trials
        tuned = tunings(self._spec)
        spread = [tuned[i % len(tuned)] for i in range(n)]
        generator.shuffle(spread)
        columns = []
        for axis in space.axes:
            parts = list(range(n))
            generator.shuffle(parts)
            span = axis.high - axis.low
            columns.append([axis.low + span * (part + generator.random()) / n for part in parts])
        made: dict[str, Proposal] = {}
        for *coordinates, tuning in zip(*columns, spread, strict=True):
            proposal = space.proposal(coordinates, *tuning)
            tries = 0
            while proposal.key in made or not space.holds(proposal):  # rounding may make two values equal
                if (tries := tries + 1) > _TRIES:
                    raise SpaceExhaustedError(len(made), n)
                coordinates[-1] = generator.uniform(space.axes[-1].low, space.axes[-1].high)
                proposal = space.proposal(coordinates, *tuning)
            made[proposal.key] = proposal
        return list(made.values())

    def _decide(self, space: Space, queued: Sequence[TrialRow]) -> list[Continuation]:
        """Which of a round's trials go on as they are, and which continue as a copy of a better one."""
        seed = study_seed(self._spec, *space.purpose, "round", queued[0].intervals)
        generator = random.Random(seed)  # noqa: S311  # no secret
        ranked = sorted(queued, key=lambda t: (self._scores.mean(t), t.number))
        quarter = len(ranked) // _QUARTER
        made = []
        for place, trial in enumerate(ranked):
            source = generator.choice(ranked[: max(1, quarter)])
            # Drawn for every trial, also where it is not used, so that what the next trial draws does not
            # depend on whether this one is copied.
            explored = self._explore(space, source, generator)
            exploits = place >= len(ranked) - quarter and self._worse(trial, source)
            made.append(
                Continuation(trial.number, source.number, explored)
                if exploits
                else Continuation.unchanged(trial)
            )
        return made

    def _explore(self, space: Space, source: TrialRow, generator: random.Random) -> Proposal:
        """The configuration of a copy of `source`: its schedule so far, followed by temperatures a random
        step away from its present ones and, now and then, a neighbouring learning rate.
        """
        assert source.tau_f is not None
        assert source.tau_b is not None
        past = source.schedule or (Segment(0.0, source.tau_f, source.tau_b, source.lr),)
        now = past[-1]
        here = space.coordinates(now.tau_f, now.tau_b)
        moved = space.proposal(space.moved(here, lambda: generator.uniform(-_STEP, _STEP)), now.lr)
        assert moved.tau_f is not None
        assert moved.tau_b is not None
        rates = sorted(self._spec.learning_rates)
        place = rates.index(now.lr) + generator.choice((-1, 1)) * (generator.random() < _LR_STEP)
        lr = rates[min(max(place, 0), len(rates) - 1)]
        changed = Segment(source.epoch, moved.tau_f, moved.tau_b, lr)
        return replace(source.proposal, variant=replace(source.variant, schedule=(*past, changed)))

    def _worse(self, trial: TrialRow, source: TrialRow) -> bool:
        """Whether a trial is worse than `source` by more than one standard error of their differences seed by
        seed; with one seed, whether it is worse at all.
        """
        mean, error = self._scores.difference(trial, source)
        return mean > (error or 0.0)
