"""The report of a study: one HTML file that works offline, the figures as PNG, every number as JSON."""

import base64
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tuner.evidence.analysis import results, select, summary, trial_json
from tuner.rows import Measurement, StudyRow, TrialRow


def write_report(
    study: StudyRow, trials: Sequence[TrialRow], measurements: Sequence[Measurement], folder: Path, *, artifacts: Path
) -> list[Path]:
    """Writes report.html, results.json and the figures into a folder. Returns the files, the report first.

    `artifacts` is the folder with the files of confirmed trials, trial-NUMBER/NAME, which the report shows; it need not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    found = results(study, trials)
    drawn = _draw(study, trials, measurements, found, folder)
    numbers = folder / "results.json"
    everything = found | {"spec": study.spec, "host": study.host, "trials": [trial_json(t) for t in trials]}
    numbers.write_text(json.dumps(everything, indent=1), encoding="utf-8")
    page = folder / "report.html"
    page.write_text(_render(study, trials, found, drawn, _kept(trials, artifacts)), encoding="utf-8")
    return [page, numbers, *drawn]


def _draw(
    study: StudyRow, trials: Sequence[TrialRow], measurements: Sequence[Measurement], found: dict[str, Any], folder: Path
) -> list[Path]:
    """Writes the figures that the study has data for."""
    from tuner.evidence import figures  # matplotlib takes a second to import

    minimize = study.direction == "minimize"
    label = study.objective.replace("_", " ")
    drawn: list[Path] = []
    land = found["landscape"]
    if land["tau_f"] and land["tau_b"]:
        ran = {(t.tau_f, t.tau_b) for t in trials if t.role == "search" and t.tau_f is not None and t.tau_b is not None}
        figure = figures.landscape(land["tau_f"], land["tau_b"], land["mean"], objective=label, minimize=minimize, ran=ran)
        drawn.append(_save(figure, folder / "landscape.png"))
    if (stages := found["stages"]) and stages["best_tau_f"] is not None:
        figure = figures.stages(
            *(
                (stage[tau], stage["mean"], stage["sem"])
                for stage, tau in ((stages["first"], "tau_f"), (stages["second"], "tau_b"))
            ),
            tau_b_start=stages["tau_b_start"],
            best_tau_f=stages["best_tau_f"],
            baselines={name: trial["objective"]["mean"] for name, trial in found["baselines"].items()},
            objective=label,
            minimize=minimize,
        )
        drawn.append(_save(figure, folder / "stages.png"))
    series = _series(study, trials, measurements)
    if series:
        drawn.append(_save(figures.curves(series, objective=label), folder / "curves.png"))
    return drawn


def methods_table(found: dict[str, Any]) -> list[dict[str, Any]]:
    """A row per method: the trial that was chosen, its objective in the search and on fresh seeds, and how many it had."""
    chosen = {
        "decoupled, off the diagonal": ("off_diagonal", found["off_diagonal_best"]),
        "decoupled, on the diagonal": ("diagonal", found["diagonal_best"]),
    } | {f"{name} (baseline)": (name, trial) for name, trial in found["baselines"].items()}
    return [
        {"method": method, "trial": trial, "confirmed": found["confirmed"].get(key), "tuned_with": found["tuned_with"][key]}
        for method, (key, trial) in chosen.items()
        if trial is not None
    ]


def _kept(trials: Sequence[TrialRow], artifacts: Path) -> list[dict[str, Any]]:
    """The files of confirmed trials: {"trial", "files": names, "pictures": {name: base64 of a PNG}}."""
    kept = []
    for trial in trials:
        files = sorted((artifacts / f"trial-{trial.number}").glob("*"))
        pictures = {file.name: _base64(file) for file in files if file.suffix == ".png"}
        if files:
            kept.append({"trial": trial_json(trial), "files": [file.name for file in files], "pictures": pictures})
    return kept


def _base64(file: Path) -> str:
    return base64.b64encode(file.read_bytes()).decode()


def _series(study: StudyRow, trials: Sequence[TrialRow], measurements: Sequence[Measurement]) -> dict[str, Any]:
    """Learning curves of the selected trials: label -> (epochs, means, standard errors)."""
    chosen = select(trials, study.direction)
    labelled = {"off the diagonal": chosen.off_diagonal, "on the diagonal": chosen.diagonal} | {
        f"{name} (baseline)": t for name, t in chosen.baselines.items() if name != "softmax"
    }
    series = {}
    for label, trial in labelled.items():
        if trial is None:
            continue
        mine = [(m.epoch, summary(m.metrics.get(study.objective, []))) for m in measurements if m.trial_id == trial.id]
        points = [(epoch, s["mean"], s["sem"] or 0.0) for epoch, s in mine if s["mean"] is not None]
        if points:
            epochs, means, errors = zip(*points, strict=True)
            series[f"{label}{_temperatures(trial)}"] = (epochs, means, errors)
    return series


def _temperatures(trial: TrialRow) -> str:
    named = ((r"$\tau_f$", trial.tau_f), (r"$\tau_b$", trial.tau_b))
    text = ", ".join(f"{name} {value:g}" for name, value in named if value is not None)
    return f", {text}" if text else ""


def _save(figure: Any, path: Path) -> Path:
    figure.savefig(path)
    return path


def _render(
    study: StudyRow, trials: Sequence[TrialRow], found: dict[str, Any], drawn: Sequence[Path], kept: list[dict[str, Any]]
) -> str:
    import jinja2

    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    template = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True).get_template(
        "report.html"
    )
    images = {path.stem: _base64(path) for path in drawn}
    seconds = (study.finished_at - study.started_at).total_seconds() if study.started_at and study.finished_at else None
    return template.render(
        study=study,
        found=found,
        methods=methods_table(found),
        trials=[trial_json(t) for t in trials],
        images=images,
        kept=kept,
        spec=json.dumps(study.spec, indent=1),
        seconds=seconds,
    )
