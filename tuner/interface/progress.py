"""How far a study is, as Python sees it."""

from dataclasses import dataclass

from tuner.ledger.rows import StudyState


@dataclass(frozen=True)
class Progress:
    """How far a study is."""

    state: StudyState
    trials: int  # that have ended
    trials_total: int  # planned; a study may add some, or end with fewer
    share: float  # of the planned training that is done, from 0 to 1; 1 once the study has succeeded
    stage: str  # what is trained after the search, such as "refining optima"; "" during the search
    best: str  # objective and configuration of the best trial so far; "" while there is none
