"""The contract of a strategy, which proposes trials. It is a function of a study's trials in the ledger and
holds no state, so a study can be resumed from the ledger alone.
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
    """Which of the trials queued at a rung continue, and which are stopped. It is written to the ledger in
    one transaction, and then the strategy is asked again. A queued trial that is to continue has a `source`
    then.
    """

    go_on: Sequence[Continuation]
    stop: Mapping[int, str] = field(default_factory=dict)  # trial number -> why, in one sentence


@dataclass(frozen=True)
class Continue:
    """Numbers of queued trials that are to be trained further: all of one rung, all with a `source`, and at
    most as many as were asked for.
    """

    numbers: Sequence[int]


Answer = list[Proposal] | Decision | Continue | Signal


class Strategy(ABC):
    """Proposes trials of one study."""

    @abstractmethod
    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """What to do next, for a study with the trials `history`: from 1 to n proposals that it lacks; or
        WAIT, only while some trial runs; or DONE.

        Proposals with the role confirm or control never come in one answer with other roles, because they may
        be trained on other seeds. A strategy with rungs may also answer a Decision or a Continue.
        """

    def rung(self, role: Role, interval: int) -> int | None:  # noqa: ARG002  # most have none
        """The next report interval at which a trial of that role pauses, after `interval`. There it is queued
        until the strategy decides. None: it is trained to its end.
        """
        return None


def lacking(wanted: Iterable[Proposal], history: Sequence[TrialRow]) -> list[Proposal]:
    """The proposals that the history does not have, in their order."""
    have = {trial.proposal.key for trial in history}
    return [p for p in wanted if p.key not in have]


def continuing(history: Sequence[TrialRow], n: int) -> Continue | None:
    """Up to n of the queued trials that are to continue, those of the earliest rung first; None where there
    are none.
    """
    decided = [t for t in history if t.state is TrialState.QUEUED and t.source is not None]
    first = min((t.intervals for t in decided), default=0)
    together = [t.number for t in decided if t.intervals == first]
    if not together:
        return None
    parts = -(-len(together) // n)
    return Continue(together[: -(-len(together) // parts)])  # equal parts: 10 and 10 rather than 16 and 4
