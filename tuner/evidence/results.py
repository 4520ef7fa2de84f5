"""The results of a study as one typed model, which the analysis makes and everything else reads.

The command line prints it as JSON, the API returns it and describes it by this model, and the report, the
figures and MLflow read its attributes. The order of the fields is the order in the JSON. Numbers over seeds
are in units of the objective unless a field says otherwise. Some parts are defined in files of their own; all
are imported from here.
"""

from pydantic import Field

from tuner.evidence.claim_results import (
    BackwardTrend,
    Claim,
    ClaimPart,
    ClaimStatus,
    ConvergenceResult,
    ForwardTrend,
    Trend,
)
from tuner.evidence.over_seeds import (
    BestOfMany,
    Difference,
    Gain,
    Interval,
    Model,
    SummaryWithInterval,
)
from tuner.evidence.search_results import (
    BackwardLine,
    BackwardLineAt,
    BackwardMarginal,
    EqualBudget,
    ForwardLine,
    ForwardLineAt,
    ForwardMarginal,
    Landscape,
    Marginals,
    Optimum,
    OptimumCell,
    RegretResult,
    ReplayedSearch,
    RuleWinner,
    ScoreRules,
    SequentialReplay,
    Stages,
)
from tuner.evidence.selection import ARGMAX, OFF, ON
from tuner.evidence.trial_result import TrialResult
from tuner.evidence.verdicts import VERDICTS, Decision, Verdict
from tuner.ledger.objective import Objective
from tuner.ledger.rows import StudyState

__all__ = [
    "AsPrinted",
    "BackwardLine",
    "BackwardLineAt",
    "BackwardMarginal",
    "BackwardTrend",
    "Claim",
    "ClaimPart",
    "ClaimStatus",
    "Comparison",
    "ConfirmationResult",
    "ControlResult",
    "ConvergenceResult",
    "EqualBudget",
    "ForwardLine",
    "ForwardLineAt",
    "ForwardMarginal",
    "ForwardTrend",
    "Gain",
    "Landscape",
    "Marginals",
    "MethodCost",
    "MethodOutcomes",
    "Optimum",
    "OptimumCell",
    "RateResult",
    "RegretResult",
    "ReplayedSearch",
    "Results",
    "RuleWinner",
    "ScoreRules",
    "SequentialReplay",
    "Stages",
    "Statistics",
    "Trend",
    "TrialResult",
    "TwoWayResult",
    "Verdict",
]


class ControlResult(Model):
    """The rescaling control against the confirmed trial that it rescales."""

    trial: int = Field(description="Number of the control's trial.")
    of: int = Field(description="Number of the trial that it rescales.")
    tau_f: float | None = Field(description="Of the trial that it rescales.")
    rho: float | None = Field(description="The control's tau_b, tau_b / tau_f of the trial that it rescales.")
    logit_scale: float | None
    difference: Difference | None = Field(
        description="How much better the control is than the trial that it rescales."
    )
    margin: float = Field(description="Half of the gain that is examined; 0 where there is none.")
    ci90: Interval | None = Field(description="Of the difference; within the margin the two agree.")
    p_equivalence: float | None
    max_relative_deviation: float | None = Field(description="Of the final objective, over seeds.")
    max_relative_deviation_of_curves: float | None
    agrees: bool | None = Field(description="Null where these seeds do not show it.")
    meaning: tuple[str, ...]


class Statistics(Model):
    """How the numbers were tested, in words."""

    primary: str
    test: str
    assumptions: str
    family: str
    selection: str
    without_confirmation: str


class MethodCost(Model):
    """What a method, or a confirmation, cost."""

    trials: int
    members: int
    member_epochs: float | None = Field(description="Null where the epochs of some trial are not known.")


class RateResult(Model):
    """How often something happened, with its exact 95 % interval."""

    count: int
    of: int
    share: float | None
    ci95: Interval


class MethodOutcomes(Model):
    """What became of the members of a method."""

    diverged: RateResult = Field(description="On fresh seeds, of its selected trial.")
    collapsed: RateResult | None = Field(description="Likewise; null where the task declares no collapse.")
    search_diverged: RateResult = Field(description="In the search, of all of its members.")
    search_collapsed: RateResult | None


class Comparison(Model):
    """A verdict, and what it rests on."""

    verdict: Verdict
    reason: str
    gain: Gain | None

    @property
    def outcome(self) -> str:
        """The verdict as said of the method: better, worse, ...; the verdict's own name where it is
        withheld.
        """
        decision = Decision(self.gain.decision) if self.gain else Decision.NONE
        return decision.value if VERDICTS[decision] is self.verdict else self.verdict.value


class AsPrinted(Comparison):
    """What the search alone shows, without extension and refinement: the protocol as the paper prints it."""

    off_diagonal_best: TrialResult | None
    argmax_best: TrialResult | None
    diagonal_best: TrialResult | None


