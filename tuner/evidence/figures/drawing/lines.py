"""Draws lines: along the training, along a temperature, along a threshold."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tuner.evidence.figures.drawing.style import (
    COLUMN_IN,
    GREY,
    MARKERS,
    PAGE_IN,
    STAR,
    TAU_B,
    TAU_F,
    figure,
    legend,
    look,
    spread,
)

# Temperatures [N], means [N] and standard errors [N] over seeds; None where there is no value.
Stage: TypeAlias = tuple[Sequence[float], Sequence[float | None], Sequence[float | None]]
# {label of a line: (x [N], means [N], standard errors [N])}
Series: TypeAlias = Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float]]]


def curves(series: Series, *, objective: str) -> Figure:
    """Learning curves with bands.

    Args:
        series: label -> (epochs [I], means [I], standard errors [I]).
        objective: label of the vertical axis.
    """
    drawn = figure(COLUMN_IN, 2.2 + 0.11 * len(series))
    axes = drawn.add_subplot()
    _draw_series(axes, series, objective)
    legend(drawn, axes, columns=1)
    return drawn


def panels(left: Series, right: Series, *, labels: tuple[str, str]) -> Figure:
    """Two metrics of the same trials along the training, side by side."""
    drawn = figure(PAGE_IN, 2.2 + 0.055 * len(left))
    for axes, series, label in zip(drawn.subplots(1, 2), (left, right), labels, strict=True):
        _draw_series(axes, series, label)
    legend(drawn, drawn.axes[0], columns=2)
    return drawn


def _draw_series(axes: Axes, series: Series, label: str) -> None:
    for n, (name, (epochs, means, errors)) in enumerate(series.items()):
        x, mean, error = np.asarray(epochs), np.asarray(means), np.asarray(errors)
        axes.plot(x, mean, **look(n), label=name)
        axes.fill_between(x, mean - error, mean + error, color=look(n)["color"], alpha=0.18, linewidth=0)
    if spread([float(v) for _, means, _ in series.values() for v in means]):
        axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel=label)


Marginal = tuple[Stage, Stage, float]  # the best, those in line with the optimum, the optimum's other value


def marginals(forward: Marginal, backward: Marginal, *, objective: str, minimize: bool) -> Figure:
    """The objective along each temperature: at the best value of the other one, and in line with the optimum.

    Args:
        forward: along tau_f.
        backward: along tau_b.
        objective: label of the vertical axis.
        minimize: whether low is good.
    """
    drawn = figure(PAGE_IN, 2.4)
    sides = ((forward, r"$\tau_b$", TAU_F), (backward, r"$\tau_f$", TAU_B))
    for axes, ((best, line, fixed), symbol, xlabel) in zip(drawn.subplots(1, 2), sides, strict=True):
        labels = f"best {symbol}", f"{symbol} = {fixed:g}, the optimum's"
        for n, (stage, label) in enumerate(zip((best, line), labels, strict=True)):
            _draw_stage(axes, stage, minimize, n=n, label=label, star=n == 0)
        axes.set(xlabel=xlabel, ylabel=objective)
        axes.legend()
        if spread([float(v) for v in (*best[1], *line[1]) if v is not None]):
            axes.set_yscale("log")
    return drawn


def stages(
    first: Stage,
    second: Stage,
    *,
    tau_b_start: float,
    best_tau_f: float,
    baselines: Mapping[str, float],
    objective: str,
    minimize: bool,
) -> Figure:
    """A sequential search: the objective against tau_f at tau_b_start, and against tau_b at the best tau_f.

    Args:
        first: of tau_f.
        second: of tau_b.
        tau_b_start: tau_b of the first stage.
        best_tau_f: tau_f of the second stage.
        baselines: label -> its best mean, a horizontal line.
        objective: label of the vertical axis.
        minimize: whether low is good, so which point is starred.
    """
    drawn = figure(PAGE_IN, 2.6)
    left, right = drawn.subplots(1, 2, sharey=True)
    _draw_stage(left, first, minimize, label="decoupled")
    _draw_stage(right, second, minimize, label="decoupled")
    for n, (label, value) in enumerate(baselines.items(), start=1):
        for axes in (left, right):
            axes.axhline(value, **look(n), label=label)
    left.set(xlabel=TAU_F, ylabel=objective, title=rf"first stage, at $\tau_b$ = {tau_b_start:g}")
    right.set(xlabel=TAU_B, title=rf"second stage, at $\tau_f$ = {best_tau_f:g}")
    means = [*(v for v in (*first[1], *second[1]) if v is not None), *baselines.values()]
    if spread([float(v) for v in means]):
        left.set_yscale("log")
    legend(drawn, left, columns=1 + len(baselines))
    return drawn


def _draw_stage(
    axes: Axes, stage: Stage, minimize: bool, *, n: int = 0, label: str, star: bool = True
) -> None:
    """Points with their standard errors, the best one starred; a cross at the upper edge where there is no
    value.
    """
    taus, means, errors = (
        np.array([np.nan if v is None else v for v in values], dtype=float) for values in stage
    )
    known = np.isfinite(means)
    axes.errorbar(
        taus[known],
        means[known],
        yerr=np.nan_to_num(errors[known]),
        **look(n),
        marker=MARKERS[n],
        markersize=3,
        capsize=2,
        elinewidth=0.8,
        label=label,
    )
    axes.plot(
        taus[~known],
        np.full((~known).sum(), 0.97),
        transform=axes.get_xaxis_transform(),
        marker="x",
        markersize=4,
        linestyle="none",
        color=GREY,
    )
    if star and known.any():
        best = np.nanargmin(means) if minimize else np.nanargmax(means)
        axes.plot(taus[best], means[best], markersize=9, markeredgewidth=0.6, zorder=5, **STAR)


def thresholds(series: Series, *, xlabel: str, ylabel: str) -> Figure:
    """A share against a threshold, on a logarithmic axis: label -> (thresholds, means, standard errors)."""
    drawn = figure(COLUMN_IN, 2.1 + 0.11 * len(series))
    axes = drawn.add_subplot()
    for n, (name, (x, means, errors)) in enumerate(series.items()):
        axes.errorbar(
            x,
            means,
            yerr=errors,
            **look(n),
            marker=MARKERS[n % len(MARKERS)],
            markersize=3,
            capsize=2,
            label=name,
        )
    axes.set(xscale="log", xlabel=xlabel, ylabel=ylabel, ylim=(-0.03, 1.03))
    legend(drawn, axes, columns=1)
    return drawn
