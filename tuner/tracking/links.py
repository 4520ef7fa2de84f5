"""Addresses in the MLflow UI: a study's run, a comparison of its trials. They are made from what the ledger
keeps, without asking MLflow.
"""

from tuner.ledger.rows import StudyRow
from tuner.tracking.mlflow_private import run_address, runs_address, view_address
from tuner.tracking.views import OPTIMA_KEY


def run_page(uri: str, study: StudyRow) -> str | None:
    """The study's parent run; None until MLflow has it."""
    if study.mlflow_run is None:
        return None
    experiment, _, run = study.mlflow_run.partition("/")
    return f"{uri}/{run_address(experiment, run)}"


def comparison_page(uri: str, study: StudyRow) -> str | None:
    """The study's search as charts, the objective's first; None until MLflow has the study."""
    if study.mlflow_run is None:
        return None
    return f"{uri}/{view_address(study.mlflow_run.partition('/')[0], study.id)}"


def trial_page(uri: str, study: StudyRow, number: int) -> str | None:
    """The runs of one of the study's trials; None until MLflow has the study."""
    if study.mlflow_run is None:
        return None
    experiment, condition = study.mlflow_run.partition("/")[0], f"tags.trial = '{number}'"
    return f"{uri}/{comparison(experiment, study, condition)}"


def optima_page(uri: str, study: StudyRow) -> str | None:
    """The optima of all studies, this one's among them; None where MLflow does not have them."""
    if study.mlflow_optima is None:
        return None
    return f"{uri}/{view_address(study.mlflow_optima, OPTIMA_KEY)}"


def comparison(experiment: str, study: StudyRow, condition: str) -> str:
    """The study's trials that a filter lets through, best first, as a link within MLflow."""
    return runs_address(
        experiment,
        f"tags.study = '{study.id}' and {condition}",
        order_by=study.objective.name,
        ascending=study.objective.minimize,
    )