class TwoWayResult(Model):
    """A gain over the diagonal on the test set, with its uncertainty over seeds and examples at once."""

    mean: float
    ci95: Interval = Field(description="Over new seeds and new examples.")
    p_value: float | None = Field(description="Two-sided; null without any spread.")
    sem: float = Field(description="Standard error over seeds and examples.")
    sem_over_seeds: float = Field(description="As if the examples were all there are.")
    sem_over_examples: float = Field(description="As if the seeds were all there are.")
    seeds: int
    examples: int
    narrower: str = Field(description="What would narrow the interval: more seeds, more examples, or either.")
    sentence: str = Field(description="All of it in words.")


class ConfirmationResult(Model):
    """How the confirmation went."""

    looks: tuple[int, ...] = Field(description="Fresh seeds at each planned look.")
    boundary: str = Field(
        default="constant", description="What the looks are held to: constant or obrien-fleming."
    )
    seeds: int = Field(description="Fresh seeds that were trained.")
    added: int = Field(default=0, description="Those of them that were added after the planned looks.")
    planned: Comparison | None = Field(
        default=None, description="The verdict by the planned looks alone; null where no seeds were added."
    )
    margin: float = Field(description="A gain below it is of no interest; in units of the objective.")
    margin_given: str = Field(description="As the spec has it.")


class Results(Model):
    """What a study shows; what `tuner results --json` prints."""

    study: str = Field(description="The study's id.")
    state: StudyState
    objective: Objective
    best: TrialResult | None = Field(description="Of the search, wherever it lies.")
    off_diagonal_best: TrialResult | None = Field(description="With noise, tau_f > 0.")
    argmax_best: TrialResult | None = Field(description="tau_f = 0, which has no partner on the diagonal.")
    diagonal_best: TrialResult | None
    baselines: dict[str, TrialResult] = Field(description="The best of each.")
    confirmed: dict[str, TrialResult] = Field(
        description="The selected trials on fresh seeds, by off_diagonal, argmax, diagonal, and baseline "
        "names."
    )
    gain: Gain | None = Field(description="Of the best off the diagonal over the best on it.")
    gains: dict[str, Gain | None] = Field(description="The same over the best of each baseline.")
    argmax: Comparison | None = Field(description="Argmax against the diagonal; null where it was not tried.")
    as_printed: AsPrinted | None = Field(description="Null where nothing was extended or refined.")
    second: dict[str, Gain] = Field(
        description="The gain over the diagonal in other metrics that the task names, at the last report."
    )
    test_gain: dict[str, Gain] = Field(description="The same on the test set, in every metric.")
    examples: dict[str, TwoWayResult] = Field(
        description="The gain over the diagonal on the test set over seeds and examples at once, of "
        "off_diagonal and argmax; empty where the losses of examples were not kept, or are not here."
    )
    confirmation: ConfirmationResult | None
    outcomes: dict[str, MethodOutcomes] = Field(description="Divergence and collapse of each method.")
    score: ScoreRules | None
    equal_budget: EqualBudget | None
    best_of_many: BestOfMany | None = Field(description="Only where there is no confirmation.")
    statistics: Statistics
    tuned_with: dict[str, int] = Field(description="How many configurations each method was chosen from.")
    training: dict[str, MethodCost]
    verdict: Verdict
    verdict_reason: str
    headline: str = Field(
        description="The verdict in one line; where there is none, why: 'no verdict: cancelled'."
    )
    notes: tuple[str, ...]
    claims: dict[str, Claim] = Field(description="C1, C2 and C3.")
    test: dict[str, dict[str, SummaryWithInterval]] = Field(
        description="The test set's metrics of the confirmed trials: method -> metric -> summary."
    )
    landscape: Landscape
    optimum: Optimum | None
    marginals: Marginals | None
    stages: Stages | None = Field(description="Of a sequential search only.")
    sequential_replay: SequentialReplay | None = Field(description="Of a full grid only.")
    control: ControlResult | None

    @property
    def verdict_line(self) -> str:
        """The headline as a line among others: "verdict: undecided", "no verdict: cancelled"."""
        return self.headline if self.verdict is Verdict.NONE else f"verdict: {self.headline}"

    @property
    def chosen(self) -> dict[str, TrialResult]:
        """The best of every method that has one: off_diagonal, argmax, diagonal, then the baselines."""
        named = {OFF: self.off_diagonal_best, ARGMAX: self.argmax_best, ON: self.diagonal_best}
        return {name: trial for name, trial in named.items() if trial is not None} | self.baselines

    @property
    def best_chosen(self) -> TrialResult | None:
        """Of off_diagonal, argmax and diagonal, the one whose chosen trial has the best mean in the search.

        Unlike `best` it is one that fresh seeds confirm, so that there are trained models of it: a chosen
        trial is that of a smooth surface, and need not have the best mean of all.
        """
        scored = [
            (self.objective.sign * trial.objective.mean, place, trial)
            for place, trial in enumerate((self.off_diagonal_best, self.argmax_best, self.diagonal_best))
            if trial is not None and trial.objective.mean is not None
        ]
        return min(scored, default=(0.0, 0, None))[2]
