"""The report of a study: one HTML file that works offline, the figures (as PNG, SVG and PDF), and every
number as JSON.
"""

import base64
import gc
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from trainables.metrics import Metrics
from tuner.evidence.analysis import UNDECLARED, results
from tuner.evidence.curves import Curves
from tuner.evidence.example_gains import LossFiles
from tuner.evidence.labels import STATES, dataset_label, method_label, metric_label
from tuner.evidence.methods_text import methods_text
from tuner.evidence.over_seeds import Gain, SummaryWithInterval
from tuner.evidence.results import Results, TrialResult
from tuner.evidence.selection import ON
from tuner.ledger.methods import SOFTMAX
from tuner.ledger.rows import COMPETING, Measurement, Role, StudyRow, TrialRow

if TYPE_CHECKING:
    from tuner.evidence.figures.study_figures import Picture

_SHOWN_TRIALS = 40  # rows from which on the table of trials is folded


def write_report(
    study: StudyRow,
    trials: Sequence[TrialRow],
    measurements: Iterable[Measurement],
    folder: Path,
    *,
    artifacts: Path,
    metrics: Metrics = UNDECLARED,
) -> list[Path]:
    """Writes report.html, results.json, the figures as PNG, and a folder `vector` with them as SVG and PDF.
    Returns the paths of these, in this order.

    Args:
        study, trials, measurements: rows of the ledger.
        folder: where the files are written; it is created.
        artifacts: the folder with the files of confirmed trials, trial-NUMBER/NAME, which the report shows;
            it need not exist.
        metrics: what the study's task declares.

    Raises UserError for a damaged file in `artifacts`.
    """
    from tuner.evidence.figures.drawing import save
    from tuner.evidence.figures.study_figures import gallery  # matplotlib takes a second to import

    folder.mkdir(parents=True, exist_ok=True)
    curves = Curves(measurements)
    found = results(study, trials, curves, metrics=metrics, losses=LossFiles(artifacts))
    pictures = gallery(study, trials, curves, metrics=metrics, found=found, artifacts=artifacts)
    drawn: list[Path] = []
    for name, picture in pictures.items():
        drawn += save(picture.draw(), folder, name)
        gc.collect(1)  # the parts of a figure refer to each other; those of 10,000 cells take 40 MB
    numbers = folder / "results.json"
    with numbers.open("w", encoding="utf-8") as file:
        ran = asdict(_ran(study, trials, found))
        about = found.plain() | {"spec": study.spec, "host": study.host, "ran": ran}
        file.write(json.dumps(about, indent=1, allow_nan=False).removesuffix("\n}"))
        # Each trial is written by itself, on one line. As part of the whole, all trials would be in memory at
        # once, and every number would be on a line of its own.
        _write_lines(file, "trials", "[]", (_json(TrialResult.of(t).plain()) for t in trials))
        _write_lines(
            file,
            "curves",
            "{}",
            (f"{_json(str(n))}: {_json(curve)}" for n, curve in _curves_json(trials, curves)),
        )
        file.write("\n}\n")
    page = folder / "report.html"
    images = {file.stem: _base64(file) for file in drawn if file.suffix == ".png"}
    with page.open("w", encoding="utf-8") as file:
        file.writelines(_render(study, trials, found, metrics, pictures, images, _kept(trials, artifacts)))
    vector = [folder / "vector"] if drawn else []
    return [page, numbers, *(file for file in drawn if file.suffix == ".png"), *vector]


METHOD_COLUMNS = ("method", "tau_f", "tau_b", "lr", "search", "fresh seeds", "trials")


@dataclass(frozen=True)
class MethodRow:
    """A method in the table of methods."""

    method: str  # its label
    trial: TrialResult  # the one that the search selected
    confirmed: TrialResult | None  # the same configuration on fresh seeds
    tuned_with: int  # number of configurations from which it was selected
    member_epochs: float | None  # for which the members of those were trained, summed; None: not known
    gain: Gain | None  # of the best off the diagonal over this method

    @property
    def cells(self) -> list[str]:
        """The row as people read it, under METHOD_COLUMNS."""
        confirmed = "-" if self.confirmed is None else self.confirmed.objective.text
        trial = self.trial
        return [self.method, *trial.numbers, trial.objective.text, confirmed, str(self.tuned_with)]


def methods_table(found: Results) -> list[MethodRow]:
    """A row for each method: the trial that was selected, its objective in the search and on fresh seeds, and
    from how many configurations it was selected.
    """
    return [
        MethodRow(
            method=method_label(name),
            trial=trial,
            confirmed=found.confirmed.get(name),
            tuned_with=found.tuned_with[name],
            member_epochs=found.training[name].member_epochs,
            gain=found.gain if name == ON else found.gains.get(name),
        )
        for name, trial in found.chosen.items()
    ]


def _write_lines(file: TextIO, name: str, brackets: str, lines: Iterable[str]) -> None:
    """Adds a field to a JSON object whose closing bracket is not written yet: a list or an object, as
    `brackets` says, with one item on each line.
    """
    file.write(f',\n "{name}": {brackets[0]}')
    for i, line in enumerate(lines):
        file.write(f"{',' if i else ''}\n  {line}")
    file.write(f"\n {brackets[1]}")


