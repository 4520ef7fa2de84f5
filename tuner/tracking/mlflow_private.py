"""Parts of MLflow that we use though its documentation does not promise them. A test looks each of them up in
the installed MLflow, so that an update that changes one is noticed there.

If one has changed, studies are sent all the same: a link then opens MLflow's own view in place of ours, or
the server starts processes that nobody needs.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

# Makes the UI open an experiment on a table of runs; without it, it guesses that this is about language
# models.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}

# The text that the UI shows on a run's page, as Markdown.
NOTE_TAG = "mlflow.note.content"

# The colour of a run in the UI's charts and table, "#0072b2".
COLOUR_TAG = "mlflow.runColor"

# Of an experiment: a view of its runs that an address may name by KEY. Its value is the state of the UI's own
# page, as JSON.
SHARED_VIEW_TAG = "mlflow.sharedViewState."

# Read by the server: no processes for jobs, of which MLflow starts a dozen.
SERVER_ENVIRONMENT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

# Read by the server and by what it starts: where another server is, and what it consists of. Ours is where
# its command line says.
OF_OTHER_SERVERS = frozenset(
    {
        "MLFLOW_ARTIFACTS_DESTINATION",
        "MLFLOW_ARTIFACTS_ONLY",
        "MLFLOW_BACKEND_STORE_URI",
        "MLFLOW_DEFAULT_ARTIFACT_ROOT",
        "MLFLOW_ENABLE_WORKSPACES",
        "MLFLOW_EXPOSE_PROMETHEUS",
        "MLFLOW_GUNICORN_OPTS",
        "MLFLOW_HOST",
        "MLFLOW_PORT",
        "MLFLOW_READ_REPLICA_BACKEND_STORE_URI",
        "MLFLOW_REGISTRY_STORE_URI",
        "MLFLOW_SERVE_ARTIFACTS",
        "MLFLOW_STATIC_PREFIX",
        "MLFLOW_TRACE_ARCHIVAL_CONFIG",
        "MLFLOW_TRACKING_URI",
        "MLFLOW_UVICORN_OPTS",
        "MLFLOW_WORKERS",
        "MLFLOW_WORKSPACE",
        "MLFLOW_WORKSPACE_STORE_URI",
        "WEB_CONCURRENCY",
    }
)
OF_OTHER_SERVERS_PREFIX = "UVICORN_"  # each option of uvicorn, which is what MLflow starts

# Read by the client: it does not print a run's address when the run ends.
CLIENT_ENVIRONMENT = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}

# The UI's addresses are made of these names.
UI_QUERY = ("workflowType", "searchFilter", "orderByKey", "orderByAsc", "compareRunsMode")
SHARED_VIEW_QUERY = "viewStateShareKey"


def run_address(experiment: str, run: str) -> str:
    """A run's page in the UI, relative to the server's address."""
    return f"#/experiments/{experiment}/runs/{run}?workflowType=machine_learning"


def runs_address(experiment: str, condition: str, *, order_by: str, ascending: bool) -> str:
    """The runs of an experiment that a filter lets through, as charts, relative to the server's address.

    Args:
        experiment: its id.
        condition: a filter as MLflow's search takes it.
        order_by: the metric that they are sorted by.
        ascending: whether low values come first.
    """
    values = ("machine_learning", condition, f"metrics.`{order_by}`", str(ascending).lower(), "CHART")
    query = urlencode(dict(zip(UI_QUERY, values, strict=True)), quote_via=quote)
    return f"#/experiments/{experiment}/runs?{query}"


def view_address(experiment: str, key: str) -> str:
    """A shared view of an experiment's runs, as charts, relative to the server's address."""
    kind, mode = UI_QUERY[0], UI_QUERY[-1]
    values = {kind: "machine_learning", SHARED_VIEW_QUERY: key, mode: "CHART"}
    return f"#/experiments/{experiment}/runs?{urlencode(values)}"


# --- what a shared view is made of; the names are those of the UI's own state ---

Chart = dict[str, Any]  # of one chart in that state

_MOST_RUNS = 100  # in a chart; the UI is slow beyond
_ENDS = {"xMin": None, "xMax": None, "yMin": None, "yMax": None}
# What every chart, every section and every view has beside what is asked for.
_CHART = {"runsCountToCompare": _MOST_RUNS, "deleted": False, "isGenerated": False}
_SECTION = {"display": True, "isReordered": False, "deleted": False, "isGenerated": False}
_STATE: dict[str, Any] = {
    "startTime": "ALL",
    "lifecycleFilter": "Active",
    "datasetsFilter": [],
    "modelVersionFilter": "All Runs",
    "compareRunsMode": "CHART",
    "isAccordionReordered": True,  # else the sections are in the order of the alphabet
    "runsHidden": [],
    "runsHiddenMode": "SHOWALL",
    "runsPinned": [],
    "runsExpanded": {},
    "viewMaximized": False,
    "runListHidden": False,
    "useGroupedValuesInCharts": False,
    "groupBy": None,
    "hideEmptyCharts": True,
    "chartsSearchFilter": "",
    "autoRefreshEnabled": False,
    "globalLineChartConfig": {"xAxisKey": "step", "lineSmoothness": 0, "selectedXAxisMetricKey": ""},
}


@dataclass(frozen=True)
class Section:
    """Charts under a heading."""

    name: str
    charts: Sequence[Chart]


def line_chart(metric: str, *, logarithmic: bool) -> Chart:
    """A metric over the training, a line for each run."""
    return {
        "type": "LINE",
        "metricKey": metric,
        "selectedMetricKeys": [metric],
        "xAxisKey": "step",
        "selectedXAxisMetricKey": "",
        "yAxisKey": "metric",
        "yAxisExpressions": [],
        "lineSmoothness": 0,
        "scaleType": "log" if logarithmic else "linear",
        "xAxisScaleType": "linear",
        "range": _ENDS,
        "useGlobalLineSmoothing": False,
        "useGlobalXaxisKey": False,
    }


def bar_chart(metric: str) -> Chart:
    """The last value of a metric, a bar for each run."""
    return {"type": "BAR", "metricKey": metric}


def scatter_chart(x: str, y: str) -> Chart:
    """Two metrics, a point for each run, in the run's colour. (Of parameters the UI draws none: it looks for
    metrics of these names, and finds the chart empty.)
    """
    return {"type": "SCATTER", "xaxis": _axis(x, "METRIC"), "yaxis": _axis(y, "METRIC")}


def contour_chart(x: str, y: str, metric: str) -> Chart:
    """A metric over two parameters."""
    return {
        "type": "CONTOUR",
        "xaxis": _axis(x, "PARAM"),
        "yaxis": _axis(y, "PARAM"),
        "zaxis": _axis(metric, "METRIC"),
    }


def parallel_chart(params: Sequence[str], metrics: Sequence[str]) -> Chart:
    """A line through the parameters and metrics of each run."""
    return {"type": "PARALLEL", "selectedParams": list(params), "selectedMetrics": list(metrics)}


def shared_view(
    sections: Sequence[Section],
    *,
    condition: str,
    order_by: str,
    ascending: bool,
    params: Sequence[str],
    metrics: Sequence[str],
) -> str:
    """The value of a shared view's tag.

    Args:
        sections: its charts.
        condition: which runs, as MLflow's search takes it.
        order_by: the metric that they are sorted by.
        ascending: whether low values come first.
        params: parameters that are columns of the table of runs.
        metrics: metrics likewise.
    """
    state = {
        **_STATE,
        "searchFilter": condition,
        "orderByKey": f"metrics.`{order_by}`",
        "orderByAsc": ascending,
        "compareRunCharts": [
            chart | _CHART | {"uuid": f"chart-{n}-{i}", "metricSectionId": f"section-{n}"}
            for n, section in enumerate(sections)
            for i, chart in enumerate(section.charts)
        ],
        "compareRunSections": [
            _SECTION | {"uuid": f"section-{n}", "name": section.name} for n, section in enumerate(sections)
        ],
        "selectedColumns": [
            *(f"params.`{name}`" for name in params),
            *(f"metrics.`{name}`" for name in metrics),
        ],
    }
    return json.dumps(state)


def _axis(name: str, kind: str) -> dict[str, str]:
    return {"key": name, "type": kind}
