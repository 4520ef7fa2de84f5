"""Errors about what a user gave a task or a dataset: each knows which option it is about."""

from collections.abc import Iterable
from difflib import get_close_matches

_LONGEST = 64  # of a name that a similar one is looked for; the search takes the square of it


class OptionError(ValueError):
    """An option that is unknown, missing or wrong.

    Raise it in an `Options`' __post_init__: the command line and the API then report it for this option. A
    plain ValueError is reported as well, but for the options as a whole.
    """

    def __init__(self, field: str, message: str, got: str | None = None) -> None:
        """Takes the option's name, what it must be ("must be a number, 0 or more"), and what came."""
        super().__init__(f"{field}: {message}" + ("" if got is None else f", got {got}"))
        self.field, self.message, self.got = field, message, got

    def __reduce__(self) -> tuple[type["OptionError"], tuple[str, str, str | None]]:
        """For pickling: Ray's workers send errors to the driver."""
        return OptionError, (self.field, self.message, self.got)


def unknown(name: object, kind: str, names: Iterable[str], have: str = "it has") -> str:
    """The message for a name that is not among `names`, such as "is not an option of this task (did you mean
    units?); it has units, signed". It is to follow the name. `kind` is what the name should be, `have` the
    words before the list of names.
    """
    there = list(names)
    by_lower = {one.lower(): one for one in there}
    close = get_close_matches(str(name)[:_LONGEST].lower(), by_lower, n=1)
    meant = f" (did you mean {by_lower[close[0]]}?)" if close else ""
    return f"is not {kind}{meant}; {have} {', '.join(there) or 'none'}"
