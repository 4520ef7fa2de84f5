"""Two measurements of different units along one temperature: the paper's Figure 6."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tuner.evidence.figures.drawing.style import COLOURS, COLUMN_IN, figure, spread


@dataclass(frozen=True)
class Line:
    """A measurement along a temperature."""

    label: str  # of its axis
    taus: Sequence[float]
    means: Sequence[float]  # over seeds
    sems: Sequence[float]
    faint: bool = False  # drawn thin and without points: a variant of the line before it


def tradeoff(left: Sequence[Line], right: Sequence[Line], *, xlabel: str, title: str) -> Figure:
    """Measurements on a left axis (blue, solid) and on a right one (vermilion, dashed); either may be
    empty.
    """
    drawn = figure(COLUMN_IN, 2.2)
    axes = drawn.add_subplot()
    sides = [(left, COLOURS[0], "-", "o"), (right, COLOURS[1], "--", "s")]
    for place, (lines, *style) in enumerate(side for side in sides if side[0]):
        side = axes if place == 0 else axes.twinx()
        _draw(side, lines, *style)
        if place:
            side.spines["right"].set_visible(True)
    axes.set(xlabel=xlabel, title=title)
    return drawn


def _draw(axes: Axes, lines: Sequence[Line], colour: str, style: str, marker: str) -> None:
    for line in lines:
        if line.faint:
            axes.plot(line.taus, line.means, color=colour, linestyle=":", linewidth=0.7)
            axes.annotate(
                line.label,
                (line.taus[-1], line.means[-1]),
                xytext=(-2, 2),
                textcoords="offset points",
                fontsize=5,
                color=colour,
                ha="right",
            )
        else:
            axes.errorbar(
                line.taus,
                line.means,
                yerr=np.asarray(line.sems),
                color=colour,
                linestyle=style,
                marker=marker,
                markersize=3,
                capsize=2,
                elinewidth=0.8,
            )
            axes.set_ylabel(line.label, color=colour)
    axes.tick_params(axis="y", colors=colour)
    if spread([float(v) for line in lines for v in line.means], 50.0):
        axes.set_yscale("log")
