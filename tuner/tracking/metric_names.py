"""Names of metrics in MLflow, which groups its charts by what stands before a slash."""

from trainables.metrics import Metrics


def metric_name(name: str, declared: Metrics) -> str:
    """A metric's name there. The diagnostics get sections of their own, below what is trained for:
    "gradient/norm", "inactive/1e-05".
    """
    metric = declared.of(name)
    if metric.threshold:
        return f"{metric.threshold.family.figure}/{metric.threshold.text}"
    if metric.category:
        return f"{metric.category.distribution.category}/{metric.category.name}".replace(" ", "_")
    if name.startswith("grad_"):
        return f"gradient/{name.removeprefix('grad_')}"
    return f"diagnostics/{name}" if metric.measured == "diagnosis" else name
