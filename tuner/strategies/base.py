"""The contract of a strategy, which proposes trials.

Its answer is a function of the study's trials in the ledger, and it holds no state of its own, so a study can
be resumed from the ledger alone.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tuner.ledger.rows import Continuation, Proposal, Role, TrialRow, TrialState


class Signal(Enum):
    """What a strategy answers when it proposes nothing."""

    WAIT = "wait"  # ask again when running trials have reported
    DONE = "done"  # nothing is left to propose


@dataclass(frozen=True)
class Decision:
    """Which of the trials that are queued at a rung continue, and which are stopped.

    It is written to the ledger in one transaction, and then the strategy is asked again. In the ledger the
    trials that are to continue are queued ones that have a `source`.
    """

    go_on: Sequence[Continuation]  # the trials that continue
    stop: Mapping[int, str] = field(default_factory=dict)  # trial number -> why, in one sentence


@dataclass(frozen=True)
class Continue:
    """Queued trials that are to be trained further, as one population: all at the same rung, all with a
    `source`, and at most as many as were asked for.
    """

    numbers: Sequence[int]  # of these trials


Answer = list[Proposal] | Decision | Continue | Signal


class Strategy(ABC):
    """Proposes trials of one study."""

    @abstractmethod
    def suggest(self, history: Sequence[TrialRow], n: int) -> Answer:
        """What to do next.

        Args:
            history: all trials of the study, in the order of their numbers.
            n: how many trials can be started now.

        Returns from 1 to n proposals that the history does not have; or WAIT, only while some trial runs; or
        DONE. A strategy with rungs may also return a Decision or a Continue. Proposals with the role confirm
        or control are never in one answer with other roles, because they may be trained on other seeds.
        """

    def rung(self, role: Role, interval: int) -> int | None:  # noqa: ARG002  # most have none
        """The next report interval after `interval` at which a trial of that role pauses: it is queued there
        until the strategy decides. None where it is trained to its end.
        """
        return None


def lacking(wanted: Iterable[Proposal], history: Sequence[TrialRow]) -> list[Proposal]:
    """Those of the wanted proposals that the history does not have, in the order in which they come."""
    have = {trial.proposal.key for trial in history}
    return [p for p in wanted if p.key not in have]


def continuing(history: Sequence[TrialRow], n: int) -> Continue | None:
    """Up to n of the queued trials that are to continue, all at the earliest rung that has any; None where
    there are none.
    """
    decided = [t for t in history if t.state is TrialState.QUEUED and t.source is not None]
    first = min((t.intervals for t in decided), default=0)
    together = [t.number for t in decided if t.intervals == first]
    if not together:
        return None
    parts = -(-len(together) // n)
    return Continue(together[: -(-len(together) // parts)])  # equal parts: 10 and 10 rather than 16 and 4
