"""The files of a study: its report, its figures, its trials as tables, its spec, and what confirmed trials
have left (weights, reconstructions). All but the last are made when they are asked for.
"""

import mimetypes
import re
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from api.answers.figures import FORMATS, draw
from tuner.evidence.of_study import results_of
from tuner.evidence.trial_table import as_csv, as_parquet, trial_table
from tuner.ledger.rows import StudyRow
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of
from tuner.settings import Settings


@dataclass(frozen=True)
class StudyFile:
    """A file that may be had of a study."""

    name: str  # in the address; may have slashes
    kind: str  # report | table | spec | code | figure | trial
    about: str
    media_type: str
    trial: int | None = None  # that has left it
    bytes: int | None = None  # None where it is made when asked for

    def plain(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self)


MADE = {
    "report.html": StudyFile(
        "report.html", "report", "verdict, tables and figures in one file that works offline", "text/html"
    ),
    "results.json": StudyFile(
        "results.json", "report", "all that the report says, with trials and curves", "application/json"
    ),
    "trials.csv": StudyFile("trials.csv", "table", "a row for each trial", "text/csv"),
    "trials.parquet": StudyFile(
        "trials.parquet", "table", "the same for data frames", "application/vnd.apache.parquet"
    ),
    "methods.tex": StudyFile(
        "methods.tex", "table", "the best of every method and the gains as LaTeX tables", "text/x-tex"
    ),
    "methods.txt": StudyFile(
        "methods.txt", "table", "a paragraph for a paper's section on methods", "text/plain"
    ),
    "spec.yaml": StudyFile("spec.yaml", "spec", "the spec, to run the study again", "application/yaml"),
    "best.py": StudyFile(
        "best.py", "code", "the best configuration for plain torch, its temperatures in it", "text/x-python"
    ),
}


_TRIAL = re.compile(r"trial-([0-9]{1,9})")


def all_files(figure_names: list[str], artifacts: Path) -> list[StudyFile]:
    """All files of a study."""
    return [*MADE.values(), *_figure_files(figure_names), *trial_files(artifacts)]


def file_named(name: str, figure_names: Callable[[], list[str]], artifacts: Path) -> StudyFile | None:
    """The file of a name; None where the study has none. The figures' names, which take seconds to find, are
    asked for only where it may be one of them.
    """
    if name in MADE:
        return MADE[name]
    may_be = _figure_files(figure_names()) if name.startswith("figures/") else trial_files(artifacts)
    return next((file for file in may_be if file.name == name), None)


def _figure_files(names: list[str]) -> Iterator[StudyFile]:
    for name in names:
        for suffix, media_type in FORMATS.items():
            about = f"{name.replace('_', ' ')} as {suffix.upper()}"
            yield StudyFile(f"figures/{name}.{suffix}", "figure", about, media_type)


def trial_files(artifacts: Path, number: int | None = None) -> list[StudyFile]:
    """What confirmed trials have left, or one of them; `artifacts` is the study's folder of them."""
    found = []
    for folder in sorted(artifacts.glob("trial-*" if number is None else f"trial-{number}")):
        if not (of_trial := _TRIAL.fullmatch(folder.name)):
            continue  # somebody's copy
        trial = int(of_trial[1])
        for name, size in _left_in(folder):
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            about = f"{name} of trial {trial}"
            found.append(StudyFile(f"trials/{trial}/{name}", "trial", about, kind, trial, size))
    return found


def _left_in(folder: Path) -> Iterator[tuple[str, int]]:
    """The files in a folder, by name: (name, bytes). Those that are removed meanwhile, with their study, are
    left out, and so are links, which lead anywhere.
    """
    if folder.is_symlink():
        return
    with suppress(FileNotFoundError, NotADirectoryError):
        for path in sorted(folder.iterdir()):
            with suppress(FileNotFoundError):
                status = path.lstat()
                if stat.S_ISREG(status.st_mode):
                    yield path.name, status.st_size


def path_of(file: StudyFile, artifacts: Path) -> Path:
    """Where a file lies that a trial has left."""
    _, number, name = file.name.split("/")
    return artifacts / f"trial-{number}" / name


def made(file: StudyFile, study: StudyRow, ledger: Ledger, settings: Settings) -> bytes:
    """The content of a file that no trial has left. Raises UserError where the study has no data for it."""
    if file.kind == "figure":
        name, _, suffix = file.name.removeprefix("figures/").rpartition(".")
        return draw(study, ledger, settings, name, suffix)
    if file.kind == "report":
        return _report(study, ledger, settings, file.name)
    if file.kind == "spec":
        from tuner.evidence.take_home import spec_text

        return spec_text(study.spec).encode()
    if file.name in ("methods.tex", "methods.txt", "best.py"):
        return _from_results(study, ledger, settings, file.name)
    write = as_csv if file.name.endswith(".csv") else as_parquet
    return write(trial_table(ledger.trials(study.id), study.objective))


def _from_results(study: StudyRow, ledger: Ledger, settings: Settings, name: str) -> bytes:
    from tuner.evidence.take_home import text_file

    return text_file(name, study, results_of(study, ledger, settings.artifacts_folder(study.id)))


def _report(study: StudyRow, ledger: Ledger, settings: Settings, name: str) -> bytes:
    from tuner.evidence.report import write_report  # jinja takes a moment to import

    with tempfile.TemporaryDirectory() as folder:
        write_report(
            study,
            ledger.trials(study.id),
            ledger.stream(study.id),
            Path(folder),
            artifacts=settings.artifacts_folder(study.id),
            metrics=metrics_of(study),
        )
        return (Path(folder) / name).read_bytes()
