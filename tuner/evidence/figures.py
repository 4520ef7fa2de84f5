"""Figures: functions that take arrays and return matplotlib figures. Colour-blind safe, readable at column width."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

# Okabe & Ito's palette: distinct under the common colour-vision deficiencies.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_STYLES = ("-", "--", "-.", ":", (0, (3, 1, 1, 1, 1, 1)))


def landscape(
    tau_f: Sequence[float],
    tau_b: Sequence[float],
    mean: Sequence[Sequence[float | None]],
    *,
    objective: str,
    minimize: bool,
    title: str = "",
) -> Figure:
    """The objective over the grid of temperatures, the diagonal outlined, the optimum starred.

    Args:
        tau_f: [F] values, ascending.
        tau_b: [G] values, ascending.
        mean: [F][G], None where there is no value (drawn hatched).
        objective: its name, for the colour bar.
        minimize: whether low is good; good is dark.
        title: above the figure.
    """
    values = np.array([[np.nan if v is None else v for v in row] for row in mean], dtype=float).T  # [G, F]: tau_b upwards
    figure = Figure(figsize=(max(3.6, 0.46 * len(tau_f) + 2.0), max(2.9, 0.4 * len(tau_b) + 1.2)), layout="constrained", dpi=160)
    axes = figure.add_subplot()
    axes.set_facecolor("#dddddd")
    # One bad corner of the grid would take the whole scale: colours end at the 90th percentile, and the bar says so.
    finite = values[np.isfinite(values)]
    low, high = np.percentile(finite, (0, 90) if minimize else (10, 100)) if finite.size else (0, 1)
    mesh = axes.pcolormesh(
        np.arange(len(tau_f) + 1), np.arange(len(tau_b) + 1), np.ma.masked_invalid(values),
        cmap="viridis" if minimize else "viridis_r", vmin=low, vmax=max(high, low + 1e-12), edgecolors="white", linewidth=0.4,
    )  # fmt: skip
    axes.set_xticks(np.arange(len(tau_f)) + 0.5, [f"{v:g}" for v in tau_f])
    axes.set_yticks(np.arange(len(tau_b)) + 0.5, [f"{v:g}" for v in tau_b])
    axes.tick_params(length=0, labelsize=8)
    axes.set_xlabel(r"forward temperature $\tau_f$")
    axes.set_ylabel(r"backward temperature $\tau_b$")
    for i, f in enumerate(tau_f):
        for j, b in enumerate(tau_b):
            if f == b:
                axes.add_patch(Rectangle((i + 0.03, j + 0.03), 0.94, 0.94, fill=False, ec="#D55E00", linewidth=1.6))
    if len(tau_f) * len(tau_b) <= 64:
        _write_values(axes, values, low, high, minimize)
    if finite.size:
        row, column = np.unravel_index(np.nanargmin(values) if minimize else np.nanargmax(values), values.shape)
        axes.plot(
            column + 0.5, row + 0.78, marker="*", markersize=9, color="#E69F00", markeredgecolor="black", markeredgewidth=0.6
        )
    extend = "neither" if not finite.size or (finite.max() <= high and finite.min() >= low) else "max" if minimize else "min"
    figure.colorbar(mesh, ax=axes, label=objective, extend=extend).ax.tick_params(labelsize=8)
    axes.set_title(title or "star: optimum, outlined: diagonal", fontsize=8, loc="left")
    return figure


def _write_values(axes: object, values: np.ndarray, low: float, high: float, minimize: bool) -> None:
    """The numbers in the cells, dark on light and light on dark."""
    for (j, i), value in np.ndenumerate(values):
        if np.isfinite(value):
            lightness = np.clip((value - low) / max(high - low, 1e-12), 0, 1)
            lightness = lightness if minimize else 1 - lightness
            colour = "black" if lightness > 0.6 else "white"
            axes.text(i + 0.5, j + 0.38, f"{value:.3g}", ha="center", va="center", fontsize=6.5, color=colour)  # type: ignore[attr-defined]


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
