"""Figures of the training: the course of each method, and the state at its end."""

from functools import partial

from tuner.evidence.claims import ACTIVE_EPS, OTHER_EPS
from tuner.evidence.figures import drawing
from tuner.evidence.figures.material import Made, Material, Picture
from tuner.evidence.labels import curve_label, metric_label
from tuner.evidence.results import Summary

# The two panels of the paper's figure for a task: its number and the metrics.
_PANELS = {
    "sbn": (2, ("val_loss", "val_accuracy")),
    "catae": (3, ("val_loss", "perplexity")),
    "dln": (4, ("train_loss", "val_accuracy")),
}
_EPS = sorted((ACTIVE_EPS, *OTHER_EPS), key=float)


def _which(m: Material) -> str:
    on = "fresh seeds, which were not used to select" if m.fresh else "the seeds that it was selected on"
    return f"The selected trial of each method, on {on}; band: standard error over seeds."


def learning(m: Material) -> Made:
    """The objective over the training of each method."""
    series = m.series(m.study.objective.name)
    if not series:
        return None
    return "curves", Picture(
        "Learning curves", _which(m), partial(drawing.curves, series, objective=m.objective)
    )


def panels(m: Material) -> Made:
    """The paper's Figure 2, 3 or 4."""
    if m.study.task not in _PANELS:
        return None
    number, metrics = _PANELS[m.study.task]
    left, right = (m.series(metric) for metric in metrics)
    if not left or not right:
        return None
    labels = metric_label(metrics[0], m.study.task), metric_label(metrics[1], m.study.task)
    caption = f"The paper's Figure {number} from this study. {_which(m)}"
    return f"figure{number}", Picture(
        "Learning curves", caption, partial(drawing.panels, left, right, labels=labels)
    )


def gates(m: Material) -> Made:
    """The paper's Figure 5."""
    there = {curve_label(name, t): t for name, t in m.shown.items() if "gate_perplexity" in t.metrics}
    names = [k.removeprefix("gate_") for t in list(there.values())[:1] for k in t.metrics
             if k.startswith("gate_") and k != "gate_perplexity"]  # fmt: skip
    means = {
        label: {
            k: Summary.of(t.metrics.get(k, [])).mean
            for k in ("gate_perplexity", *(f"gate_{n}" for n in names))
        }
        for label, t in there.items()
    }
    whole = {
        label: {k: v for k, v in row.items() if v is not None}
        for label, row in means.items()
        if None not in row.values()
    }
    if not whole or not names:
        return None
    shares = {label: [row[f"gate_{n}"] for n in names] for label, row in whole.items()}
    perplexity = {label: row["gate_perplexity"] for label, row in whole.items()}
    caption = (
        "The paper's Figure 5 from this study: how often each gate type is the most probable one, mean over "
        "seeds, and the "
        "perplexity of that distribution."
    )
    return "figure5", Picture(
        "What the temperatures do", caption, partial(drawing.gates, names, shares, perplexity)
    )


def inactive(m: Material) -> Made:
    """The share of inactive units of each method."""
    series = {}
    for name, trial in m.shown.items():
        points = [(float(eps), Summary.of(trial.metrics.get(f"inactive_{eps}", []))) for eps in _EPS]
        whole = [(eps, s.mean, s.sem or 0.0) for eps, s in points if s.mean is not None]
        if whole:
            x, means, errors = zip(*whole, strict=True)
            series[curve_label(name, trial)] = (list(x), list(means), list(errors))
    if not series:
        return None
    caption = (
        "A unit is inactive where the mean size of its logit's gradient is below a threshold. The paper "
        "gives none, so the share "
        "is shown against it. Mean ± standard error over seeds, at the end of the training."
    )
    draw = partial(
        drawing.thresholds,
        series,
        xlabel="threshold of the mean gradient of a unit's logit",
        ylabel="share of inactive units",
    )
    return "inactive", Picture("What the temperatures do", caption, draw)
