"""What we use of MLflow that its documentation does not promise. A test looks each of these up in the
installed MLflow, so that an update that changes one is noticed there.

Where one has changed, studies are sent all the same: a link opens MLflow's own view in place of ours, or the
server starts processes that nobody needs.
"""

from urllib.parse import quote, urlencode

# Makes the UI open an experiment on a table of runs; without it, it guesses that this is about language
# models.
EXPERIMENT_TAGS = {"mlflow.experimentKind": "custom_model_development"}

# The text that the UI shows on a run's page, as Markdown.
NOTE_TAG = "mlflow.note.content"

# Read by the server: no processes for jobs, of which MLflow starts a dozen.
SERVER_ENVIRONMENT = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}

# Read by the client: it does not print a run's address when the run ends.
CLIENT_ENVIRONMENT = {"MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true"}

# The UI's addresses are made of these names.
UI_QUERY = ("workflowType", "searchFilter", "orderByKey", "orderByAsc", "compareRunsMode")


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
