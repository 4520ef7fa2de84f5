"""What follows from a spec: the seeds of each role, and how many trials, members and trainings a study has.

They are counted here and nowhere else, so that the driver's progress line, the service's plan, its limits and
its page say the same numbers. A study may end with fewer: a method without a trial that succeeded is not
confirmed, and a best pair at tau_f = 0 has no control.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from trainables.estimators import ESTIMATORS
from tuner.spec.search import HalvingSearch, PbtSearch, SampledSearch, Search
from tuner.spec.temperatures import Strict

ROLES = ("search", "baseline", "confirm", "control")  # of trials


class Counted(Strict):
    """The counts of a study."""

    if TYPE_CHECKING:  # study.py defines these fields, in the order in which a spec shows them
        search: Search
        learning_rates: list[float]
        seeds: int
        epochs: int | None
        steps: int | None
        baselines: list[str]
        confirm_seeds: int
        control: Any
        diagnostics: int
        reports: int

    # --- the length of a training ---

    @property
    def intervals(self) -> int:
        """How many parts the training is divided into, with a report after each."""
        return min(self.reports, self.epochs or self.steps or 1)

    # --- seeds ---

    @property
    def search_seeds(self) -> tuple[int, ...]:
        """Seeds that configurations are selected on."""
        return tuple(range(self.seeds))

    @property
    def fresh_seeds(self) -> tuple[int, ...]:
        """Seeds of the confirmation: none of them was used to select."""
        return tuple(range(self.seeds, self.seeds + self.confirm_seeds))

    def seeds_of(self, role: str) -> tuple[int, ...]:
        """The seeds that trials of a role are trained on: fresh ones for the confirmation, and for the
        control beside it.
        """
        fresh = role == "confirm" or (role == "control" and self.confirm_seeds)
        return self.fresh_seeds if fresh else self.search_seeds

    # --- trials ---

    def trials_of(self, role: str) -> int:
        """How many trials of a role there are, if every method has a best one."""
        match role:
            case "search":
                return self.search.trials_total(len(self.learning_rates))
            case "baseline":
                return sum(map(self.baseline_trials, self.baselines))
            case "confirm":
                return self.confirm_total
            case "control":
                return self.control_total
        raise ValueError(f"role must be one of {', '.join(ROLES)}. Got {role!r}.")

    @property
    def trials_total(self) -> int:
        """Trials of the search and its baselines; confirmation and control come on top."""
        return self.trials_of("search") + self.trials_of("baseline")

    @property
    def confirm_total(self) -> int:
        """Trials of the confirmation: the best one off the diagonal, on it, and of every other baseline."""
        if not self.confirm_seeds:
            return 0
        on = self.search.on_diagonal or "softmax" in self.baselines  # which is the diagonal
        return self.search.off_diagonal + on + len({*self.baselines} - {"softmax"})

    @property
    def control_total(self) -> int:
        """Trials of the control: one for the best pair off the diagonal, if that may have tau_f > 0."""
        return int(self.control is not None and self.search.off_diagonal and self.search.forward[-1] > 0)

    @property
    def planned_trials(self) -> int:
        """Trials of all roles."""
        return sum(map(self.trials_of, ROLES))

    @property
    def planned_members(self) -> int:
        """Members of all roles: a model for each trial and seed."""
        return sum(self.trials_of(role) * len(self.seeds_of(role)) for role in ROLES)

    # --- baselines ---

    @property
    def baseline_temperatures(self) -> list[float]:
        """What the one-temperature baselines are tuned over."""
        return self.search.baseline_temperatures(len(self.learning_rates))

    def baseline_trials(self, name: str) -> int:
        """How many trials a baseline has."""
        temperatures = len(self.baseline_temperatures) if ESTIMATORS[name].temperatures else 1
        return temperatures * len(self.learning_rates)

    # --- work ---

    @property
    def trainings_total(self) -> float:
        """What the search and its baselines train, in units of one trial trained to its end."""
        search = self.search
        if not isinstance(search, HalvingSearch):
            return self.trials_total
        on = len({*search.forward} & {*search.backward}) * len(self.learning_rates)
        off = self.trials_of("search") - on
        methods = [off, on, *map(self.baseline_trials, self.baselines)]
        return sum(search.share(trials, self.intervals) for trials in methods)

    @property
    def planned_trainings(self) -> float:
        """What all roles train, in units of one member trained to its end."""
        after = sum(self.trials_of(role) * len(self.seeds_of(role)) for role in ("confirm", "control"))
        return self.trainings_total * self.seeds + after

    @property
    def diagnosis(self) -> dict[str, Any] | None:
        """Arguments of trainables.diagnostics.Diagnosis: the passes, and the temperatures of the search. None
        for none.
        """
        if not self.diagnostics:
            return None

        def values(axis: Sequence[float]) -> tuple[float, ...]:
            between = self.baseline_temperatures if isinstance(self.search, SampledSearch | PbtSearch) else []
            return tuple(sorted({*axis, *(tau for tau in between if axis[0] < tau < axis[-1])}))

        return {
            "passes": self.diagnostics,
            "tau_f": values(self.search.forward),
            "tau_b": values(self.search.backward),
        }