def _json(value: Any) -> str:
    return json.dumps(value, allow_nan=False)


def _curves_json(trials: Sequence[TrialRow], curves: Curves) -> Iterator[tuple[int, dict[str, Any]]]:
    """The epochs and every metric's values per seed: (trial number, {"epochs": [I], "metrics": {name:
    [I][S]}}).
    """
    for trial in trials:
        named = {name: curve for name in trial.metrics if (curve := curves.of(trial, name))}
        if named:
            whole = max(
                named.values(), key=lambda curve: len(curve.epochs)
            )  # some are measured at the end only
            metrics = {name: [list(v) for v in curve.values] for name, curve in named.items()}
            yield trial.number, {"epochs": list(whole.epochs), "metrics": metrics}


@dataclass(frozen=True)
class Ran:
    """What was run, in numbers."""

    trials: int
    members: int
    seconds: float | None  # from the study's start to its end; None before its end
    training_seconds: float  # summed over populations
    member_epochs: float | None
    member_epochs_per_second: float | None
    search_seeds: list[int]
    fresh_seeds: list[int]


def _ran(study: StudyRow, trials: Sequence[TrialRow], found: Results) -> Ran:
    """What was run, in numbers."""
    seconds = (
        (study.finished_at - study.started_at).total_seconds()
        if study.started_at and study.finished_at
        else None
    )
    # Softmax ST is counted with the diagonal.
    costs = [cost for name, cost in found.training.items() if name != SOFTMAX]
    work = [cost.member_epochs for cost in costs if cost.member_epochs is not None]
    total = sum(work) if work and len(work) == len(costs) else None
    return Ran(
        trials=len(trials),
        members=sum(len(t.seeds) for t in trials),
        seconds=seconds,
        training_seconds=study.training_s,
        member_epochs=total,
        member_epochs_per_second=total / study.training_s if total and study.training_s > 0 else None,
        search_seeds=_seeds(trials, *COMPETING),
        fresh_seeds=_seeds(trials, Role.CONFIRM, Role.CONTROL),
    )


def _seeds(trials: Sequence[TrialRow], *roles: Role) -> list[int]:
    return sorted({seed for t in trials if t.role in roles for seed in t.seeds})


@dataclass(frozen=True)
class KeptFiles:
    """The files of a confirmed trial."""

    trial: TrialRow
    files: list[str]  # names
    pictures: dict[str, str]  # name -> base64 of a PNG


def _kept(trials: Sequence[TrialRow], artifacts: Path) -> list[KeptFiles]:
    """The files of confirmed trials."""
    kept = []
    for trial in trials:
        files = sorted((artifacts / f"trial-{trial.number}").glob("*"))
        pictures = {file.name: _base64(file) for file in files if file.suffix == ".png"}
        if files:
            kept.append(KeptFiles(trial, [file.name for file in files], pictures))
    return kept


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


@dataclass(frozen=True)
class MetricsTable:
    """The test set's table."""

    metrics: dict[str, str]  # name -> label
    rows: dict[str, dict[str, SummaryWithInterval]]  # method -> metric


def _test_table(found: Results, metrics: Metrics) -> MetricsTable | None:
    """The test set's table; None where nothing was measured on it."""
    rows = {method_label(name): row for name, row in found.test.items()}
    labels = {metric: metric_label(metric, metrics) for row in rows.values() for metric in row}
    return MetricsTable(labels, rows) if labels else None


def _beside(found: Results, metrics: Metrics) -> dict[str, Gain]:
    """The gain over the diagonal in the objective and in what the verdict does not rest on, by label."""
    main = {found.objective.name: found.gain} if found.gain and found.gain.confirmed else {}
    in_test = found.objective.name.replace("val_", "test_", 1)
    test = {in_test: found.test_gain[in_test]} if in_test in found.test_gain else {}
    return {metric_label(name, metrics): gain for name, gain in (main | test | found.second).items()}


def _collapses(metrics: Metrics) -> str:
    """When a member of the task counts as collapsed, in words; "" where the task does not say."""
    collapse = metrics.collapsed
    if collapse is None:
        return ""
    return f"{metric_label(collapse.metric, metrics)} {collapse.comparison} {collapse.threshold:g}"


def _render(
    study: StudyRow,
    trials: Sequence[TrialRow],
    found: Results,
    metrics: Metrics,
    pictures: "Mapping[str, Picture]",
    images: Mapping[str, str],
    kept: list[KeptFiles],
) -> Iterator[str]:
    """The page, piece by piece."""
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    sections: dict[str, dict[str, Picture]] = {}
    for name, picture in pictures.items():
        sections.setdefault(picture.section, {})[name] = picture
    return environment.get_template("report.html").generate(
        study=study,
        found=found,
        methods=methods_table(found),
        objective=metrics.of(study.objective.name),
        method_label=method_label,
        dataset_label=dataset_label,
        states=STATES,
        beside=_beside(found, metrics),
        collapses=_collapses(metrics),
        test=_test_table(found, metrics),
        trials=map(TrialResult.of, trials),  # made one by one
        folded=len(trials) > _SHOWN_TRIALS,
        sections=sections,
        images=images,
        kept=kept,
        ran=_ran(study, trials, found),
        in_words=methods_text(study, found, metrics),
        spec=json.dumps(study.spec, indent=1),
    )
