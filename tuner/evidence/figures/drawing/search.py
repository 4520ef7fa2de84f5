"""Draws how a search went: which pairs it tried, which trials it dropped, which temperatures it changed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from tuner.evidence.figures.drawing.style import (
    COLOURS,
    COLUMN_IN,
    GREY,
    STAR,
    STYLES,
    TAU_B,
    TAU_F,
    figure,
    legend,
    spread,
)


def scatter(
    tau_f: Sequence[float],
    tau_b: Sequence[float],
    mean: Sequence[float | None],
    *,
    objective: str,
    minimize: bool,
    sure: Sequence[bool] = (),
) -> Figure:
    """The objective at the pairs that a search without a grid tried; points of later trials are larger.

    Args:
        tau_f, tau_b, mean: [N], in the order in which they were tried; a pair without a value is a cross.
        objective: label of the colour bar.
        minimize: whether low is good; good is dark.
        sure: [N], whether a pair belongs to the set that contains the best one with 95 %
            (evidence/surface.py); drawn with a black ring.
    """
    drawn = figure(COLUMN_IN, 2.8)
    axes = drawn.add_subplot()
    x, y, values = (
        np.array([np.nan if v is None else v for v in column], dtype=float) for column in (tau_f, tau_b, mean)
    )
    known = np.isfinite(values)
    finite = values[known]
    low, high = np.percentile(finite, (0, 90) if minimize else (10, 100)) if finite.size else (0, 1)
    largest = max(x.max(), y.max())
    axes.plot([0, largest], [0, largest], color=COLOURS[1], linewidth=0.9, zorder=1)
    sizes = np.linspace(10, 34, len(x))
    edges = ["black" if known[i] and i < len(sure) and sure[i] else "white" for i in range(len(x))]
    drawn_points = axes.scatter(
        x[known], y[known], c=finite, s=sizes[known], cmap="viridis" if minimize else "viridis_r", vmin=low,
        vmax=max(high, low + 1e-12), edgecolors=np.array(edges)[known], linewidths=0.7, zorder=3,
    )  # fmt: skip
    axes.plot(x[~known], y[~known], marker="x", markersize=4, linestyle="none", color=GREY, zorder=2)
    if finite.size:
        best = np.nanargmin(values) if minimize else np.nanargmax(values)
        axes.plot(x[best], y[best], markersize=9, markeredgewidth=0.6, zorder=5, **STAR)
    extend = (
        "neither"
        if not finite.size or (finite.max() <= high and finite.min() >= low)
        else "max"
        if minimize
        else "min"
    )
    drawn.colorbar(drawn_points, ax=axes, label=objective, extend=extend, pad=0.02)
    axes.set(
        xlabel=TAU_F,
        ylabel=TAU_B,
        xlim=(-0.03 * largest, 1.05 * largest),
        ylim=(-0.03 * largest, 1.05 * largest),
    )
    axes.set_title(
        "star: optimum; line: diagonal; larger: later\nblack rings: hold the best pair with 95 %"
        if any(sure)
        else "star: optimum; line: diagonal; larger: later"
    )
    return drawn


@dataclass(frozen=True)
class Course:
    """The learning curve of a trial in a search that drops trials at rungs."""

    epochs: Sequence[float]
    means: Sequence[float]  # of the objective over seeds
    dropped: bool


def rungs(courses: Sequence[Course], best: int | None, *, objective: str) -> Figure:
    """When trials were dropped: the learning curve of every trial, with a cross where it was dropped, and the
    one with the index `best` in front.
    """
    drawn = figure(COLUMN_IN, 2.5)
    axes = drawn.add_subplot()
    groups = (("dropped", True, GREY, 0.6), ("trained to the end", False, COLOURS[5], 0.9))
    for label, dropped, colour, width in groups:
        there = [
            np.column_stack([c.epochs, c.means])
            for i, c in enumerate(courses)
            if c.dropped == dropped and i != best
        ]
        if there:
            axes.add_collection(
                LineCollection(there, colors=colour, linewidths=width, label=f"{label} ({len(there)})")
            )
            if dropped:
                ends = np.array([line[-1] for line in there])
                axes.plot(ends[:, 0], ends[:, 1], linestyle="none", marker="x", markersize=3, color=GREY)
    if best is not None:
        axes.plot(
            courses[best].epochs, courses[best].means, color=COLOURS[0], linewidth=1.6, label="best", zorder=4
        )
    for rung in sorted({c.epochs[-1] for c in courses if c.dropped}):
        axes.axvline(rung, color=GREY, linewidth=0.5, linestyle=":", zorder=0)
    axes.autoscale_view()
    if spread([float(v) for c in courses for v in c.means], 5.0):
        axes.set_yscale("log")
    axes.set(xlabel="epoch", ylabel=objective)
    legend(drawn, axes, columns=3)
    return drawn


def schedule(
    epochs: Sequence[float], tau_f: Sequence[float], tau_b: Sequence[float], *, end: float, title: str
) -> Figure:
    """Temperatures [N] that change during training: steps, each from its epoch [N] on, up to the epoch
    `end`.
    """
    drawn = figure(COLUMN_IN, 2.1)
    axes = drawn.add_subplot()
    for n, (taus, label) in enumerate(((tau_f, TAU_F), (tau_b, TAU_B))):
        axes.step(
            [*epochs, end],
            [*taus, taus[-1]],
            where="post",
            color=COLOURS[n],
            linestyle=STYLES[n],
            label=label,
        )
    axes.set(xlabel="epoch", ylabel="temperature", title=title)
    axes.set_ylim(bottom=0)
    legend(drawn, axes, columns=2)
    return drawn
