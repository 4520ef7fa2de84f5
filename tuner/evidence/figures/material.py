"""The data that figures are made from, and what a figure is before it is drawn."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from trainables.metrics import Metrics
from tuner.evidence.curves import Curves
from tuner.evidence.labels import curve_label, metric_label
from tuner.evidence.results import Results
from tuner.ledger.rows import StudyRow, TrialRow


@dataclass(frozen=True)
class Picture:
    """A figure that can be drawn."""

    section: str  # heading of the report under which it stands
    caption: str
    draw: Callable[[], Figure]


Made = tuple[str, Picture] | None  # a figure's name and the figure; None where the study has no data for it


@dataclass(frozen=True)
class Material:
    """The data of a study that its figures are made from."""

    study: StudyRow
    trials: Sequence[TrialRow]
    curves: Curves
    found: Results
    shown: Mapping[str, TrialRow]  # one trial of each method, by the names of Selection.named
    fresh: bool  # whether these are the confirmed trials
    artifacts: Path | None  # folder with the files of confirmed trials; None where they are not at hand
    metrics: Metrics  # what the study's task declares

    @property
    def strategy(self) -> str | None:
        """How the study searched."""
        return self.study.strategy

    @property
    def minimize(self) -> bool:
        """Whether a low objective is good."""
        return self.study.objective.minimize

    @property
    def objective(self) -> str:
        """The objective's label."""
        return metric_label(self.study.objective.name, self.metrics)

    def series(self, metric: str) -> dict[str, tuple[list[float], list[float], list[float]]]:
        """A metric over the training of each method that has it, {label: (epochs, means, standard
        errors)}.
        """
        found = {curve_label(name, t): self.curves.of(t, metric) for name, t in self.shown.items()}
        points = {label: curve.mean_and_sem() for label, curve in found.items() if curve is not None}
        return {label: p for label, p in points.items() if p[0]}
