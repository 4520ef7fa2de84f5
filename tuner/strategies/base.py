"""A strategy proposes trials. It is a function of the ledger and holds no state, so a study resumes from the
ledger alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tuner.ledger.rows import Continuation, Proposal, Role, TrialRow, TrialState


class Signal(Enum):
    """What a strategy answers when it proposes nothing."""

    WAIT = "wait"  # for running trials to be told
    DONE = "done"  # nothing is left to propose


@dataclass(frozen=True)
class Decision:
    """What becomes of trials that are queued at a rung. It is written to the ledger as a whole, and the
    strategy is asked again.

    A queued trial for which it is decided has a source.
    """

    go_on: Sequence[Continuation]
    stop: Mapping[int, str] = field(default_factory=dict)  # trial number -> why, in one sentence


@dataclass(frozen=True)
class Continue:
    """Queued trials, all of one rung and all decided, that are to be trained on: their numbers, at most as
    many as asked for.
    """

    numbers: Sequence[int]


Answer = list[Proposal] | Decision | Continue | Signal


class Strategy(ABC):
    """Proposes trials of one study."""

    @abstractmethod
    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """From 1 to n proposals that the history lacks; or WAIT, only while some trial runs; or DONE.

        Confirmations and controls never come in one answer with other roles: they may be trained on other
        seeds. A strategy with rungs also answers what becomes of the trials there.
        """

    def rung(self, role: Role, interval: int) -> int | None:  # noqa: ARG002  # most have none
        """The report interval at which a trial of that role, trained so far up to `interval`, pauses next.

        There it is queued until the strategy decides. None: it is trained to its end.
        """
        return None


def lacking(wanted: Iterable[Proposal], history: Sequence[TrialRow]) -> list[Proposal]:
    """The proposals that the history does not have, in their order."""
    have = {trial.proposal.key for trial in history}
    return [p for p in wanted if p.key not in have]


def continuing(history: Sequence[TrialRow], n: int) -> Continue | None:
    """Up to n of the queued trials for which it is decided, those of the earliest rung first; None where
    there are none.
    """
    decided = [t for t in history if t.state is TrialState.QUEUED and t.source is not None]
    first = min((t.intervals for t in decided), default=0)
    together = [t.number for t in decided if t.intervals == first]
    if not together:
        return None
    parts = -(-len(together) // n)
    return Continue(together[: -(-len(together) // parts)])  # equal parts: 10 and 10 rather than 16 and 4
