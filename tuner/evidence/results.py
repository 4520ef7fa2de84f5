"""What a study shows, as one typed model: what the analysis makes and everybody else reads.

The command line prints it as JSON, the API answers it and describes it by this model, the report, the figures
and MLflow read its attributes. The order of the fields is the order of the JSON. Numbers over seeds are in
units of the objective unless a field says otherwise.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from tuner.evidence.over_seeds import (
    BestOfMany,
    Difference,
    Gain,
    Interval,
    Model,
    Summary,
    SummaryWithInterval,
)
from tuner.evidence.verdicts import VERDICTS, Decision, Verdict
from tuner.ledger.methods import Variant
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Role, StudyState, TrialRow, TrialState


class ClaimStatus(StrEnum):
    """What a study says of a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    UNDECIDED = "undecided"


# --- trials ---


def _as_variant(given: Any) -> Any:
    return Variant.of(given) if isinstance(given, dict) else given


_VARIANT_SCHEMA = {
    "type": "object",
    "properties": {
        "logit_scale": {"type": "number"},
        "schedule": {
            "type": "array",
            "items": {"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 4},
            "description": "[epoch, tau_f, tau_b, lr] from each epoch on.",
        },
    },
    "additionalProperties": False,
}
VariantJson = Annotated[
    Variant,
    BeforeValidator(_as_variant),
    PlainSerializer(lambda variant: variant.fields, return_type=dict[str, Any]),
    WithJsonSchema(_VARIANT_SCHEMA),
]


class TrialResult(Model):
    """A configuration and what came out of it."""

    number: int
    role: Role
    estimator: str
    tau_f: float | None
    tau_b: float | None
    lr: float
    variant: VariantJson | None = Field(description="What else it was trained with; null where nothing.")
    state: TrialState
    objective: Summary
    metrics: dict[str, Summary] = Field(description="Of the last report.")
    reason: str | None

    @classmethod
    def of(cls, trial: TrialRow) -> "TrialResult":
        """The row of a trial, as everybody shows it."""
        return cls(
            number=trial.number,
            role=trial.role,
            estimator=trial.estimator,
            tau_f=trial.tau_f,
            tau_b=trial.tau_b,
            lr=trial.lr,
            variant=trial.variant or None,
            state=trial.state,
            objective=Summary.of(trial.objective or ()),
            metrics={name: Summary.of(values) for name, values in trial.metrics.items()},
            reason=trial.reason,
        )


# --- the search ---


Points = tuple[tuple[float, ...], tuple[float | None, ...], tuple[float | None, ...]]


class ForwardLine(Model):
    """The objective along tau_f: mean and standard error of the best trial at each value."""

    tau_f: tuple[float, ...]
    mean: tuple[float | None, ...]
    sem: tuple[float | None, ...]

    @property
    def points(self) -> Points:
        """Temperatures, means, standard errors."""
        return self.tau_f, self.mean, self.sem


class ForwardLineAt(ForwardLine):
    """The same at one value of tau_b."""

    tau_b: float


class BackwardLine(Model):
    """The objective along tau_b, likewise."""

    tau_b: tuple[float, ...]
    mean: tuple[float | None, ...]
    sem: tuple[float | None, ...]

    @property
    def points(self) -> Points:
        """Temperatures, means, standard errors."""
        return self.tau_b, self.mean, self.sem


class BackwardLineAt(BackwardLine):
    """The same at one value of tau_f."""

    tau_f: float


class Landscape(Model):
    """mean[i][j] and sem[i][j] at (tau_f[i], tau_b[j]), of the best learning rate; null without a value."""

    tau_f: tuple[float, ...]
    tau_b: tuple[float, ...]
    mean: tuple[tuple[float | None, ...], ...]
    sem: tuple[tuple[float | None, ...], ...]


class ForwardMarginal(Model):
    """Along tau_f: the best over tau_b, and in line with the optimum."""

    best: ForwardLine
    at_optimum: ForwardLineAt


class BackwardMarginal(Model):
    """Along tau_b, likewise."""

    best: BackwardLine
    at_optimum: BackwardLineAt


class Marginals(Model):
    """The objective along each temperature."""

    tau_f: ForwardMarginal
    tau_b: BackwardMarginal


class Stages(Model):
    """The two stages of a sequential search."""

    tau_b_start: float
    best_tau_f: float | None = Field(description="Null where no trial of the first stage has an objective.")
    first: ForwardLine
    second: BackwardLine


class OptimumCell(Model):
    """A searched pair of temperatures, and how likely it is the best."""

    tau_f: float
    tau_b: float
    mean: float = Field(description="Of the objective over seeds.")
    predicted: float | None = Field(description="By the surface through all pairs; null without one.")
    share: float | None = Field(description="Probability of being the best; null without a surface.")
    sure: bool = Field(description="Whether it is in the set that holds the best with 95 %.")


class Optimum(Model):
    """Where the optimum of the search lies, as a description; no verdict rests on it."""

    method: str = Field(
        description="surface: a Gaussian process through all pairs; subset: those not further behind "
        "the best than the pooled noise explains."
    )
    seeds: int
    noise: float = Field(description="Standard deviation of a pair on one seed.")
    cells: tuple[OptimumCell, ...] = Field(description="The likeliest first.")


class RegretResult(Model):
    """How much worse a cheaper search's pick is than the whole grid's, on seeds that chose neither."""

    mean: float = Field(description="Over the seeds, each of which is left out in turn; may be negative.")
    same: int = Field(description="On how many of them both pick the same trial.")
    seeds: int


class ReplayedSearch(Model):
    """What the sequential protocol would have found from one tau_b."""

    tau_b_start: float
    tau_f: float | None
    tau_b: float | None
    lr: float
    trial: int = Field(description="Number of the trial that it would have picked.")
    trials: int = Field(description="How many it would have run.")
    of: int = Field(description="How many the grid has.")
    rank: int = Field(description="Of the picked trial among the grid's, from 1.")
    regret: RegretResult | None = Field(description="Null with fewer than 2 seeds.")


class SequentialReplay(Model):
    """The sequential protocol, replayed on a full grid."""

    start: ReplayedSearch = Field(description="From the tau_b nearest to 1, the protocol's default.")
    starts: tuple[ReplayedSearch, ...] = Field(description="From each tau_b of the grid.")


# --- the control ---


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


# --- claims ---


class Trend(Model):
    """A measurement along a temperature."""

    levels: tuple[float, ...] = Field(
        description="Of the temperature, ascending; those at which every seed has a value."
    )
    means: tuple[float, ...] = Field(description="Over seeds.")
    sems: tuple[float, ...]
    seeds: int
    spearman: float = Field(description="Rank correlation, mean over seeds; positive where it rises.")
    p_value: float | None = Field(
        description="Of one linear contrast per seed, of ranks and of values: t-tests over seeds, two-sided, "
        "the larger of the two; null below 3 seeds."
    )
    p_holm: float | None = Field(default=None, description="After Holm's correction over claims 2 and 3.")


class _AtForward(Model):
    tau_f: float


class _AtBackward(Model):
    tau_b: float


# The fields of the last base come first in the JSON.
class ForwardTrend(Trend, _AtBackward):
    """A measurement along tau_f at one value of tau_b."""


class BackwardTrend(Trend, _AtForward):
    """A measurement along tau_b at one value of tau_f."""


class ConvergenceResult(Model):
    """How far one method is ahead of another over the training; positive is ahead."""

    area: float = Field(description="Mean over the training of the lead of its best value so far.")
    share: float | None = Field(description="The same over the range of both curves.")
    p_value: float | None
    p_holm: float | None = None
    seeds: int
    missing: int = Field(description="Seeds left out, because one of the two has no whole curve.")
    epochs_saved: float = Field(description="By which it has sooner what the worse of the two ever has.")


Numbers = ForwardTrend | BackwardTrend | ConvergenceResult | Gain | Difference | dict[str, Difference]


class ClaimPart(Model):
    """One piece of evidence."""

    what: str
    status: ClaimStatus
    reason: str
    figure: str | None = None
    counts: bool = Field(default=True, description="Whether the claim stands or falls with it.")
    numbers: Numbers = Field(
        default_factory=dict,
        description="A comparison, a trend, or a comparison for each rival; empty where there is none.",
    )


class Claim(Model):
    """One claim of the paper and what this study says of it."""

    claim: str
    status: ClaimStatus
    reason: str
    figures: tuple[str, ...]
    parts: tuple[ClaimPart, ...]


# --- all of it ---


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


class RuleWinner(Model):
    """What a rule for the score would have selected."""

    method: str
    trial: int
    objective: float


class ScoreRules(Model):
    """When the score is taken, and what another rule would have selected among the trials of the search."""

    rule: str
    winners: dict[str, RuleWinner] = Field(description="By the best and by the last report.")
    overfit: int = Field(description="Trials that end worse than their best report, beyond their noise.")
    trials: int
    note: str | None = Field(description="Where the rules disagree.")


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


class EqualBudget(Model):
    """What k trials off the diagonal and k on it find, expected, selected and scored on different seeds."""

    trials: tuple[int, ...] = Field(description="k.")
    off_diagonal: tuple[float, ...] = Field(description="The expected objective of the best of k.")
    diagonal: tuple[float, ...]
    gain: tuple[float, ...] = Field(description="Of off the diagonal, positive where it is better.")


class ConfirmationResult(Model):
    """How the confirmation went."""

    looks: tuple[int, ...] = Field(description="Fresh seeds at each planned look.")
    seeds: int = Field(description="Fresh seeds that were trained.")
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
