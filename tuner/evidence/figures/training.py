"""Figures of the training: the learning curves of each method, and what is measured at the end."""

from functools import partial

from trainables.metrics import figure_name
from tuner.evidence.figures import drawing
from tuner.evidence.figures.material import Made, Material, Picture
from tuner.evidence.labels import curve_label
from tuner.evidence.over_seeds import Summary

_TEMPERATURES = "What the temperatures do"  # section of the report


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
    """Two of the task's metrics: the paper's Figure 2, 3 or 4."""
    declared = m.metrics.panels()
    if declared is None:
        return None
    left, right = (m.series(metric.name) for metric in declared)
    if not left or not right:
        return None
    number = declared[0].panel.figure if declared[0].panel else None
    caption = f"{_of_the_paper(number)}{_which(m)}"
    labels = declared[0].title, declared[1].title
    draw = partial(drawing.panels, left, right, labels=labels)
    return figure_name(number, "panels"), Picture("Learning curves", caption, draw)


def _of_the_paper(number: int | None, end: str = ". ") -> str:
    """The beginning of a caption that names the paper's figure; "" where the paper has none."""
    return "" if number is None else f"The paper's Figure {number} from this study{end}"


def distribution(m: Material) -> Made:
    """How often each category occurs, from metrics that are shares of categories: the paper's Figure 5."""
    declared = [(metric.name, metric.category) for metric in m.metrics.categories() if metric.category]
    if not declared:
        return None
    about = declared[0][1].distribution
    names = [about.perplexity, *(name for name, _ in declared)]
    means = {
        curve_label(method, trial): [Summary.of(trial.metrics.get(name, [])).mean for name in names]
        for method, trial in m.shown.items()
    }
    whole = {label: [v for v in row if v is not None] for label, row in means.items() if None not in row}
    if not whole:
        return None
    draw = partial(
        drawing.distribution,
        [category.name for _, category in declared],
        {label: row[1:] for label, row in whole.items()},
        {label: row[0] for label, row in whole.items()},
        xlabel=about.category,
        share=about.share,
    )
    text = f"{_of_the_paper(about.figure, ': ')}{about.meaning}, mean over seeds, and the perplexity of that "
    caption = f"{text[0].upper()}{text[1:]}distribution."
    return figure_name(about.figure, "distribution"), Picture(_TEMPERATURES, caption, draw)


def thresholds(m: Material) -> Made:
    """A metric that is measured at several thresholds, against the threshold, for each method."""
    declared = [(metric, metric.threshold) for metric in m.metrics.thresholds() if metric.threshold]
    series = {}
    for name, trial in m.shown.items():
        points = [(at.value, Summary.of(trial.metrics.get(metric.name, []))) for metric, at in declared]
        whole = [(value, s.mean, s.sem or 0.0) for value, s in points if s.mean is not None]
        if whole:
            x, means, errors = zip(*whole, strict=True)
            series[curve_label(name, trial)] = (list(x), list(means), list(errors))
    if not series:
        return None
    metric, at = declared[0]
    caption = f"{at.family.caption} Mean ± standard error over seeds, at the end of the training."
    draw = partial(drawing.thresholds, series, xlabel=at.family.xlabel, ylabel=metric.label)
    return at.family.figure, Picture(_TEMPERATURES, caption, draw)
