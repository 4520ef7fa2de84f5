"""What a study and its trials look like in MLflow: names, tags, parameters, metrics, and the study's text."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from tuner.evidence.over_seeds import Summary
from tuner.evidence.results import Results
from tuner.ledger.methods import DECOUPLED, setting_text
from tuner.ledger.rows import Measurement, Role, StudyRow, TrialRow
from tuner.ledger.study_metrics import metrics_of
from tuner.tracking.links import comparison
from tuner.tracking.metric_names import metric_name
from tuner.tracking.mlflow_private import view_address

_SPEC_PARAMS = ("dataset", "seeds", "epochs", "steps", "batch_size", "confirm_seeds")


def study_tags(study: StudyRow) -> dict[str, str]:
    """Of a study's run, by which it is found again."""
    name = f"{study.name} {study.id}" + (f" ({study.restarts + 1})" if study.restarts else "")
    tags = {"mlflow.runName": name, "study": study.id, "role": "study", "task": study.task}
    return tags | ({"restart": str(study.restarts)} if study.restarts else {})


def study_params(study: StudyRow) -> dict[str, Any]:
    """Of a study's run: what its spec says of all trials."""
    return {name: study.spec[name] for name in _SPEC_PARAMS if study.spec.get(name) is not None}


def trial_tags(study: StudyRow, trial: TrialRow, parent: str) -> dict[str, str]:
    """Of a trial's run, below the study's run `parent`."""
    return {
        "mlflow.parentRunId": parent,
        "mlflow.runName": run_name(trial),
        "study": study.id,
        "trial": str(trial.number),
        "role": trial.role,
        "estimator": trial.estimator,
        "off_diagonal": str(trial.off_diagonal).lower(),
    }


def trial_params(study: StudyRow, trial: TrialRow) -> dict[str, str]:
    """Of a trial's run: its configuration."""
    params = {
        "estimator": trial.estimator,
        "tau_f": trial.tau_f,
        "tau_b": trial.tau_b,
        "lr": trial.lr,
        **{name: setting_text(value) for name, value in trial.variant.optimizer},
        "role": trial.role,
        "variant": trial.variant.text or None,
        "seeds": len(trial.seeds),
        "task": study.task,
        "dataset": study.spec.get("dataset"),
    }
    return {name: str(value) for name, value in params.items() if value is not None}


def run_name(trial: TrialRow) -> str:
    """Short enough for the UI's narrow column: "f0.1 b0.7", "softmax 0.5", "confirm f0.1 b0.7", "control f1
    b7".
    """
    if trial.estimator == DECOUPLED:
        name = f"f{trial.tau_f:g} b{trial.tau_b:g}"
    else:
        name = trial.estimator if trial.tau_b is None else f"{trial.estimator} {trial.tau_b:g}"
    return f"{trial.role} {name}" if trial.role in (Role.CONFIRM, Role.CONTROL) else name


def metrics(study: StudyRow, measurement: Measurement) -> Iterator[tuple[str, float, int, int]]:
    """(name, value, time in ms, step) of each metric of a measurement: the mean over seeds, and its standard
    error as NAME_sem. Where one seed has diverged there is no mean, which would be that of the others.
    """
    declared = metrics_of(study)
    # Reports come at most once an epoch, so epochs can be the steps of the UI's curves; where the training's
    # length is given in steps, the number of the report is.
    in_epochs = study.spec.get("epochs") is not None
    step = round(measurement.epoch) if in_epochs else measurement.interval
    time_ms = milliseconds(measurement.recorded_at)
    assert time_ms is not None
    for key, values in measurement.metrics.items():
        name, over_seeds = metric_name(key, declared), Summary.of(values)
        if over_seeds.mean is not None:
            yield name, over_seeds.mean, time_ms, step
        if over_seeds.sem is not None:
            yield f"{name}_sem", over_seeds.sem, time_ms, step


def note(experiment: str, study: StudyRow, found: Results) -> str:
    """The text of the study's run in the UI: the verdict, and links to comparisons of its trials."""

    def link(text: str, condition: str) -> str:
        return f"[{text}]({comparison(experiment, study, condition)})"

    links = [
        f"[the search]({view_address(experiment, study.id)})",
        link("off the diagonal", "tags.off_diagonal = 'true' and tags.role = 'search'"),
        link("baselines", "tags.role = 'baseline'"),
        link("fresh seeds", "tags.role = 'confirm'"),
    ]
    heading = f"**{_sentence(found.headline)}** {_sentence(found.verdict_reason)}"
    return f"{heading}\n\nCompare: {' · '.join(links)}. Landscape and report are among the artifacts."


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def milliseconds(time: datetime | None) -> int | None:
    """A time as MLflow counts it, since 1970."""
    return None if time is None else int(time.timestamp() * 1000)
