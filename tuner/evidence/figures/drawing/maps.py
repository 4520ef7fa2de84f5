"""Values over the plane of the two temperatures, and the gates' distribution: heat maps."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from tuner.evidence.figures.drawing.style import COLUMN_IN, PAGE_IN, STAR, TAU_B, TAU_F, figure

_MOST_TICKS = 24  # labels for which a side has room
_MOST_COLUMNS = 8  # with up to so many columns of cells the figure fits one column of a paper
_LINES = 60  # with up to so many cells along a side there are lines between the cells
_POINT: dict[str, Any] = {"marker": "o", "markersize": 3, "color": "white", "mec": "black", "mew": 0.5}
_WITHOUT_VALUE = ListedColormap(["#dddddd"])  # grey
_COVERED = 90  # percent of the values that the colours tell apart


def landscape(
    tau_f: Sequence[float],
    tau_b: Sequence[float],
    mean: Sequence[Sequence[float | None]],
    *,
    objective: str,
    minimize: bool,
    ran: Collection[tuple[float, float]] | None = None,
    sure: Collection[tuple[float, float]] = (),
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
        sure: the pairs of the set that contains the best one with 95 % (evidence/surface.py), marked by a
            point.
        title: above the figure; "" for an explanation of the marks.
    """
    # [G, F]: tau_b upwards
    values = np.array([[np.nan if v is None else v for v in row] for row in mean], dtype=float).T
    was_run = np.array([[ran is None or (f, b) in ran for f in tau_f] for b in tau_b])
    colours = _colours(values, minimize)
    narrow = len(tau_f) <= _MOST_COLUMNS
    drawn = figure(COLUMN_IN if narrow else PAGE_IN, min(max(2.3, 0.24 * len(tau_b) + 1.1), 6.0))
    axes = drawn.add_subplot()
    lines = _lines(values)
    corners = np.arange(len(tau_f) + 1), np.arange(len(tau_b) + 1)
    grey = np.ma.masked_array(np.ones(values.shape), ~was_run)
    axes.pcolormesh(*corners, grey, cmap=_WITHOUT_VALUE, **lines)
    mesh = axes.pcolormesh(
        *corners, np.ma.masked_invalid(values),
        cmap="viridis" if minimize else "viridis_r",
        vmin=colours.low, vmax=max(colours.high, colours.low + 1e-12), **lines,
    )  # fmt: skip
    _temperatures(axes, tau_f, tau_b)
    _outline_diagonal(axes, tau_f, tau_b, was_run)
    for i, j in ((i, j) for i, f in enumerate(tau_f) for j, b in enumerate(tau_b) if (f, b) in sure):
        axes.plot(i + 0.16, j + 0.82, **_POINT)
    if narrow and len(tau_b) <= 2 * _MOST_COLUMNS:
        _write_values(axes, values, colours.low, colours.high, minimize)
    if np.isfinite(values).any():
        best = np.nanargmin(values) if minimize else np.nanargmax(values)
        row, column = np.unravel_index(best, values.shape)
        axes.plot(column + 0.5, row + 0.78, markersize=7, markeredgewidth=0.5, **STAR)
    drawn.colorbar(mesh, ax=axes, label=objective, extend=colours.extend, pad=0.02)
    axes.set_title(title or _explained(sure))
    return drawn


class _Colours(NamedTuple):
    """The values between which the colours run."""

    low: float
    high: float
    extend: Literal["neither", "min", "max"]  # the end of the bar that says that there are values beyond


