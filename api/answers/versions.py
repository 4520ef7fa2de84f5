"""Versions of what is said of a study, by which answers are kept, here and by clients (as ETags)."""

from importlib.metadata import version

from tuner.ledger.rows import TERMINAL_STUDY_STATES, StudyRow

VERSION = version("straight-through-tuner")


def etag(row: StudyRow, position: int | None = None) -> str:
    """Changes with every change of a study or its trials, and with this program, which may say more of it.
    The state is in it because a lease runs out without a write; the position in the queue, of a study that
    waits, because it changes with the other studies.
    """
    waits = "" if position is None else f"{position}-"
    return f'"{row.revision}-{row.state}-{waits}{VERSION}"'


def found_version(row: StudyRow) -> str:
    """Changes with what a study has found, and with this program. Where the study has ended that is its end:
    tags, a comment, and what MLflow gets of it later change nothing of what it found.
    """
    if row.state in TERMINAL_STUDY_STATES and row.finished_at is not None:
        return f"{row.finished_at.timestamp():.6f}-{row.state}-{VERSION}"
    return f"{row.revision}-{row.state}-{VERSION}"


def found_etag(row: StudyRow) -> str:
    """The ETag of what is made of what a study has found."""
    return f'"{found_version(row)}"'
