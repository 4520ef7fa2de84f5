"""Addresses in the MLflow UI: a study's run, a comparison of its trials. Made of what the ledger keeps;
MLflow is not asked.
"""

from urllib.parse import quote, urlencode

from tuner.ledger.rows import StudyRow


def run_page(uri: str, study: StudyRow) -> str | None:
    """The study's parent run; None until MLflow has it."""
    if study.mlflow_run is None:
        return None
    experiment, _, run = study.mlflow_run.partition("/")
    return f"{uri}/#/experiments/{experiment}/runs/{run}?workflowType=machine_learning"


def comparison_page(uri: str, study: StudyRow, condition: str) -> str | None:
    """The study's trials that a filter lets through, best first, as charts; None until MLflow has the
    study.
    """
    if study.mlflow_run is None:
        return None
    return f"{uri}/{comparison(study.mlflow_run.partition('/')[0], study, condition)}"


def comparison(experiment: str, study: StudyRow, condition: str) -> str:
    """The same, as a link within MLflow."""
    query = {
        "workflowType": "machine_learning",
        "searchFilter": f"tags.study = '{study.id}' and {condition}",
        "orderByKey": f"metrics.`{study.objective.name}`",
        "orderByAsc": str(study.objective.minimize).lower(),
        "compareRunsMode": "CHART",
    }
    return f"#/experiments/{experiment}/runs?{urlencode(query, quote_via=quote)}"
