"""A strategy proposes trials. It is a function of the ledger and holds no state, so a study resumes from the ledger alone."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from enum import Enum

from tuner.rows import Proposal, TrialRow


class Signal(Enum):
    """What a strategy answers when it proposes nothing."""

    WAIT = "wait"  # for running trials to be told
    DONE = "done"  # nothing is left to propose


class Strategy(ABC):
    """Proposes trials of one study."""

    @abstractmethod
    def suggest(self, history: Sequence[TrialRow], n: int) -> list[Proposal] | Signal:
        """From 1 to n proposals that the history lacks; or WAIT, only while some trial runs; or DONE.

        Confirmations and controls never come in one answer with other roles: they may be trained on other seeds.
        """


def lacking(wanted: Iterable[Proposal], history: Sequence[TrialRow]) -> list[Proposal]:
    """The proposals that the history does not have, in their order."""
    have = {trial.proposal.key for trial in history}
    return [p for p in wanted if p.key not in have]
