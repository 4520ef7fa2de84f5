"""What is trained, as values: a variant (what a configuration has beside its estimator, temperatures and
learning rate) and a method (a configuration whatever its role in a study).

A variant is kept in the database as a JSON object with sorted keys, and as an empty text where there is
nothing to say; only this file reads and writes that text.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from tuner.errors import LedgerError

# The estimators that the analysis knows by name: softmax ST at tau is decoupled ST at (tau, tau).
DECOUPLED, SOFTMAX = "decoupled", "softmax"


class Segment(NamedTuple):
    """Of a schedule: what holds from an epoch on."""

    epoch: float
    tau_f: float
    tau_b: float
    lr: float


@dataclass(frozen=True)
class Variant:
    """What a configuration is trained with beside its estimator, temperatures and learning rate; it is false
    where that is nothing.
    """

    schedule: tuple[Segment, ...] = ()  # temperatures that change; the first segment is the trial's own
    logit_scale: float | None = None  # of the logit layer's initial values and learning rate

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Variant":
        """From the fields of its JSON. Raises LedgerError where they are none of a variant."""
        try:
            segments = tuple(Segment(*map(float, segment)) for segment in fields.get("schedule", ()))
            scale = fields.get("logit_scale")
            variant = cls(segments, None if scale is None else float(scale))
        except (TypeError, ValueError) as error:
            raise _not_a_variant(fields) from error
        if not fields.keys() <= {"schedule", "logit_scale"}:
            raise _not_a_variant(fields)
        return variant

    @classmethod
    def parse(cls, text: str) -> "Variant":
        """From the text in the database. Raises LedgerError."""
        if not text:
            return PLAIN
        try:
            fields = json.loads(text)
        except ValueError as error:
            raise _not_a_variant(text) from error
        if not isinstance(fields, dict):
            raise _not_a_variant(text)
        return cls.of(fields)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of its JSON: those that say something."""
        said: dict[str, Any] = {}
        if self.logit_scale is not None:
            said["logit_scale"] = self.logit_scale
        if self.schedule:
            said["schedule"] = [list(segment) for segment in self.schedule]
        return said

    @property
    def text(self) -> str:
        """As it is in the database: JSON with sorted keys; "" where it is nothing."""
        return json.dumps(self.fields, sort_keys=True) if self else ""

    def __bool__(self) -> bool:
        return bool(self.schedule) or self.logit_scale is not None


PLAIN = Variant()


def _not_a_variant(given: object) -> LedgerError:
    return LedgerError(
        "a trial's variant must be a JSON object with a schedule, a list of [epoch, tau_f, tau_b, lr], or a "
        f"logit_scale, a number; got {given!r}; was it written by a newer version?"
    )


@dataclass(frozen=True)
class Method:
    """What was trained, whatever its role. Softmax ST at tau is decoupled ST at (tau, tau): one method, not
    two.
    """

    estimator: str  # never softmax
    tau_f: float | None
    tau_b: float | None
    lr: float
    variant: Variant = PLAIN

    @cached_property
    def off_diagonal(self) -> bool:
        """Whether it is decoupled ST with tau_f != tau_b, at some time of its training."""
        pairs = [(self.tau_f, self.tau_b), *((s.tau_f, s.tau_b) for s in self.variant.schedule)]
        return self.estimator == DECOUPLED and any(tau_f != tau_b for tau_f, tau_b in pairs)

    @property
    def on_diagonal(self) -> bool:
        """Whether it is decoupled ST with tau_f = tau_b throughout its training."""
        return self.estimator == DECOUPLED and not self.off_diagonal

    @property
    def is_argmax(self) -> bool:
        """Whether it is decoupled ST without noise, tau_f = 0, throughout its training."""
        forward = [self.tau_f, *(s.tau_f for s in self.variant.schedule)]
        return self.estimator == DECOUPLED and all(tau_f == 0 for tau_f in forward)
