"""Display names of methods, states and metrics, for tables, legends, the report, the API and the page.

Each has one display name, which is defined here only; specs and the ledger have short keys (`gumbel`,
`off_diagonal`).
"""

from trainables.data import OWN_DATA
from trainables.metrics import Metrics
from tuner.ledger.rows import TrialRow

# By the names of Selection.named, and the estimators of which baselines are made.
METHODS = {
    "off_diagonal": "off the diagonal",
    "argmax": "argmax",
    "diagonal": "on the diagonal",
    "decoupled": "decoupled ST",
    "identity": "identity ST",
    "softmax": "softmax ST",
    "gumbel": "ST-GS",
    "reinmax": "ReinMax",
    "gumbel_rao": "Gumbel-Rao",
    "gst": "GST-1.0",
    "soft": "soft, not discretised",
}
# Of studies and of trials.
STATES = {
    "queued": "queued",
    "running": "running",
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "interrupted": "interrupted",
    "diverged": "diverged",
    "stopped": "stopped",  # at a rung, or with its study; the trial's reason says which
}


def metric_label(metric: str, metrics: Metrics) -> str:
    """A metric's name for an axis or a table's head, with its unit where it has one."""
    return metrics.of(metric).title


def method_label(name: str) -> str:
    """The display name of a method, by a name of Selection.named or by the estimator of a baseline."""
    return METHODS.get(name, name.replace("_", " "))


def dataset_label(name: str) -> str:
    """What a task learns from: a dataset's name, or that it is the task's own data."""
    return "its own data" if name == OWN_DATA else name


def curve_label(name: str, trial: TrialRow) -> str:
    """A method with its temperatures, for a legend."""
    if trial.tau_f is not None and trial.tau_f == trial.tau_b:
        temperatures: list[tuple[str, float | None]] = [(r"$\tau$", trial.tau_b)]
    else:
        temperatures = [(r"$\tau_f$", trial.tau_f), (r"$\tau_b$", trial.tau_b)]
    text = ", ".join(f"{symbol} = {value:g}" for symbol, value in temperatures if value is not None)
    return ", ".join(part for part in (method_label(name), text) if part)
