"""The figures for which a study has the data, by name. A figure is drawn only on demand: a report draws all
of them, the API one.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

from trainables.metrics import Metrics
from tuner.errors import UserError
from tuner.evidence.analysis import UNDECLARED, results
from tuner.evidence.curves import Curves
from tuner.evidence.figures import learned, searching, temperatures, training
from tuner.evidence.figures.drawing import as_bytes
from tuner.evidence.figures.material import Material, Picture
from tuner.evidence.results import Results
from tuner.evidence.selection import select
from tuner.ledger.methods import SOFTMAX
from tuner.ledger.rows import Measurement, Role, StudyRow, TrialRow, TrialState

__all__ = ["Picture", "figure_bytes", "figure_names", "gallery"]

_MAKERS = (
    searching.landscape,
    learned.trajectories,
    learned.predicted,
    searching.stages,
    searching.marginals,
    training.learning,
    training.panels,
    training.distribution,
    temperatures.exploration,
    temperatures.dispersion,
    training.thresholds,
    temperatures.bias,
    learned.course,
    learned.budget,
    learned.mattered,
    searching.rungs,
    searching.schedule,
)


def figure_names(
    study: StudyRow,
    trials: Sequence[TrialRow],
    measurements: Iterable[Measurement],
    *,
    metrics: Metrics = UNDECLARED,
    artifacts: Path | None = None,
) -> list[str]:
    """The names of the figures that a study has data for, in the report's order."""
    return list(gallery(study, trials, measurements, metrics=metrics, artifacts=artifacts))


def figure_bytes(
    name: str,
    suffix: str,
    study: StudyRow,
    trials: Sequence[TrialRow],
    measurements: Iterable[Measurement],
    *,
    metrics: Metrics = UNDECLARED,
    artifacts: Path | None = None,
) -> bytes:
    """One figure of a study as png, svg or pdf. Raises UserError where the study has none of that name."""
    pictures = gallery(study, trials, measurements, metrics=metrics, artifacts=artifacts)
    if name not in pictures:
        raise UserError(
            f"study {study.id} has no figure {name!r}; it has {', '.join(pictures) or 'none yet'}"
        )
    return as_bytes(pictures[name].draw(), suffix)


def gallery(
    study: StudyRow,
    trials: Sequence[TrialRow],
    measurements: Iterable[Measurement] | Curves,
    *,
    metrics: Metrics = UNDECLARED,
    found: Results | None = None,
    artifacts: Path | None = None,
) -> dict[str, Picture]:
    """The figures for which a study has the data, {name: figure}, in the report's order.

    Args:
        study, trials, measurements: rows of the ledger.
        metrics: what the study's task declares.
        found: the study's results; None to have them computed.
        artifacts: the folder with the files of confirmed trials, trial-NUMBER/NAME.
    """
    curves = Curves.gathered(measurements)
    chosen = select(trials, study.objective).named()
    confirmations = {
        t.method: t for t in trials if t.role is Role.CONFIRM and t.state is TrialState.SUCCEEDED
    }
    fresh = bool(chosen) and all(t.method in confirmations for t in chosen.values())
    shown = {name: confirmations[t.method] if fresh else t for name, t in chosen.items()}
    if "diagonal" in shown and SOFTMAX in shown and shown["diagonal"].method == shown[SOFTMAX].method:
        del shown[SOFTMAX]  # the same trial twice
    if found is None:
        found = results(study, trials, curves, metrics=metrics)
    material = Material(study, trials, curves, found, shown, fresh, artifacts, metrics)
    made = (make(material) for make in _MAKERS)
    return dict(filter(None, made))
