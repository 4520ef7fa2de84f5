"""Which charts and columns MLflow shows first: for the trials of a study, and for the optima of all studies.

By default MLflow draws a chart for every metric, in alphabetical order: the first dozens are diagnostics, and
its table has no columns for the objective or the temperatures.
"""

from trainables.metrics import Metrics
from tuner.ledger.rows import StudyRow
from tuner.tracking.metric_names import metric_name
from tuner.tracking.mlflow_private import (
    Chart,
    Section,
    bar_chart,
    contour_chart,
    line_chart,
    parallel_chart,
    scatter_chart,
    shared_view,
)

OPTIMA_KEY = "optima"
_MOST_METRICS = 30  # of a task that have a chart: the state must fit into a tag
_TEMPERATURES = ("tau_f", "tau_b")


def study_view(study: StudyRow, declared: Metrics) -> str:
    """A study's search: the objective over the training, over the two temperatures, and against all that was
    varied; below it what else is measured, then the diagnostics, a section for each kind.
    """
    objective = study.objective.name
    varied = (*_TEMPERATURES, "lr")
    first = (
        line_chart(objective, logarithmic=study.objective.minimize),
        contour_chart(*_TEMPERATURES, objective),
        parallel_chart(varied, [objective]),
    )
    sections: dict[str, list[Chart]] = {f"Objective: {objective}": [*first]}
    for metric in declared.everything[:_MOST_METRICS]:
        name = metric_name(metric.name, declared)
        kind = name.rpartition("/")[0]
        if name != objective:
            chart = bar_chart(name) if kind else line_chart(name, logarithmic=False)
            sections.setdefault(kind or "Other measurements", []).append(chart)
    return shared_view(
        [Section(name, charts) for name, charts in sections.items()],
        condition=f"tags.study = '{study.id}' and tags.role = 'search'",
        order_by=objective,
        ascending=study.objective.minimize,
        params=("estimator", *varied),
        metrics=(objective, f"{objective}_sem"),
    )


def optima_view() -> str:
    """The best off the diagonal of every study: where it lies, and what it gains with which interval."""
    gains = ("gain", "gain_low", "gain_high")
    return shared_view(
        [
            Section("Optima off the diagonal", [scatter_chart(*_TEMPERATURES)]),
            Section(
                "Gain and its interval",
                [bar_chart(name) for name in gains],
            ),
        ],
        condition="tags.method = 'off_diagonal'",
        order_by="gain",
        ascending=False,
        params=("task", "dataset", *_TEMPERATURES, "lr"),
        metrics=(*gains, "objective"),
    )
