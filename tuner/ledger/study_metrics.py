"""What the task of a study declares of its metrics: labels, directions, what is to be shown."""

from trainables.declared import from_json
from trainables.metrics import Metrics
from trainables.tasks import task_metrics
from tuner.ledger.rows import StudyRow


def metrics_of(study: StudyRow) -> Metrics:
    """The declaration of the study's task. Where the task is not installed here, for instance because it was
    defined in a notebook, it is the declaration that the ledger has kept since the study was created.
    """
    found = task_metrics(study.task)
    return found if found.problem is None or study.metrics is None else from_json(study.metrics)


def objective_json(metrics: Metrics, name: str, direction: str) -> dict[str, str]:
    """An objective, with the names that readers know it by."""
    metric = metrics.of(name)
    return {"name": name, "direction": direction, "label": metric.full_label, "title": metric.title}
