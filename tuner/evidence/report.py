"""The report of a study: one HTML file that works offline, the figures (PNG, and SVG and PDF beside), every
number as JSON.
"""

import base64
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from tuner.evidence.analysis import results, trial_json
from tuner.evidence.curves import Curves
from tuner.evidence.labels import METHODS, method_label
from tuner.ledger.rows import Measurement, StudyRow, TrialRow

if TYPE_CHECKING:
    from tuner.evidence.figures.study_figures import Picture

_SHOWN_TRIALS = 40  # a longer table is folded
_OTHER_TEST_METRICS = (
    "test_gate_",
    "test_gates_",
    "test_inactive_",
    "test_grad_",
)  # of the test set's table; the JSON has them


def write_report(
    study: StudyRow,
    trials: Sequence[TrialRow],
    measurements: Iterable[Measurement],
    folder: Path,
    *,
    artifacts: Path,
) -> list[Path]:
    """Writes report.html, results.json, the figures and their folder `vector`. Returns them: report, JSON,
    PNGs, the folder.

    `artifacts` is the folder with the files of confirmed trials, trial-NUMBER/NAME, which the report shows;
    it need not exist.
    """
    from tuner.evidence.figures.drawing import save
    from tuner.evidence.figures.study_figures import gallery  # matplotlib takes a second to import

    folder.mkdir(parents=True, exist_ok=True)
    curves = Curves(measurements)
    found = results(study, trials, curves)
    pictures = gallery(study, trials, curves, found=found, artifacts=artifacts)
    drawn = [file for name, picture in pictures.items() for file in save(picture.draw(), folder, name)]
    numbers = folder / "results.json"
    with numbers.open("w", encoding="utf-8") as file:
        about = found | {"spec": study.spec, "host": study.host, "ran": _ran(study, trials, found)}
        file.write(json.dumps(about, indent=1, allow_nan=False).removesuffix("\n}"))
        # A line for each trial: indented like the rest, every number had one of its own, and all of it was in
        # memory at once.
        _write_lines(file, "trials", "[]", (_json(trial_json(t)) for t in trials))
        _write_lines(
            file,
            "curves",
            "{}",
            (f"{_json(str(n))}: {_json(curve)}" for n, curve in _curves_json(trials, curves)),
        )
        file.write("\n}\n")
    page = folder / "report.html"
    images = {file.stem: _base64(file) for file in drawn if file.suffix == ".png"}
    page.write_text(
        _render(study, trials, found, pictures, images, _kept(trials, artifacts)), encoding="utf-8"
    )
    vector = [folder / "vector"] if drawn else []
    return [page, numbers, *(file for file in drawn if file.suffix == ".png"), *vector]


def methods_table(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row per method: the trial that was chosen, its objective in the search and on fresh seeds, and what
    it was tuned with.
    """
    chosen = {
        "off_diagonal": found["off_diagonal_best"],
        "diagonal": found["diagonal_best"],
        **found["baselines"],
    }
    return [
        {
            "method": method_label(name),
            "trial": trial,
            "confirmed": found["confirmed"].get(name),
            "tuned_with": found["tuned_with"][name],
            "member_epochs": found["training"][name]["member_epochs"],
            "gain": found["gain"] if name == "diagonal" else found["gains"].get(name),
        }
        for name, trial in chosen.items()
        if trial is not None
    ]


def _write_lines(file: TextIO, name: str, brackets: str, lines: Iterable[str]) -> None:
    """Goes on with an object that was not closed: a field with a list or an object of one line each."""
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


def _ran(study: StudyRow, trials: Sequence[TrialRow], found: Mapping[str, Any]) -> dict[str, Any]:
    """What was run, in numbers."""
    seconds = (
        (study.finished_at - study.started_at).total_seconds()
        if study.started_at and study.finished_at
        else None
    )
    costs = [
        cost for name, cost in found["training"].items() if name != "softmax"
    ]  # which is counted with the diagonal
    work = [cost["member_epochs"] for cost in costs]
    total = sum(work) if work and None not in work else None
    return {
        "trials": len(trials),
        "members": sum(len(t.seeds) for t in trials),
        "seconds": seconds,
        "training_seconds": study.training_s,
        "member_epochs": total,
        "member_epochs_per_second": total / study.training_s if total and study.training_s > 0 else None,
        "search_seeds": sorted({s for t in trials if t.role in ("search", "baseline") for s in t.seeds}),
        "fresh_seeds": sorted({s for t in trials if t.role in ("confirm", "control") for s in t.seeds}),
    }


def _kept(trials: Sequence[TrialRow], artifacts: Path) -> list[dict[str, Any]]:
    """The files of confirmed trials: {"trial", "files": names, "pictures": {name: base64 of a PNG}}."""
    kept = []
    for trial in trials:
        files = sorted((artifacts / f"trial-{trial.number}").glob("*"))
        pictures = {file.name: _base64(file) for file in files if file.suffix == ".png"}
        if files:
            kept.append(
                {"trial": trial_json(trial), "files": [file.name for file in files], "pictures": pictures}
            )
    return kept


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _test_table(found: Mapping[str, Any]) -> dict[str, Any] | None:
    """The test set's table: {"metrics": names, "rows": {method: {metric: summary with interval}}}."""
    rows = {method_label(name): row for name, row in found["test"].items()}
    metrics = list(
        dict.fromkeys(m for row in rows.values() for m in row if not m.startswith(_OTHER_TEST_METRICS))
    )
    return {"metrics": metrics, "rows": rows} if metrics else None


def _render(
    study: StudyRow,
    trials: Sequence[TrialRow],
    found: Mapping[str, Any],
    pictures: "Mapping[str, Picture]",
    images: Mapping[str, str],
    kept: list[dict[str, Any]],
) -> str:
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True)
    sections: dict[str, dict[str, Any]] = {}
    for name, picture in pictures.items():
        sections.setdefault(picture.section, {})[name] = picture
    return environment.get_template("report.html").render(
        study=study,
        found=found,
        methods=methods_table(found),
        method_names=METHODS,
        test=_test_table(found),
        trials=map(trial_json, trials),  # made one by one
        folded=len(trials) > _SHOWN_TRIALS,
        sections=sections,
        images=images,
        kept=kept,
        ran=_ran(study, trials, found),
        spec=json.dumps(study.spec, indent=1),
    )
