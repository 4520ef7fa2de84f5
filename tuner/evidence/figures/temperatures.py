"""Figures of what each temperature does: the paper's Figure 6, and the exact bias and variance."""

import json
from collections.abc import Sequence
from functools import partial

from trainables.metrics import Metric, Temperature
from tuner.evidence.claim_trends import along
from tuner.evidence.figures import drawing
from tuner.evidence.figures.material import Made, Material, Picture


def exploration(m: Material) -> Made:
    """The paper's Figure 6a: perplexity and signal-to-noise ratio against tau_f."""
    return _tradeoff(m, "figure6a", "tau_f")


def dispersion(m: Material) -> Made:
    """The paper's Figure 6b: norm of the gradient and share of active units against tau_b."""
    return _tradeoff(m, "figure6b", "tau_b")


def _tradeoff(m: Material, name: str, tau: Temperature) -> Made:
    """The metrics that the task declares for a temperature. Of a metric with several thresholds, those that
    do not decide are drawn faint.
    """
    fixed = None

    def lines(metrics: Sequence[Metric]) -> list[drawing.Line]:
        nonlocal fixed
        drawn = []
        for metric in metrics:
            if (found := along(m.trials, tau, metric.name, m.study.objective)) is None:
                continue
            fixed, t = found
            means = [1 - v for v in t.means] if metric.complement else list(t.means)
            faint = metric.threshold if not metric.decides else None
            label = faint.text if faint else metric.complement or metric.title
            drawn.append(drawing.Line(label, t.levels, means, t.sems, faint is not None))
        return drawn

    sides = lines(m.metrics.drawn(tau, "left")), lines(m.metrics.drawn(tau, "right"))
    if not any(sides):
        return None
    other = {"tau_f": r"$\tau_b$", "tau_b": r"$\tau_f$"}[tau]
    xlabel = "forward temperature $\\tau_f$" if tau == "tau_f" else "backward temperature $\\tau_b$"
    caption = (
        f"The paper's Figure {name.removeprefix('figure')} from this study: at the end of the training, "
        "along one line of the "
        f"search ({'tau_b' if tau == 'tau_f' else 'tau_f'} = {fixed:g}); mean ± standard error over seeds."
    )
    at = next((t.threshold.text for t in m.metrics.thresholds() if t.threshold and t.decides), "")
    faint = any(line.faint for side in sides for line in side)
    note = f"; threshold {at}, dotted: others" if faint else ""
    draw = partial(drawing.tradeoff, *sides, xlabel=xlabel, title=f"at {other} = {fixed:g}{note}")
    return name, Picture("What the temperatures do", caption, draw)


def bias(m: Material) -> Made:
    """The exact bias and variance of the estimator, where the study has measured them."""
    if m.artifacts is None:
        return None
    preferred = m.shown.get("off_diagonal")
    for trial in sorted(
        m.trials, key=lambda t: (preferred is None or t.number != preferred.number, t.number)
    ):
        file = m.artifacts / f"trial-{trial.number}" / "bias.json"
        try:
            table = json.loads(file.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):  # it has none; or the study is being deleted
            continue
        caption = (
            "Bias and variance of decoupled ST's gradient at every pair of temperatures, exact, by "
            "enumeration of all "
            f"{table.get('codes', '')} codes, at the state of trial {trial.number} ({trial.description})."
        )
        draw = partial(drawing.bias, table["tau_f"], table["tau_b"], table["bias"], table["variance"])
        return "bias", Picture("What the temperatures do", caption, draw)
    return None
