"""What a spec's validators raise where a value is wrong. pydantic collects it, and messages.py tells it."""

from collections.abc import Sequence

from trainables.errors import OptionError
from tuner.errors import FieldError, shown


class InvalidError(ValueError):
    """Wrong fields, named from the field that is validated on; "" is that field itself."""

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)


def wrong(message: str, *got: object) -> InvalidError:
    """The error of the field that is validated: what it must be, and what came if that is to be shown."""
    return InvalidError([FieldError("", message, shown(got[0]) if got else None)])


def option_error(field: str, error: Exception) -> FieldError:
    """What a check of `trainables` says about the options in a field of the spec, at the option it names.

    A task of a user's own may raise a plain ValueError, or stumble over a value of another type: that is told
    of the options as a whole.
    """
    if isinstance(error, OptionError):
        return FieldError(f"{field}.{error.field}", error.message, error.got)
    return FieldError(field, " ".join(str(error).split()))
