"""Errors that a user sees: each is one sentence that says what was expected, what came, and what to do."""


class UserError(Exception):
    """Something the user can put right. The command line prints its message and ends with exit code 2."""


class AwayError(UserError):
    """A database cannot be reached; whether the last transaction was committed is not known. It may pass by itself."""
