"""A study's verdict in one line, or why there is none.

All surfaces (list, page, API, command line, report, MLflow) take the line from here, so that they use the
same words.
"""

from tuner.evidence.over_seeds import Gain
from tuner.evidence.verdicts import Verdict
from tuner.ledger.rows import StudyState

# Why there is no verdict, by the study's state; that of a study that has succeeded depends on its results.
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
        verdict: of its results; None where they have not been computed.
        gain: on which the verdict rests; None where there is none.
    """
    if verdict not in (None, Verdict.NONE):
        return str(verdict)
    measured = "not confirmed on fresh seeds" if gain is not None else "nothing to compare"
    return f"{Verdict.NONE}: {_WHY.get(state, measured)}"
