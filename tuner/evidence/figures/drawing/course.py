"""Draws what a search found: the best so far, the best of k trials off the diagonal and on it, the surface
that its trials predict, the importance of what it varied, and the paths of temperatures that change during
training.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tuner.evidence.figures.drawing.style import (
    COLOURS,
    COLUMN_IN,
    GREY,
    STAR,
    TAU_B,
    TAU_F,
    figure,
    legend,
    spread,
)


def best_so_far(means: Sequence[float], best: Sequence[float], *, objective: str) -> Figure:
    """The objective of each trial in the order of the search [N], and the best up to it [N]."""
    drawn = figure(COLUMN_IN, 2.3)
    axes = drawn.add_subplot()
    order = np.arange(1, len(means) + 1)
    axes.plot(order, means, marker="o", markersize=3, linestyle="none", color=GREY, label="each trial")
    axes.step(order, best, where="post", color=COLOURS[0], label="best so far")
    if spread(list(means), 5.0):
        axes.set_yscale("log")
    axes.set(xlabel="trials of the search", ylabel=objective)
    legend(drawn, axes, columns=2)
    return drawn


def equal_budget(trials: Sequence[int], curves: Mapping[str, Sequence[float]], *, objective: str) -> Figure:
    """The expected objective of the best of k trials [K], {label: [K]}."""
    drawn = figure(COLUMN_IN, 2.3)
    axes = drawn.add_subplot()
    for i, (label, values) in enumerate(curves.items()):
        axes.plot(trials, values, marker="o", markersize=3, color=COLOURS[i], label=label)
    if spread([v for values in curves.values() for v in values], 5.0):
        axes.set_yscale("log")
    axes.set(xlabel="trials that a method was tuned with", ylabel=objective)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend(drawn, axes, columns=2)
    return drawn


def importance(shares: Mapping[str, float]) -> Figure:
    """Shares of the variance, {label: share}, as horizontal bars, the first one on top."""
    drawn = figure(COLUMN_IN, 0.28 * len(shares) + 0.7)
    axes = drawn.add_subplot()
    places = np.arange(len(shares))
    axes.barh(places, [100 * share for share in shares.values()], color=COLOURS[0], height=0.6)
    for place, share in zip(places, shares.values(), strict=True):
        axes.text(100 * share + 1, float(place), f"{100 * share:.0f} %", va="center", fontsize=6.5)
    axes.set_yticks(places, list(shares))
    axes.invert_yaxis()
    axes.set(xlabel="share of the variance, %", xlim=(0, 112))
    return drawn


def surface(
    tau_f: Sequence[float],
    tau_b: Sequence[float],
    mean: Sequence[Sequence[float]],
    tried: Sequence[tuple[float, float]],
    *,
    objective: str,
    minimize: bool,
) -> Figure:
    """A predicted surface over F values of tau_f and B of tau_b, [F][B], with the pairs (tau_f, tau_b) that
    were tried.
    """
    drawn = figure(COLUMN_IN, 2.7)
    axes = drawn.add_subplot()
    values = np.array(mean, dtype=float).T
    low, high = np.percentile(values, (0, 90) if minimize else (10, 100))
    colours = "viridis" if minimize else "viridis_r"
    mesh = axes.contourf(tau_f, tau_b, np.clip(values, low, max(high, low + 1e-12)), levels=14, cmap=colours)
    largest = min(max(tau_f), max(tau_b))
    axes.plot([0, largest], [0, largest], color=COLOURS[1], linewidth=0.9)
    pairs = np.array(tried, dtype=float)
    # Points on the border of the axes are drawn whole, not cut off.
    axes.plot(
        pairs[:, 0], pairs[:, 1], marker="o", markersize=2.5, mec="black", mew=0.4, color="white", ls="",
        clip_on=False, zorder=3,
    )  # fmt: skip
    place = np.unravel_index((values if minimize else -values).argmin(), values.shape)
    best = tau_f[int(place[1])], tau_b[int(place[0])]
    axes.plot(*best, markersize=9, markeredgewidth=0.6, clip_on=False, zorder=4, **STAR)
    axes.set(xlabel=TAU_F, ylabel=TAU_B, xlim=(min(tau_f), max(tau_f)), ylim=(min(tau_b), max(tau_b)))
    axes.set_title("points: tried; star: predicted optimum; line: diagonal")
    drawn.colorbar(mesh, ax=axes, label=objective, pad=0.02)
    return drawn


def trajectories(
    paths: Sequence[Sequence[tuple[float, float]]],
    means: Sequence[float | None],
    best: int | None,
    *,
    objective: str,
    minimize: bool,
) -> Figure:
    """The path of every trial through the plane of the temperatures.

    Args:
        paths: [N], the pairs (tau_f, tau_b) of each trial in their order.
        means: [N], each trial's objective at its end; a path without one ends in a cross.
        best: the index of the best trial, whose path is drawn in front; None without one.
        objective: label of the colours of the ends.
        minimize: whether low is good; good is dark.
    """
    drawn = figure(COLUMN_IN, 2.8)
    axes = drawn.add_subplot()
    for i, path in enumerate(paths):
        x, y = zip(*path, strict=True)
        front = i == best
        axes.plot(
            x, y, color=COLOURS[0] if front else GREY, linewidth=1.5 if front else 0.6,
            alpha=1.0 if front else 0.7, zorder=3 if front else 1,
        )  # fmt: skip
        axes.plot(x[0], y[0], marker="o", markersize=2.5, color="white", mec=GREY, mew=0.7, zorder=2)
    ends = np.array([path[-1] for path in paths], dtype=float)
    values = np.array([np.nan if mean is None else mean for mean in means], dtype=float)
    known = np.isfinite(values)
    axes.plot(ends[~known, 0], ends[~known, 1], marker="x", markersize=4, linestyle="none", color=GREY)
    if known.any():
        low, high = np.percentile(values[known], (0, 90) if minimize else (10, 100))
        points = axes.scatter(
            ends[known, 0], ends[known, 1], c=values[known], s=24, zorder=4, edgecolors="white",
            linewidths=0.6, cmap="viridis" if minimize else "viridis_r",
            vmin=low, vmax=max(high, low + 1e-12),
        )  # fmt: skip
        drawn.colorbar(points, ax=axes, label=objective, pad=0.02)
    if best is not None:
        axes.plot(*ends[best], markersize=9, markeredgewidth=0.6, zorder=5, **STAR)
    largest = max(max(max(pair) for pair in path) for path in paths)
    axes.plot([0, largest], [0, largest], color=COLOURS[1], linewidth=0.9, zorder=0)
    axes.set(xlabel=TAU_F, ylabel=TAU_B)
    axes.set_title("circles: beginning; colours: end; star: best; line: diagonal")
    return drawn
