"""Which report of a training gives a trial's score: the best one, the last, or that of a given epoch.

A network that overfits is worse at its end than earlier, and in practice training is stopped early. The best
report is chosen on one half of the validation examples, and confirmed trials are measured on the other half
at that report, so that the choice does not inflate their scores. Trials of a search are both chosen and
measured on the first half, because they are only compared with each other to select some of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

BEST, LAST = "best", "last"
SCORE_TABLES = ("chosen_by", "value", "epoch")  # of a Score's state, [S, T] each
SCORE, SCORE_EPOCH = "score", "score_epoch"  # metrics that every report carries


@dataclass(frozen=True)
class ScoreRule:
    """Which report of a training is its score.

    Args:
        at: "best", "last", or the epoch whose report counts: the first one at or after it.
        confirms: whether the score is measured on the other half of the validation examples than the one by
            which the report is chosen, and the parameters of that report are kept for the test set.
    """

    at: str | float = LAST
    confirms: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.at, str) and self.at not in (BEST, LAST):
            raise ValueError(f"a score is taken at {BEST!r}, at {LAST!r} or at an epoch. Got {self.at!r}.")

    @property
    def keeps_parameters(self) -> bool:
        """Whether the parameters of the scored report may be others than those at the end."""
        return self.confirms and self.at != LAST


@dataclass
class Score:
    """The score so far of every member."""

    chosen_by: Tensor  # [S, T] objective on the half that chooses the report; NaN before the first
    value: Tensor  # [S, T] objective on the half that measures
    epoch: Tensor  # [S, T] of the scored report
    kept: dict[str, Tensor]  # parameters at that report, {name: [S, T, ...]}; empty where they are not kept

    @classmethod
    def none(cls, shape: tuple[int, int], device: torch.device) -> "Score":
        """Before the first report, for [S, T] members."""
        empty = torch.full(shape, torch.nan, dtype=torch.float64, device=device)
        return cls(empty, empty.clone(), empty.clone(), {})

    def take(
        self,
        rule: ScoreRule,
        epoch: float,
        *,
        chosen_by: Tensor,
        value: Tensor,
        parameters: Mapping[str, Tensor],
        minimize: bool,
    ) -> None:
        """Takes in a report: `chosen_by` and `value` are its objective [S, T] on the two halves.

        A member that has diverged at this report (NaN) has no score from then on: it is not stopped early
        before it fails, because whoever trains it does not know that it will.
        """
        chosen_by, value = chosen_by.double(), value.double()
        if rule.at == BEST:
            better = chosen_by < self.chosen_by if minimize else chosen_by > self.chosen_by
            taken = better | self.chosen_by.isnan()
        elif rule.at == LAST:
            taken = torch.ones_like(chosen_by, dtype=torch.bool)
        else:
            taken = (self.epoch.isnan() | (self.epoch < float(rule.at))).expand_as(chosen_by).clone()
        taken |= chosen_by.isnan() | value.isnan()
        diverged_before = self.chosen_by.isnan() & ~self.epoch.isnan()
        taken &= ~diverged_before
        self.chosen_by = torch.where(taken, chosen_by, self.chosen_by)
        self.value = torch.where(taken, value, self.value)
        self.epoch = torch.where(taken, torch.full_like(self.epoch, epoch), self.epoch)
        if rule.keeps_parameters:
            self.kept = {
                name: torch.where(taken.view(*taken.shape, *(1,) * (p.ndim - 2)), p, self.kept[name])
                if name in self.kept
                else p.clone()
                for name, p in parameters.items()
            }

    def metrics(self) -> dict[str, Tensor]:
        """The score and the epoch that it was taken at, {name: [S, T]}."""
        return {SCORE: self.value, SCORE_EPOCH: self.epoch}

    def state(self) -> dict[str, Any]:
        """For a checkpoint: plain types and tensors."""
        return {**{name: getattr(self, name) for name in SCORE_TABLES}, "kept": self.kept}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Score":
        """The reverse of `state`; shares no memory with it."""
        tables = {name: state[name].clone() for name in SCORE_TABLES}
        return cls(**tables, kept={name: p.clone() for name, p in state["kept"].items()})

    def to(self, device: torch.device) -> "Score":
        """The same score on a device."""
        kept = {name: p.to(device) for name, p in self.kept.items()}
        return Score(self.chosen_by.to(device), self.value.to(device), self.epoch.to(device), kept)
