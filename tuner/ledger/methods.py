"""What a trial trains, as values: a Variant (everything of a configuration but its estimator, temperatures
and learning rate) and a Method (a configuration, whatever its role in a study). A Method says whether it lies
off the diagonal, on it, or is argmax.

In the evidence and the results "method" is also the name of a group of such configurations: off_diagonal,
argmax, diagonal, or a baseline's estimator (evidence/selection.py). A variant is kept in the database as a
JSON object with sorted keys, or as an empty text where it is empty; only this file reads and writes that
text.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tuner.errors import LedgerError
from tuner.ledger.kept import kept, slot

# The estimators that the analysis knows by name: softmax ST at tau is decoupled ST at (tau, tau).
DECOUPLED, SOFTMAX = "decoupled", "softmax"


# The value of one setting of the optimiser: a number, the pair `betas`, or None for no clipping.
Setting = float | tuple[float, float] | None


class Segment(NamedTuple):
    """A part of a schedule: temperatures and learning rate from an epoch on."""

    epoch: float
    tau_f: float
    tau_b: float
    lr: float


@dataclass(frozen=True)
class Variant:
    """What a configuration is trained with beside its estimator, temperatures and learning rate. A variant
    without any of it is false in a condition.
    """

    schedule: tuple[Segment, ...] = ()  # temperatures that change; the first segment is the trial's own
    logit_scale: float | None = None  # factor of the logit layer's initial values and learning rate
    # The settings of the optimiser that the study searches, as pairs (name, value), by name.
    optimizer: tuple[tuple[str, Setting], ...] = ()

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> "Variant":
        """The variant with these fields, as its JSON has them. Raises LedgerError where they are not
        valid.
        """
        try:
            segments = tuple(Segment(*map(float, segment)) for segment in fields.get("schedule", ()))
            scale = fields.get("logit_scale")
            chosen = chosen_settings(fields.get("optimizer", {}))
            variant = cls(segments, None if scale is None else float(scale), chosen)
        except (TypeError, ValueError, AttributeError) as error:
            raise _not_a_variant(fields) from error
        if not fields.keys() <= {"schedule", "logit_scale", "optimizer"}:
            raise _not_a_variant(fields)
        return variant

    @classmethod
    def parse(cls, text: str) -> "Variant":
        """The variant of a text from the database. Raises LedgerError where the text is not valid."""
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
        """The fields of its JSON; empty ones are left out."""
        fields: dict[str, Any] = {}
        if self.logit_scale is not None:
            fields["logit_scale"] = self.logit_scale
        if self.optimizer:
            fields["optimizer"] = {
                name: list(value) if isinstance(value, tuple) else value for name, value in self.optimizer
            }
        if self.schedule:
            fields["schedule"] = [list(segment) for segment in self.schedule]
        return fields

    @property
    def text(self) -> str:
        """The text in the database: JSON with sorted keys; "" for an empty variant."""
        return json.dumps(self.fields, sort_keys=True) if self else ""

    def __bool__(self) -> bool:
        return bool(self.schedule or self.optimizer) or self.logit_scale is not None

    @property
    def steady(self) -> bool:
        """Whether temperatures stay the same during training and logits have their usual scale. Only such
        trials can be compared as points in the plane of the temperatures.
        """
        return not self.schedule and self.logit_scale is None

    @property
    def optimizer_words(self) -> list[str]:
        """The optimiser's settings as people read them: ["weight_decay 0.01"]."""
        return [f"{name} {setting_text(value)}" for name, value in self.optimizer]


PLAIN = Variant()


def chosen_settings(given: Mapping[str, Any]) -> tuple[tuple[str, Setting], ...]:
    """Settings of the optimiser, {name: value} as JSON has them, as pairs (name, value) in the order of the
    names. Raises TypeError or ValueError for a value that is no Setting.
    """
    return tuple((str(name), _setting(given[name])) for name in sorted(given))


def settings_by_name(variants: Iterable[Variant]) -> dict[str, list[Setting]]:
    """The optimiser's fields that any of the variants has: {name: the value of each variant}, None for a
    variant without that field.
    """
    chosen = [dict(variant.optimizer) for variant in variants]
    names = sorted({name for settings in chosen for name in settings})
    return {name: [settings.get(name) for settings in chosen] for name in names}


def _setting(value: Any) -> Setting:
    if isinstance(value, list | tuple):
        first, second = value
        return float(first), float(second)
    return None if value is None else float(value)


def setting_text(value: Setting) -> str:
    """A setting as people read it: 0.01, "0.9 0.999" or "none"."""
    if isinstance(value, tuple):
        return " ".join(f"{x:g}" for x in value)
    return "none" if value is None else f"{value:g}"


def _not_a_variant(given: object) -> LedgerError:
    return LedgerError(
        "a trial's variant must be a JSON object with a schedule, a list of [epoch, tau_f, tau_b, lr], a "
        f"logit_scale, a number, or an optimizer, a mapping of its fields; got {given!r}; was it "
        "written by a newer version?"
    )


@dataclass(frozen=True, slots=True)
class Method:
    """A configuration, whatever its role. Softmax ST at tau is decoupled ST at (tau, tau), so both are the
    same Method.
    """

    estimator: str  # never softmax
    tau_f: float | None
    tau_b: float | None
    lr: float
    variant: Variant = PLAIN
    _off_diagonal: bool = slot()

    @kept
    def off_diagonal(self) -> bool:
        """Whether it is decoupled ST with tau_f != tau_b, at least for a part of its training."""
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
