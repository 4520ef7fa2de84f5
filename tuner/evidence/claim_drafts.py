"""The data that claims are judged by, and the evidence for a part of a claim before the correction for
multiple comparisons.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from trainables.metrics import Metrics
from tuner.evidence.claim_results import ClaimPart, ClaimStatus
from tuner.evidence.curves import Curves
from tuner.evidence.over_seeds import Gain
from tuner.evidence.results import Comparison
from tuner.evidence.selection import Selection
from tuner.ledger.rows import StudyRow, TrialRow

LEVEL = 0.05


@dataclass(frozen=True)
class Evidence:
    """What the claims are judged by, as the analysis has it."""

    study: StudyRow
    trials: Sequence[TrialRow]
    chosen: Selection
    confirmed: Mapping[str, TrialRow]  # by the names of Selection.named
    main: Comparison  # the verdict
    argmax: Comparison | None  # likewise of argmax
    gains: Mapping[str, Gain | None]  # of the best off the diagonal over each baseline
    curves: Curves
    metrics: Metrics  # what the study's task declares


@dataclass(frozen=True)
class Draft:
    """A part before the correction for all parts."""

    what: str
    figure: str | None
    text: str  # what was measured, without the p-value
    right: bool | None = None  # whether it points as claimed; None where it points nowhere
    p_value: float | None = None  # None where there is no test
    counts: bool = True
    numbers: Any = None  # a model with p_holm, or nothing

    def judged(self, p_holm: float | None) -> ClaimPart:
        """The part, with its p-value after the correction."""
        p = self.p_value if p_holm is None else p_holm
        status, text = ClaimStatus.UNDECIDED, self.text
        if p is not None:
            chance = f"p = {p:.2g}" if p >= 1e-12 else "p < 1e-12"
            text = f"{text}, {'adjusted ' if p_holm is not None else ''}{chance}"
            if p < LEVEL and self.right is not None:
                status = ClaimStatus.SUPPORTED if self.right else ClaimStatus.NOT_SUPPORTED
        numbers = self.numbers.model_copy(update={"p_holm": p_holm}) if self.numbers is not None else {}
        return ClaimPart(
            what=self.what,
            status=status,
            reason=text,
            figure=self.figure,
            counts=self.counts,
            numbers=numbers,
        )
