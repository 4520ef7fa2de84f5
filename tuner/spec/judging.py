"""The fields of a spec about judging: which report is the score, how many fresh seeds, which gain matters."""

import math
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tuner.spec.invalid import wrong
from tuner.spec.optimizer import OptimizerSpec
from tuner.spec.temperatures import Count, Number, Strict

MOST_SEEDS = 1000  # fresh ones of one study


def _margin(given: float | str) -> float | str:
    text = str(given).strip()
    try:
        value = float(text.removesuffix("%").strip()) + 0.0  # -0.0 is 0.0
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise wrong(
            "must be a number, 0 or more, in units of the objective, or a share of the diagonal's objective "
            "like "
            "'1 %'",
            given,
        )
    return f"{value:g} %" if text.endswith("%") else value


def _ascending(looks: list[int]) -> list[int]:
    if any(later <= earlier for earlier, later in pairwise(looks)):
        raise wrong("must ascend: how many fresh seeds there are at each look", looks)
    return looks


Margin = Annotated[Number | str, AfterValidator(_margin)]
Boundary = Literal["constant", "obrien-fleming"]
Seeds = Annotated[Count, Field(ge=1, le=MOST_SEEDS)]


class Looks(Strict):
    """Fresh seeds that are added, block by block, until the interval of the gain decides."""

    looks: Annotated[list[Seeds], AfterValidator(_ascending)] = Field(
        min_length=1, max_length=10, description="How many fresh seeds there are at each look; ascending."
    )
    boundary: Boundary = Field(
        default="constant",
        description="constant: every look may decide as easily; obrien-fleming: the first ones hardly ever "
        "do, and the last one as easily as a test without looks.",
    )


class AtEpoch(Strict):
    """A score that is taken at the first report at or after an epoch."""

    epoch: Count = Field(
        ge=1, le=1_000_000, description="The epoch from which on the first report is the score."
    )


# Fields of a spec's mappings other than `search`, by the branch or the field that pydantic names.
BRANCHES: dict[str, type[Strict]] = {"Looks": Looks, "AtEpoch": AtEpoch, "optimizer": OptimizerSpec}
