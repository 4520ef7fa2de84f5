"""Figures: functions that take arrays and return matplotlib figures. Colour-blind safe, readable at column width."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

# Okabe & Ito's palette: distinct under the common colour-vision deficiencies.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", "-.", ":", (0, (3, 1, 1, 1, 1, 1)))
_STAR: dict[str, Any] = {"marker": "*", "color": "#E69F00", "markeredgecolor": "black", "linestyle": "none"}
_LARGEST_IN = 16.0  # a side of a figure in inches; larger ones are not readable, and too large ones cannot be drawn
_MOST_TICKS = 40  # labels that a side of that length holds
_MOST_NUMBERS = 64  # cells into which numbers are written


# Temperatures [N], means [N] and standard errors [N] over seeds; None where there is no value.
Stage: TypeAlias = tuple[Sequence[float], Sequence[float | None], Sequence[float | None]]


def landscape(
    tau_f: Sequence[float],
    tau_b: Sequence[float],
    mean: Sequence[Sequence[float | None]],
    *,
    objective: str,
    minimize: bool,
    ran: Collection[tuple[float, float]] | None = None,
    title: str = "",
) -> Figure:
    """The objective over the temperatures, the diagonal outlined, the optimum starred.

    Args:
        tau_f: [F] values, ascending.
        tau_b: [G] values, ascending.
        mean: [F][G], None where there is no value (drawn grey).
        objective: its name, for the colour bar.
        minimize: whether low is good; good is dark.
        ran: the pairs (tau_f, tau_b) that were run, the others are left blank; None: all of them.
        title: above the figure.
    """
    values = np.array([[np.nan if v is None else v for v in row] for row in mean], dtype=float).T  # [G, F]: tau_b upwards
    size = (min(max(3.6, 0.46 * len(tau_f) + 2.0), _LARGEST_IN), min(max(2.9, 0.4 * len(tau_b) + 1.2), _LARGEST_IN))
    figure = Figure(figsize=size, layout="constrained", dpi=160)
    axes = figure.add_subplot()
    # One bad corner of the grid would take the whole scale: colours end at the 90th percentile, and the bar says so.
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (0, 90) if minimize else (10, 100)) if finite.size else (0, 1)
    was_run = np.array([[ran is None or (f, b) in ran for f in tau_f] for b in tau_b])
    corners = np.arange(len(tau_f) + 1), np.arange(len(tau_b) + 1)
    crowded = max(size) >= _LARGEST_IN
    lines: dict[str, Any] = {} if crowded else {"edgecolors": "white", "linewidth": 0.4}
    axes.pcolormesh(*corners, np.ma.masked_array(np.ones(values.shape), ~was_run), cmap=ListedColormap(["#dddddd"]), **lines)
    mesh = axes.pcolormesh(
        *corners, np.ma.masked_invalid(values),
        cmap="viridis" if minimize else "viridis_r", vmin=low, vmax=max(high, low + 1e-12), **lines,
    )  # fmt: skip
    for axis, taus in ((axes.xaxis, tau_f), (axes.yaxis, tau_b)):
        every = -(-len(taus) // _MOST_TICKS)
        axis.set_ticks(np.arange(0, len(taus), every) + 0.5, [f"{v:g}" for v in taus[::every]])
    axes.tick_params(length=0, labelsize=8)
    axes.set_xlabel(r"forward temperature $\tau_f$")
    axes.set_ylabel(r"backward temperature $\tau_b$")
    for i, f in enumerate(tau_f):
        for j, b in enumerate(tau_b):
            if f == b:
                width = 1.6 if was_run[j, i] else 0.6
                axes.add_patch(Rectangle((i + 0.03, j + 0.03), 0.94, 0.94, fill=False, ec="#D55E00", linewidth=width))
    if finite.size <= _MOST_NUMBERS and not crowded:
        _write_values(axes, values, low, high, minimize)
    if finite.size:
        row, column = np.unravel_index(np.nanargmin(values) if minimize else np.nanargmax(values), values.shape)
        axes.plot(column + 0.5, row + 0.78, markersize=9, markeredgewidth=0.6, **_STAR)
    extend = "neither" if not finite.size or (finite.max() <= high and finite.min() >= low) else "max" if minimize else "min"
    figure.colorbar(mesh, ax=axes, label=objective, extend=extend).ax.tick_params(labelsize=8)
    axes.set_title(title or "star: optimum, outlined: diagonal", fontsize=8, loc="left")
    return figure


def _write_values(axes: Axes, values: np.ndarray, low: float, high: float, minimize: bool) -> None:
    """The numbers in the cells, dark on light and light on dark."""
    for (j, i), value in np.ndenumerate(values):
        if np.isfinite(value):
            lightness = np.clip((value - low) / max(high - low, 1e-12), 0, 1)
            lightness = lightness if minimize else 1 - lightness
            colour = "black" if lightness > 0.6 else "white"
            axes.text(i + 0.5, j + 0.38, f"{value:.3g}", ha="center", va="center", fontsize=6.5, color=colour)


def curves(series: Mapping[str, tuple[Sequence[float], Sequence[float], Sequence[float]]], *, objective: str) -> Figure:
    """Learning curves with bands.

    Args:
        series: label -> (epochs [I], means [I], standard errors [I]).
        objective: label of the vertical axis.
    """
    figure = Figure(figsize=(4.4, 3.0), layout="constrained", dpi=160)
    axes = figure.add_subplot()
    for n, (label, (epochs, means, errors)) in enumerate(series.items()):
        x, mean, error = np.asarray(epochs), np.asarray(means), np.asarray(errors)
        colour = _COLOURS[n % len(_COLOURS)]
        axes.plot(x, mean, color=colour, linestyle=_STYLES[n % len(_STYLES)], linewidth=1.5, label=label)
        axes.fill_between(x, mean - error, mean + error, color=colour, alpha=0.18, linewidth=0)
    axes.set_xlabel("epoch")
    axes.set_ylabel(objective)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.legend(fontsize=7, frameon=False)
    return figure


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
    figure = Figure(figsize=(8.0, 3.2), layout="constrained", dpi=160)
    left, right = figure.subplots(1, 2, sharey=True)
    _draw_stage(left, first, minimize)
    _draw_stage(right, second, minimize)
    for n, (label, value) in enumerate(baselines.items(), start=1):
        for axes in (left, right):
            colour = _COLOURS[n % len(_COLOURS)]
            axes.axhline(value, color=colour, linestyle=_STYLES[n % len(_STYLES)], linewidth=1.2, label=label)
    left.set_xlabel(r"forward temperature $\tau_f$")
    right.set_xlabel(r"backward temperature $\tau_b$")
    left.set_ylabel(objective)
    left.set_title(rf"first stage, at $\tau_b$ = {tau_b_start:g}", fontsize=8, loc="left")
    right.set_title(rf"second stage, at $\tau_f$ = {best_tau_f:g}", fontsize=8, loc="left")
    if baselines:
        (*lines, points), (*names, searched) = left.get_legend_handles_labels()
        figure.legend([points, *lines], [searched, *names], fontsize=7, frameon=False, loc="outside right upper")
    return figure


def _draw_stage(axes: Axes, stage: Stage, minimize: bool) -> None:
    """Points with their standard errors, the best one starred; a cross at the upper edge where there is no value."""
    taus, means, errors = (np.array([np.nan if v is None else v for v in values], dtype=float) for values in stage)
    known = np.isfinite(means)
    bars = np.nan_to_num(errors[known])
    axes.errorbar(
        taus[known], means[known], yerr=bars, color=_COLOURS[0], marker="o", markersize=3.5, linewidth=1.4, capsize=2,
        label="decoupled",
    )  # fmt: skip
    axes.plot(
        taus[~known],
        np.full((~known).sum(), 0.97),
        transform=axes.get_xaxis_transform(),
        marker="x",
        linestyle="none",
        color="#777777",
    )
    if known.any():
        best = np.nanargmin(means) if minimize else np.nanargmax(means)
        axes.plot(taus[best], means[best], markersize=12, markeredgewidth=0.8, zorder=5, **_STAR)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
