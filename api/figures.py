"""One figure of a study as PNG bytes: the only place where the service asks the evidence to draw."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from tuner.rows import Measurement, StudyRow, TrialRow

NAMES = ("landscape", "curves", "stages")


def draw(study: StudyRow, trials: Sequence[TrialRow], measurements: Sequence[Measurement], name: str) -> bytes | None:
    """The figure, or None where the study has no data for it yet."""
    from tuner.evidence.report import write_report  # matplotlib takes a second to import

    with tempfile.TemporaryDirectory() as folder:
        write_report(study, trials, measurements, Path(folder), artifacts=Path(folder) / "none")
        file = Path(folder) / f"{name}.png"
        return file.read_bytes() if file.exists() else None
