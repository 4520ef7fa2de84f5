"""What follows from a spec: the seeds of each role, and how many trials, members and trainings a study has.

They are counted here and nowhere else, so that the driver's progress line, the service's plan, its limits and
its page say the same numbers. A study may end with fewer: a method without a trial that succeeded is not
confirmed, and a best pair at tau_f = 0 has no control.
"""

import hashlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Self

from pydantic import PrivateAttr

from trainables.estimator_names import TEMPERATURES
from tuner.spec.judging import MOST_SEEDS, Boundary, Looks
from tuner.spec.optimizer import OptimizerSpec
from tuner.spec.search import BoundedSearch, HalvingSearch, PbtSearch, SampledSearch, Search
from tuner.spec.temperatures import Strict

EXTENSIONS = 4  # steps by which a range is extended at most, each by a factor of sqrt(3)
REFINEMENTS = 6  # trials between the searched values, for a method that is not on the diagonal
ROLES = ("search", "baseline", "confirm", "control")  # of trials


class Counted(Strict):
    """The counts of a study."""

    if TYPE_CHECKING:  # study.py defines these fields, in the order in which a spec shows them
        search: Search
        learning_rates: list[float]
        optimizer: OptimizerSpec | None
        seeds: int
        epochs: int | None
        steps: int | None
        baselines: list[str]
        confirm_seeds: int | Looks
        vary_split: bool
        extend: bool
        refine: bool
        control: Any
        diagnostics: int
        reports: int

    # Beside the spec, which stays as it was submitted.
    _added: tuple[int, ...] = PrivateAttr(default=())

    # --- the length of a training ---

    @property
    def intervals(self) -> int:
        """How many parts the training is divided into, with a report after each."""
        return min(self.reports, self.epochs or self.steps or 1)

    # --- seeds ---

    @property
    def looks(self) -> tuple[int, ...]:
        """How many fresh seeds there are at each look of the confirmation; empty without one."""
        if isinstance(self.confirm_seeds, int):
            return (self.confirm_seeds,) if self.confirm_seeds else ()
        return tuple(self.confirm_seeds.looks)

    @property
    def boundary(self) -> Boundary:
        """What the looks are held to."""
        return "constant" if isinstance(self.confirm_seeds, int) else self.confirm_seeds.boundary

    def with_added(self, seeds: Sequence[int]) -> Self:
        """The spec of a study to which blocks of so many fresh seeds were added after its end."""
        grown = self.model_copy()
        grown._added = tuple(seeds)
        return grown

    @property
    def added(self) -> tuple[int, ...]:
        """The fresh seeds of each block that was added."""
        return self._added

    @property
    def room_for_seeds(self) -> int:
        """How many fresh seeds may be added to the planned ones, in all."""
        return MOST_SEEDS - max(self.looks, default=0)

    @property
    def search_seeds(self) -> tuple[int, ...]:
        """Seeds that configurations are selected on."""
        return tuple(range(self.seeds))

    def fresh_seeds(self, study_id: str, look: int) -> tuple[int, ...]:
        """Seeds of one look of the confirmation (0, 1, ...), or of a block that was added after the looks.
        None of them was used to select, nor by another study.

        They follow from the study's id, so nobody can have looked at them before. Seeds of one study are
        neighbours; two studies would have to begin within a thousand of each other, among 2^42, to share any.
        """
        added = tuple(accumulate(self.added, initial=max(self.looks, default=0)))[1:]
        before, until = (0, *self.looks, *added)[look : look + 2]
        first = int.from_bytes(hashlib.blake2b(study_id.encode(), digest_size=4).digest(), "little")
        base = (first + 1) * 1024
        return tuple(range(base + before, base + until))

    def seeds_of(self, role: str, study_id: str, look: int = 0) -> tuple[int, ...]:
        """The seeds that trials of a role are trained on: fresh ones for the confirmation, and for the
        control beside it.
        """
        if role == "confirm" or (role == "control" and self.looks):
            return self.fresh_seeds(study_id, look)
        return self.search_seeds

    def varies_split(self, role: str) -> bool:
        """Whether trials of a role draw their training and validation examples anew for each seed: those on
        fresh seeds, if the spec asks for it.
        """
        return self.vary_split and bool(self.looks) and role in ("confirm", "control")

    def members_of(self, role: str) -> int:
        """How many seeds a trial of a role has, at the first look where there are several."""
        return self.looks[0] if self.looks and role in ("confirm", "control") else self.seeds

    # --- trials ---

    @property
    def tunings(self) -> int:
        """The number of combinations of learning rate and optimiser settings with which each pair of
        temperatures is trained.
        """
        return len(self.learning_rates) * len(self.optimizer_choices)

    @property
    def optimizer_choices(self) -> list[dict[str, Any]]:
        """What trials are given of the optimiser's fields that are searched; [{}] where none is."""
        return [{}] if self.optimizer is None else self.optimizer.choices

    def trials_of(self, role: str) -> int:
        """How many trials of a role there are, if every method has a best one."""
        match role:
            case "search":
                return self.search.trials_total(self.tunings) + self.diagonal_trials
            case "baseline":
                return sum(map(self.baseline_trials, self.baselines))
            case "confirm":
                return self.confirm_total
            case "control":
                return self.control_total
        raise ValueError(f"role must be one of {', '.join(ROLES)}. Got {role!r}.")

    @property
    def diagonal_trials(self) -> int:
        """Trials of the search on the diagonal, where that is searched apart: a population as large as the
        one off it; for a sampler what makes them as many, with the baseline softmax, which is on it.
        """
        if isinstance(self.search, PbtSearch):
            return self.search.trials
        if isinstance(self.search, SampledSearch):
            return max(0, self.search.trials - self._softmax)
        return 0

    @property
    def _softmax(self) -> int:
        """Trials of the baseline softmax."""
        return self.baseline_trials("softmax") if "softmax" in self.baselines else 0

    @property
    def _printed_on(self) -> int:
        """Trials of the search alone that lie on the diagonal."""
        if isinstance(self.search, BoundedSearch):
            return self.diagonal_trials
        return len({*self.search.forward} & {*self.search.backward}) * self.tunings

    @property
    def trials_total(self) -> int:
        """Trials of the search and its baselines; confirmation and control come on top."""
        return self.trials_of("search") + self.trials_of("baseline")

    @property
    def confirm_total(self) -> int:
        """Trials of one look of the confirmation: the best one off the diagonal with noise, of argmax, on the
        diagonal, and of every other baseline.
        """
        if not self.looks:
            return 0
        on = self.search.on_diagonal or "softmax" in self.baselines  # which is the diagonal
        off = self.search.forward[-1] > 0 and self.search.off_diagonal
        return off + self._argmax + on + len({*self.baselines} - {"softmax"})

    @property
    def _argmax(self) -> bool:
        """Whether tau_f = 0 is searched; a schedule of pbt hardly ever stays there."""
        return self.search.forward[0] == 0 and not isinstance(self.search, PbtSearch)

    @property
    def extension_most(self) -> int:
        """Trials that the extension of ranges has at most."""
        if not (self.looks and self.extend):
            return 0
        with_temperature = sum(bool(TEMPERATURES[name]) for name in {*self.baselines} - {"softmax"})
        lines = 2 + self._argmax + 1 + with_temperature  # off: two; argmax; on
        return lines * EXTENSIONS

    @property
    def refinement_most(self) -> int:
        """Trials that the refinement of optima has at most: on the diagonal as many as make them equal."""
        if not (self.looks and self.refine):
            return 0
        on = self._printed_on
        off = self.trials_of("search") - on + REFINEMENTS + 2 * EXTENSIONS * self.extend
        if isinstance(self.search, BoundedSearch):
            on += self._softmax
        else:
            on = max(on, self._softmax)  # which repeats what the search has on the diagonal
        return max(0, off - on) + REFINEMENTS * (1 + self._argmax)

    @property
    def most_trials(self) -> int:
        """Trials of all roles where everything is extended and refined, and every look is needed."""
        # The two that the search alone would have selected are confirmed as well.
        extra = 2 if self.looks and (self.extend or self.refine) else 0
        further_looks = max(0, len(self.looks) - 1) * (self.confirm_total + extra)
        return self.planned_trials + self.extension_most + self.refinement_most + extra + further_looks

    @property
    def further_most(self) -> int:
        """Trials that may follow the planned ones: where ranges are extended and optima refined, and at
        further looks.
        """
        return 0 if self.added else self.most_trials - self.planned_trials

    @property
    def control_total(self) -> int:
        """Trials of the control: one for the best pair off the diagonal, if that may have tau_f > 0."""
        return int(self.control is not None and self.search.off_diagonal and self.search.forward[-1] > 0)

    def planned(self, role: str) -> tuple[int, int]:
        """Trials and members of a role, with the confirmations on seeds that were added; (0, 0) of roles
        whose trials follow from what a search finds.
        """
        trials = self.trials_of(role) if role in ROLES else 0
        members = trials * self.members_of(role)
        if role == "confirm":
            return trials + len(self.added) * trials, members + sum(self.added) * trials
        return trials, members

    @property
    def planned_trials(self) -> int:
        """Trials of all roles, with the confirmations on seeds that were added."""
        return sum(self.planned(role)[0] for role in ROLES)

    @property
    def planned_members(self) -> int:
        """Members of all roles: a model for each trial and seed."""
        return sum(self.planned(role)[1] for role in ROLES)

    def unplanned(self, begun: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
        """What was begun beyond the plan: trials that extend a range, refine an optimum or confirm at a
        further look. The progress of a study is counted against the planned trials and these together, so
        that it does not reach 100 % before the confirmation.

        Args:
            begun: trials and members of each role that have begun.

        Returns:
            Trials and members.
        """
        over = [
            (max(0, trials - self.planned(role)[0]), max(0, members - self.planned(role)[1]))
            for role, (trials, members) in begun.items()
        ]
        return sum(trials for trials, _ in over), sum(members for _, members in over)

    # --- baselines ---

    @property
    def baseline_temperatures(self) -> list[float]:
        """What the one-temperature baselines are tuned over."""
        return self.search.baseline_temperatures(self.tunings)

    def baseline_trials(self, name: str) -> int:
        """How many trials a baseline has."""
        temperatures = len(self.baseline_temperatures) if TEMPERATURES[name] else 1
        return temperatures * self.tunings

    # --- work ---

    @property
    def trainings_total(self) -> float:
        """What the search and its baselines train, in units of one trial trained to its end."""
        search = self.search
        if not isinstance(search, HalvingSearch):
            return self.trials_total
        on = self._printed_on
        argmax = self._argmax * len(search.backward) * self.tunings
        off = self.trials_of("search") - on - argmax
        methods = [off, argmax, on, *map(self.baseline_trials, self.baselines)]
        return sum(search.share(trials, self.intervals) for trials in methods)

    @property
    def planned_trainings(self) -> float:
        """What all roles train, in units of one member trained to its end."""
        after = sum(self.trials_of(role) * self.members_of(role) for role in ("confirm", "control"))
        return self.trainings_total * self.seeds + after + sum(self.added) * self.confirm_total

    @property
    def diagnosis(self) -> dict[str, Any] | None:
        """Arguments of trainables.diagnostics.Diagnosis: the passes, and the temperatures of the search. None
        for none.
        """
        if not self.diagnostics:
            return None

        def values(axis: Sequence[float]) -> tuple[float, ...]:
            between = self.baseline_temperatures if isinstance(self.search, BoundedSearch) else []
            return tuple(sorted({*axis, *(tau for tau in between if axis[0] < tau < axis[-1])}))

        return {
            "passes": self.diagnostics,
            "tau_f": values(self.search.forward),
            "tau_b": values(self.search.backward),
        }
