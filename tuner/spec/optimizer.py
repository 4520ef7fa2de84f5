"""A spec's field `optimizer`: what Adam is given beside its learning rate."""

from typing import Annotated, Any, Literal

from pydantic import Field

from tuner.spec.temperatures import Number, Strict

Beta = Annotated[Number, Field(ge=0, lt=1)]


class OptimizerSpec(Strict):
    """Of every trial of a study. The defaults are torch.optim.Adam's; with weight decay it is AdamW."""

    weight_decay: Number = Field(
        default=0.0,
        ge=0,
        le=100,
        description="Decoupled, as in AdamW: a step takes lr * weight_decay of a weight away.",
    )
    betas: tuple[Beta, Beta] = Field(default=(0.9, 0.999), description="Decay of the two moments.")
    clip_norm: Number | None = Field(
        default=None,
        gt=0,
        le=1e30,
        description="Largest norm of a member's whole gradient; none: not clipped.",
    )
    schedule: Literal["constant", "cosine", "linear"] = Field(
        default="constant", description="Of the learning rate after the warmup; cosine and linear end at 0."
    )
    warmup: Number = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the training in which the learning rate rises from 0.",
    )

    @property
    def settings(self) -> dict[str, Any]:
        """As trainables.optim.Optimizer.of takes it."""
        return self.model_dump(mode="json")
