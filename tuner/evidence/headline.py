"""A study's verdict in one line, or the reason why there is none.

It is made here only, so that the list, the page, the API, the command line, the report and MLflow use the
same words.
"""

from tuner.evidence.over_seeds import Gain
from tuner.evidence.verdicts import Verdict
from tuner.ledger.rows import StudyState

# What has succeeded has its own reason.
_WHY = {
    StudyState.QUEUED: "not started yet",
    StudyState.RUNNING: "still running",
    StudyState.INTERRUPTED: "interrupted",
    StudyState.CANCELLED: "cancelled",
    StudyState.FAILED: "failed",
}


def headline(state: StudyState, verdict: Verdict | None, gain: Gain | None) -> str:
    """The line: "off the diagonal", "undecided", "no verdict: cancelled", "no verdict: nothing to compare".

    Args:
        state: the study's.
        verdict: what its results say; None while nobody has looked at them.
        gain: what the verdict rests on, if anything.
    """
    if verdict not in (None, Verdict.NONE):
        return str(verdict)
    measured = "not confirmed on fresh seeds" if gain is not None else "nothing to compare"
    return f"{Verdict.NONE}: {_WHY.get(state, measured)}"
