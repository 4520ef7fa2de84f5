"""Errors that a user sees: each is one sentence that says what was expected, what came, and what to do.

    UserError
        SpecError               a spec is not valid; `errors` has a FieldError for each wrong field
        StudyNotFoundError      the ledger has no such study
        ForbiddenByStateError   what was asked for does not go with the study's state
        LeaseLostError          another driver has taken the study over
        AwayError               a database cannot be reached; it may pass by itself
        LedgerError             the database does not do what it should
            LedgerAwayError     both of the last two: the ledger's database cannot be reached

Those of one room alone are defined there: they are UserErrors, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

MOST_FIELD_ERRORS = 50  # reported at once; a text with more errors is hardly a spec
_LONGEST = 80  # characters of what came that are repeated


@dataclass(frozen=True)
class FieldError:
    """One wrong field."""

    field: str  # its path, with dots: search.tau_f.low; "" for the whole
    message: str  # what it must be; it does not repeat what came
    got: str | None = None  # what came, for the one who wrote it: the API leaves it out

    def __str__(self) -> str:
        """The sentence: FIELD: what it must be, got what came."""
        named = f"{self.field}: {self.message}" if self.field else self.message
        return named if self.got is None else f"{named}, got {self.got}"


class UserError(Exception):
    """Something the user can put right. The command line prints its message and ends with `exit_code`."""

    exit_code = 2


class SpecError(UserError):
    """A spec that is not valid."""

    def __init__(self, errors: Sequence[FieldError], more: int = 0) -> None:
        """Keeps the first MOST_FIELD_ERRORS and counts the others; `more` are not among them."""
        self.errors = tuple(errors[:MOST_FIELD_ERRORS])
        self.more = more + len(errors) - len(self.errors)
        others = f"; and {self.more} more" if self.more else ""
        super().__init__(f"the spec is not valid: {'; '.join(map(str, self.errors))}{others}")


class StoppedError(UserError):
    """The user stopped a study by Ctrl-C, or a signal did; it can be resumed."""

    exit_code = 130  # as that of a process that SIGINT ends


class StudyNotFoundError(UserError):
    """The ledger has no such study."""


class ForbiddenByStateError(UserError):
    """What was asked for does not go with the state that the study is in."""


class AwayError(UserError):
    """A database cannot be reached; whether the last transaction was committed is not known. It may pass by
    itself.
    """


class LedgerError(UserError):
    """The database does not do what it should: it is locked, full, or gone."""


class LedgerAwayError(LedgerError, AwayError):
    """The connection to the database was lost, or cannot be had."""


class LeaseLostError(UserError):
    """Another driver has taken the study over; this one must stop without writing."""


def shown(value: object) -> str | None:
    """What came, in few words, for the one who wrote it."""
    text = None
    match value:
        case str():
            text = repr(value[:_LONGEST])
        case bool() | None:
            text = {True: "true", False: "false", None: "null"}[value]
        case int() if abs(value) >= 10**20:
            text = "a number of many digits"  # Python refuses to print thousands of them
        case int() | float():
            text = str(value)
        case list() | tuple():
            text = "a list"
        case Mapping():
            text = "a mapping"
    return text
