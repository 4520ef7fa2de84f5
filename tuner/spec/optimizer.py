"""A spec's field `optimizer`: what Adam is given beside its learning rate.

A field that is a list is searched, like the learning rates: every configuration is tuned over each of its
values.
"""

import math
from itertools import product
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from tuner.spec.invalid import wrong
from tuner.spec.temperatures import Number, Strict

MOST_VALUES = 100  # of one field
MOST_CHOICES = 1000  # combinations of all of them

Decay = Annotated[Number, Field(ge=0, le=100)]
Beta = Annotated[Number, Field(ge=0, lt=1)]
Betas = tuple[Beta, Beta]
Norm = Annotated[Number, Field(gt=0, le=1e30)] | None
Share = Annotated[Number, Field(ge=0, lt=1)]


def _kind(given: Any) -> str:
    """Which of the two it is, so that only the complaints of that one are heard."""
    return "list" if isinstance(given, list) else "value"


def _kind_of_betas(given: Any) -> str:
    """A pair is one value; a list of pairs is several."""
    return "list" if isinstance(given, list) and any(isinstance(x, list | tuple) for x in given) else "value"


def _several(given: list[Any]) -> list[Any]:
    if not 1 <= len(given) <= MOST_VALUES:
        raise wrong(f"must have from 1 to {MOST_VALUES} values", len(given))
    if len({*given}) != len(given):
        raise wrong("must not name a value twice")
    return given


def _unpacked(given: Any) -> Any:
    """A list of one is that value."""
    return given[0] if isinstance(given, list) and len(given) == 1 else given


_Several = AfterValidator(_several)
_Unpacked = AfterValidator(_unpacked)


class OptimizerSpec(Strict):
    """Of every trial of a study. The defaults are torch.optim.Adam's; with weight decay it is AdamW."""

    weight_decay: Annotated[
        Annotated[Decay, Tag("value")] | Annotated[list[Decay], _Several, Tag("list")],
        Discriminator(_kind),
        _Unpacked,
    ] = Field(
        default=0.0,
        description="Decoupled, as in AdamW: a step takes lr * weight_decay of a weight away. A list is "
        "searched.",
    )
    betas: Annotated[
        Annotated[Betas, Tag("value")] | Annotated[list[Betas], _Several, Tag("list")],
        Discriminator(_kind_of_betas),
        _Unpacked,
    ] = Field(default=(0.9, 0.999), description="Decay of the two moments. A list of pairs is searched.")
    clip_norm: Annotated[
        Annotated[Norm, Tag("value")] | Annotated[list[Norm], _Several, Tag("list")],
        Discriminator(_kind),
        _Unpacked,
    ] = Field(
        default=None,
        description="Largest norm of a member's whole gradient; none: not clipped. A list is searched.",
    )
    schedule: Literal["constant", "cosine", "linear"] = Field(
        default="constant", description="Of the learning rate after the warmup; cosine and linear end at 0."
    )
    warmup: Annotated[
        Annotated[Share, Tag("value")] | Annotated[list[Share], _Several, Tag("list")],
        Discriminator(_kind),
        _Unpacked,
    ] = Field(
        default=0.0,
        description="Share of the training in which the learning rate rises from 0. A list is searched.",
    )

    @model_validator(mode="after")
    def _countable(self) -> "OptimizerSpec":
        combinations = math.prod(map(len, self.searched.values()))
        if combinations > MOST_CHOICES:
            raise wrong(f"its lists must have at most {MOST_CHOICES} combinations", combinations)
        return self

    @property
    def searched(self) -> dict[str, list[Any]]:
        """The fields that are searched, with their values."""
        return {
            name: value for name in type(self).model_fields if isinstance(value := getattr(self, name), list)
        }

    @property
    def choices(self) -> list[dict[str, Any]]:
        """What a trial may be given of the fields that are searched: every combination, {} where there are
        none.
        """
        searched = self.searched
        return [dict(zip(searched, values, strict=True)) for values in product(*searched.values())]

    @property
    def clips(self) -> bool:
        """Whether gradients of some trial are clipped."""
        norms = self.clip_norm if isinstance(self.clip_norm, list) else [self.clip_norm]
        return any(norm is not None for norm in norms)

    @property
    def settings(self) -> dict[str, Any]:
        """The fields that all trials have alike, as trainables.optim.Optimizer.of takes them."""
        return self.model_dump(mode="json", exclude=set(self.searched))
