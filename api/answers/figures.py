"""Figures of a study as bytes: the only place where the service asks the evidence to draw."""

from tuner.ledger.rows import StudyRow
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of
from tuner.settings import Settings

# The formats in which a figure may be had, and their media types.
FORMATS = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}


def names(study: StudyRow, ledger: Ledger, settings: Settings) -> list[str]:
    """What the study has data for, in the report's order."""
    from tuner.evidence.figures.study_figures import figure_names  # matplotlib takes a second to import

    return figure_names(
        study,
        ledger.trials(study.id),
        ledger.stream(study.id),
        metrics=metrics_of(study),
        artifacts=settings.artifacts_folder(study.id),
    )


def draw(study: StudyRow, ledger: Ledger, settings: Settings, name: str, suffix: str = "png") -> bytes:
    """One figure. Raises UserError where the study has no data for it."""
    from tuner.evidence.figures.study_figures import figure_bytes

    return figure_bytes(
        name,
        suffix,
        study,
        ledger.trials(study.id),
        ledger.stream(study.id),
        metrics=metrics_of(study),
        artifacts=settings.artifacts_folder(study.id),
    )
