"""Errors that a user sees: each is one sentence that says what was expected, what came, and what to do."""


class UserError(Exception):
    """Something the user can put right. The command line prints its message and ends with exit code 2."""


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
