"""What a task declares of its metrics as JSON, and back: a ledger keeps it of tasks that no package brings.

So a study of such a task is read with its labels, units and judgements wherever the task itself is not.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from trainables.metrics import (
    Category,
    Collapse,
    Distribution,
    Family,
    Metric,
    Metrics,
    Panel,
    Threshold,
    Trend,
)


def as_json(metrics: Metrics) -> dict[str, Any]:
    """The declaration, made of what JSON has."""
    return {
        "declared": [asdict(metric) for metric in metrics.declared],
        "collapsed": None if metrics.collapsed is None else asdict(metrics.collapsed),
    }


def from_json(given: Mapping[str, Any]) -> Metrics:
    """The reverse of as_json.

    Raises:
        ValueError: `given` is not what as_json makes; it may be from another version.
    """
    try:
        collapsed = given["collapsed"]
        return Metrics(
            tuple(_metric(one) for one in given["declared"]),
            None if collapsed is None else Collapse(**collapsed),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"metrics: {type(error).__name__}: {error}") from error


def _metric(given: Mapping[str, Any]) -> Metric:
    panel, threshold, category = given["panel"], given["threshold"], given["category"]
    parts = {
        "panel": panel and Panel(**panel),
        "trends": tuple(Trend(**trend) for trend in given["trends"]),
        "threshold": threshold and Threshold(**threshold | {"family": Family(**threshold["family"])}),
        "category": category
        and Category(**category | {"distribution": Distribution(**category["distribution"])}),
    }
    return Metric(**{**given, **parts})
