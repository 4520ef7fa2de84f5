"""A trial's row in the results, which all surfaces show."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema

from tuner.evidence.over_seeds import Model, Summary
from tuner.ledger.methods import Setting, Variant
from tuner.ledger.rows import Role, TrialRow, TrialState


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
        "optimizer": {
            "type": "object",
            "additionalProperties": {
                "anyOf": [
                    {"type": "number"},
                    {"type": "null"},
                    {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
                ]
            },
            "description": "What the search chose of the optimiser's fields.",
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
        """The row of a trial of the ledger."""
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

    @property
    def numbers(self) -> list[str]:
        """tau_f, tau_b and the learning rate as people read them: a dash for a temperature that it does not
        have, and after the learning rate the optimiser's settings that the search chose.
        """
        taus = ["-" if value is None else f"{value:g}" for value in (self.tau_f, self.tau_b)]
        return [*taus, ", ".join([f"{self.lr:g}", *self.optimizer_words])]

    @property
    def settings(self) -> dict[str, Setting]:
        """The optimiser's settings that the search chose, {name: value}."""
        return {} if self.variant is None else dict(self.variant.optimizer)

    @property
    def optimizer_words(self) -> list[str]:
        """The optimiser's settings that the search chose, as people read them."""
        return [] if self.variant is None else self.variant.optimizer_words


def shown(trial: TrialRow | None) -> TrialResult | None:
    """The row of a trial; None where there is no trial."""
    return None if trial is None else TrialResult.of(trial)
