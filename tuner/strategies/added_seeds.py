"""The strategy of a study to which fresh seeds were added after its end: trains the confirmed configurations
on each added block of seeds.

Nothing is searched or selected again, so the earlier results stay as they are, even if a later version of
this program would select otherwise.
"""

from collections.abc import Sequence
from dataclasses import replace

from tuner.ledger.rows import Proposal, Role, TrialRow
from tuner.strategies.base import Signal, Strategy, lacking


class AddedSeeds(Strategy):
    """Proposes the confirmed configurations once more, on blocks of fresh seeds after those of the looks."""

    def __init__(self, *, looks: int, blocks: int) -> None:
        """A strategy for a study that has had its looks.

        Args:
            looks: how many blocks of fresh seeds were planned, one for each look.
            blocks: how many blocks were added.
        """
        self._looks, self._blocks = looks, blocks

    def suggest(self, history: Sequence[TrialRow], n: int) -> list[Proposal] | Signal:
        """Up to n confirmations that the history does not have, all of the same block."""
        first = [t.proposal for t in history if t.role is Role.CONFIRM and t.look == 0]
        for look in range(self._looks, self._looks + self._blocks):
            if missing := lacking((replace(p, look=look) for p in first), history):
                return missing[:n]
        return Signal.DONE
