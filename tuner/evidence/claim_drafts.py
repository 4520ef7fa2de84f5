"""What claims are judged by, and a part of a claim before its p-value is corrected for multiple
comparisons.
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
    """The rows and results that the claims are judged by, as `analysis.results` has them."""

    study: StudyRow
    trials: Sequence[TrialRow]
    chosen: Selection
    confirmed: Mapping[str, TrialRow]  # by the names of Selection.named
    main: Comparison  # off the diagonal with noise against the diagonal: the verdict
    argmax: Comparison | None  # argmax against the diagonal; None where it was not tried
    gains: Mapping[str, Gain | None]  # of the best off the diagonal over each baseline
    curves: Curves
    metrics: Metrics  # what the study's task declares


@dataclass(frozen=True)
class Draft:
    """A part of a claim before the correction."""

    what: str  # what the part claims
    figure: str | None  # name of the figure that shows it
    text: str  # what was measured, without the p-value
    right: bool | None = None  # whether the effect has the claimed direction; None for an effect of 0
    p_value: float | None = None  # None where there is no test
    counts: bool = True  # whether the claim rests on it
    numbers: Any = None  # one of claim_results.Numbers with a field p_holm; None without numbers

    def judged(self, p_holm: float | None) -> ClaimPart:
        """The part, judged by its p-value after Holm's correction; `p_holm` is None for a part that is not
        corrected.
        """
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
