"""What the task of a study declares of its metrics, for whoever reads the study."""

from trainables.declared import from_json
from trainables.metrics import Metrics
from trainables.tasks import task_metrics
from tuner.ledger.rows import StudyRow


def metrics_of(study: StudyRow) -> Metrics:
    """As the task is known here; where it is not, a file's or a notebook's for one, as the ledger has kept it
    since the study was submitted.
    """
    found = task_metrics(study.task)
    return found if found.problem is None or study.metrics is None else from_json(study.metrics)


def objective_json(metrics: Metrics, name: str, direction: str) -> dict[str, str]:
    """An objective, with the names that readers know it by."""
    metric = metrics.of(name)
    return {"name": name, "direction": direction, "label": metric.full_label, "title": metric.title}
