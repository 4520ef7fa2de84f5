"""What metrics and methods are called on axes and in tables."""

from tuner.ledger.rows import TrialRow

_UNITS = {"sbn": "nats", "dln": "nats", "catae": "nats per image"}  # of the tasks' losses
_NAMES = {
    "val_accuracy": "validation accuracy",
    "perplexity": "perplexity of a latent",
    "gate_perplexity": "perplexity of the gate types",
    "grad_snr": "gradient signal-to-noise ratio",
    "grad_norm": "norm of the gradient",
}
_LOSSES = {"val_loss": "validation loss", "train_loss": "training loss", "test_loss": "test loss"}


def metric_label(metric: str, task: str) -> str:
    """A metric's name for an axis, with its unit where it has one."""
    if metric in _LOSSES:
        return f"{_LOSSES[metric]} ({_UNITS[task]})" if task in _UNITS else _LOSSES[metric]
    return _NAMES.get(metric, metric.replace("_", " "))


METHODS = {"off_diagonal": "decoupled, off the diagonal", "diagonal": "decoupled, on the diagonal"}
_SHORT = {
    "off_diagonal": "off the diagonal",
    "diagonal": "on the diagonal",
    "gumbel": "ST-GS",
    "identity": "identity ST",
    "softmax": "softmax ST",
    "soft": "soft, not discretised",
}


def method_label(name: str) -> str:
    """A method's name in tables: those of the selection, else a baseline."""
    return METHODS.get(name, f"{name} (baseline)")


def short_label(name: str) -> str:
    """A method's name in a legend."""
    return _SHORT.get(name, name)


def curve_label(name: str, trial: TrialRow) -> str:
    """A method with its temperatures, for a legend."""
    if trial.tau_f is not None and trial.tau_f == trial.tau_b:
        temperatures: list[tuple[str, float | None]] = [(r"$\tau$", trial.tau_b)]
    else:
        temperatures = [(r"$\tau_f$", trial.tau_f), (r"$\tau_b$", trial.tau_b)]
    text = ", ".join(f"{symbol} = {value:g}" for symbol, value in temperatures if value is not None)
    return ", ".join(part for part in (short_label(name), text) if part)
