"""The errors that a spec's validators raise, with the text that users see. pydantic collects them, and
messages.py makes FieldErrors of them.
"""

from collections.abc import Sequence

from trainables.errors import OptionError
from tuner.errors import FieldError, shown


class InvalidError(ValueError):
    """Errors of one or several fields. Their names are relative to the field that is validated; "" is that
    field itself.
    """

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = tuple(errors)


def wrong(message: str, *got: object) -> InvalidError:
    """The error of the field that is validated: `message` says what the value must be ("must be ..."); `got`
    is the value that came, if it is to be shown.
    """
    return InvalidError([FieldError("", message, shown(got[0]) if got else None)])


def option_error(field: str, error: Exception) -> FieldError:
    """The error of `trainables` about the options of a task or dataset, as the error of that option in the
    spec's `field` (options or dataset_options).

    A user's task may raise another exception instead of an OptionError; that becomes an error of the whole
    field.
    """
    if isinstance(error, OptionError):
        return FieldError(f"{field}.{error.field}", error.message, error.got)
    return FieldError(field, " ".join(str(error).split()))
