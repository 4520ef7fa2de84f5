"""Figures of what each temperature does: the paper's Figure 6, and the exact bias and variance."""

import json
from collections.abc import Sequence
from functools import partial

from tuner.evidence.claims import ACTIVE_EPS, OTHER_EPS, along
from tuner.evidence.figures import drawing
from tuner.evidence.figures.material import Made, Material, Picture
from tuner.evidence.labels import metric_label


def exploration(m: Material) -> Made:
    """The paper's Figure 6a: perplexity and signal-to-noise ratio against tau_f."""
    metric = "gate_perplexity" if m.study.task == "dln" else "perplexity"
    return _tradeoff(m, "figure6a", "tau_f", [(metric, False)], [("grad_snr", False)])


def dispersion(m: Material) -> Made:
    """The paper's Figure 6b: norm of the gradient and share of active units against tau_b."""
    shares = [(f"inactive_{eps}", eps != ACTIVE_EPS) for eps in (ACTIVE_EPS, *OTHER_EPS)]
    return _tradeoff(m, "figure6b", "tau_b", [("grad_norm", False)], shares)


def _tradeoff(
    m: Material, name: str, tau: str, left: Sequence[tuple[str, bool]], right: Sequence[tuple[str, bool]]
) -> Made:
    """Metrics along a temperature, each with whether it is a variant that is drawn faint."""
    fixed = None

    def lines(metrics: Sequence[tuple[str, bool]]) -> list[drawing.Line]:
        nonlocal fixed
        drawn = []
        for metric, faint in metrics:
            if (found := along(m.trials, tau, metric, m.study.objective)) is None:
                continue
            fixed, t = found
            active = metric.startswith("inactive_")
            means = [1 - v for v in t.means] if active else list(t.means)
            eps = metric.removeprefix("inactive_")
            share = eps if faint else "share of active units"
            label = share if active else metric_label(metric, m.study.task)
            drawn.append(drawing.Line(label, t.levels, means, t.sems, faint))
        return drawn

    sides = lines(left), lines(right)
    if not any(sides):
        return None
    other = {"tau_f": r"$\tau_b$", "tau_b": r"$\tau_f$"}[tau]
    xlabel = "forward temperature $\\tau_f$" if tau == "tau_f" else "backward temperature $\\tau_b$"
    caption = (
        f"The paper's Figure {name.removeprefix('figure')} from this study: at the end of the training, "
        "along one line of the "
        f"search ({'tau_b' if tau == 'tau_f' else 'tau_f'} = {fixed:g}); mean ± standard error over seeds."
    )
    note = f"; threshold {ACTIVE_EPS}, dotted: others" if any(line.faint for line in sides[1]) else ""
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
        if file.is_file():
            table = json.loads(file.read_text(encoding="utf-8"))
            caption = (
                "Bias and variance of decoupled ST's gradient at every pair of temperatures, exact, by "
                "enumeration of all "
                f"{table.get('codes', '')} codes, at the state of trial {trial.number} ({trial.description})."
            )
            draw = partial(drawing.bias, table["tau_f"], table["tau_b"], table["bias"], table["variance"])
            return "bias", Picture("What the temperatures do", caption, draw)
    return None
