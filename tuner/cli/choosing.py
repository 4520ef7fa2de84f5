"""`--filter` and `--sort` of `tuner trials`."""

import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trainables.errors import unknown
from tuner.errors import UserError

if TYPE_CHECKING:
    from tuner.evidence.trial_result import TrialResult  # pydantic takes time to import

TEXTS = ("role", "estimator", "state")
NUMBERS = ("number", "tau_f", "tau_b", "lr", "objective")
NONE = "none"  # a number that a trial does not have
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne, "=": operator.eq, "<": operator.lt,
    ">": operator.gt,
}  # fmt: skip
_CONDITION = re.compile(rf"\s*([\w.]+)\s*({'|'.join(_OPERATORS)})\s*(.+?)\s*")


@dataclass(frozen=True)
class Condition:
    """What a trial must be: `tau_f=0`, `objective<0.1`, `state!=failed`."""

    field: str
    sign: str
    value: str | float | None

    def holds(self, trial: "TrialResult") -> bool:
        """Whether it is so. A number that is not there is unlike any other, and neither less nor more."""
        there = value_of(trial, self.field)
        if self.sign not in ("=", "!=") and (there is None or self.value is None):
            return False
        return _OPERATORS[self.sign](there, self.value)


def chosen(
    trials: Sequence["TrialResult"], conditions: Iterable[str], sort: str | None
) -> list["TrialResult"]:
    """The trials for which all conditions hold, sorted by a field; `-FIELD` from the highest down. Those
    without a value come last. Raises UserError.
    """
    parsed = [condition(text, trials) for text in conditions]
    found = [trial for trial in trials if all(one.holds(trial) for one in parsed)]
    if sort is None:
        return found
    field, descending = sort.removeprefix("-"), sort.startswith("-")
    _known(field, trials)
    there = [trial for trial in found if value_of(trial, field) is not None]
    without = [trial for trial in found if value_of(trial, field) is None]
    return sorted(there, key=lambda trial: value_of(trial, field), reverse=descending) + without


def condition(text: str, trials: Sequence["TrialResult"]) -> Condition:
    """Parses a condition; the fields are those that some trial has. Raises UserError."""
    match = _CONDITION.fullmatch(text)
    if not match:
        raise UserError(f"--filter must be like state=succeeded, tau_f=0 or 'objective<0.1', got {text!r}")
    field, sign, value = match.groups()
    _known(field, trials)
    if field in TEXTS:
        if sign not in ("=", "!="):
            raise UserError(f"--filter {text!r}: {field} is text, which only = and != compare")
        return Condition(field, sign, value)
    if value == NONE:
        return Condition(field, sign, None)
    try:
        return Condition(field, sign, float(value))
    except ValueError:
        raise UserError(f"--filter {text!r}: {field} is compared with a number, or with {NONE}") from None


def value_of(trial: "TrialResult", field: str) -> Any:
    """A field of a trial; of the objective and of metrics the mean over seeds."""
    if field == "objective":
        return trial.objective.mean
    if field in TEXTS or field in NUMBERS:
        return getattr(trial, field)
    settings = trial.settings
    if field in settings:
        return settings[field]
    summary = trial.metrics.get(field)
    return summary.mean if summary else None


def _known(field: str, trials: Sequence["TrialResult"]) -> None:
    metrics = sorted({name for trial in trials for name in trial.metrics})
    settings = (pair for trial in trials for pair in trial.settings.items())
    searched = sorted({name for name, value in settings if not isinstance(value, tuple)})
    names = [*NUMBERS, *searched, *TEXTS, *metrics]
    if field not in names:
        raise UserError(f"{field!r} {unknown(field, 'a field of a trial', names, have='there are')}")