def _colours(values: np.ndarray, minimize: bool) -> _Colours:
    """The range of the colours. It ends at the 90th percentile on the bad side, because otherwise one bad
    corner of the grid would take up the whole scale.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return _Colours(0.0, 1.0, "neither")
    low, high = np.percentile(finite, (0, _COVERED) if minimize else (100 - _COVERED, 100))
    beyond = finite.max() > high or finite.min() < low
    extend: Literal["neither", "min", "max"] = "neither" if not beyond else "max" if minimize else "min"
    return _Colours(low, high, extend)


def _outline_diagonal(
    axes: Axes, tau_f: Sequence[float], tau_b: Sequence[float], was_run: np.ndarray
) -> None:
    """The cells whose two temperatures are equal; thin where nothing was run."""
    for i, j in ((i, j) for i, f in enumerate(tau_f) for j, b in enumerate(tau_b) if f == b):
        width = 1.4 if was_run[j, i] else 0.5
        axes.add_patch(Rectangle((i + 0.04, j + 0.04), 0.92, 0.92, fill=False, ec="#D55E00", linewidth=width))


def _explained(sure: Collection[tuple[float, float]]) -> str:
    text = "star: optimum; outlined: diagonal"
    return f"{text}\npoints: hold the best pair with 95 %" if sure else text


def _lines(values: np.ndarray) -> dict[str, Any]:
    return {} if max(values.shape) > _LINES else {"edgecolors": "white", "linewidth": 0.3}


def _temperatures(axes: Axes, tau_f: Sequence[float], tau_b: Sequence[float]) -> None:
    """The axes of the plane: a cell for each value, at equal distances."""
    for axis, taus in ((axes.xaxis, tau_f), (axes.yaxis, tau_b)):
        every = -(-len(taus) // _MOST_TICKS)
        axis.set_ticks(np.arange(0, len(taus), every) + 0.5, [f"{v:g}" for v in taus[::every]])
    axes.tick_params(length=0)
    axes.set(xlabel=TAU_F, ylabel=TAU_B)
    axes.spines[:].set_visible(False)


def _write_values(axes: Axes, values: np.ndarray, low: float, high: float, minimize: bool) -> None:
    """The numbers in the cells, dark on light and light on dark."""
    size = 6.0 if values.shape[1] <= 6 else 5.0
    for (j, i), value in np.ndenumerate(values):
        if np.isfinite(value):
            lightness = np.clip((value - low) / max(high - low, 1e-12), 0, 1)
            lightness = lightness if minimize else 1 - lightness
            colour = "black" if lightness > 0.6 else "white"
            axes.text(i + 0.5, j + 0.38, _short(value), ha="center", va="center", fontsize=size, color=colour)


def _short(value: float) -> str:
    """A number with three significant digits, zeros at its end included: 0.400 beside 0.442."""
    return f"{value:#.3g}".rstrip(".")


def bias(
    tau_f: Sequence[float],
    tau_b: Sequence[float],
    bias_norm: Sequence[Sequence[float]],
    variance: Sequence[Sequence[float]],
    *,
    title: str = "",
) -> Figure:
    """Bias and variance of the gradient estimator over the temperatures, [F][G] each; logarithmic colours,
    the least starred.
    """
    drawn = figure(PAGE_IN, min(max(2.3, 0.24 * len(tau_b) + 1.1), 6.0))
    for axes, table, label in zip(
        drawn.subplots(1, 2), (bias_norm, variance), ("bias", "variance"), strict=True
    ):
        values = np.array(table, dtype=float).T
        corners = np.arange(len(tau_f) + 1), np.arange(len(tau_b) + 1)
        positive = values[np.isfinite(values) & (values > 0)]
        norm = LogNorm(positive.min(), max(positive.max(), positive.min() * 1.001)) if positive.size else None
        shown = np.ma.masked_where(~(values > 0), values)
        mesh = axes.pcolormesh(*corners, shown, cmap="viridis", norm=norm, **_lines(values))
        axes.set_facecolor("#dddddd")
        _temperatures(axes, tau_f, tau_b)
        if np.isfinite(values).any():
            row, column = np.unravel_index(np.nanargmin(values), values.shape)
            axes.plot(column + 0.5, row + 0.5, markersize=7, markeredgewidth=0.5, **STAR)
        axes.set_title(f"{label} of the gradient; star: least; grey: 0")
        drawn.colorbar(mesh, ax=axes, label=label, pad=0.02)
    if title:
        drawn.suptitle(title, fontsize=7, x=0.01, ha="left")
    return drawn


def distribution(
    names: Sequence[str],
    shares: Mapping[str, Sequence[float]],
    perplexity: Mapping[str, float],
    *,
    xlabel: str,
    share: str,
) -> Figure:
    """The distribution over categories of each method, {method: shares}, with its perplexity (at most the
    number of categories).
    """
    drawn = figure(PAGE_IN, 0.26 * len(shares) + 1.25)
    axes = drawn.add_subplot()
    values = np.array(list(shares.values()), dtype=float)
    top = max(values.max(), 2 / len(names))
    mesh = axes.pcolormesh(values, cmap="viridis", vmin=0, vmax=top, edgecolors="white", linewidth=0.3)
    axes.invert_yaxis()
    spelled = [name.replace("_", " ") for name in names]
    axes.set_xticks(np.arange(len(names)) + 0.5, spelled, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(np.arange(len(shares)) + 0.5, list(shares))
    right = axes.secondary_yaxis("right")
    right.set_yticks(np.arange(len(shares)) + 0.5, [f"{perplexity[name]:.2f}" for name in shares])
    right.set_ylabel(f"perplexity (of {len(names)})")
    for side in (axes, right):
        side.tick_params(length=0)
        side.spines[:].set_visible(False)
    axes.set_xlabel(xlabel)
    drawn.colorbar(mesh, ax=axes, label=share, pad=0.02)
    return drawn
