"""Draws two metrics with different units along one temperature, as the paper's Figure 6 does."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tuner.evidence.figures.drawing.style import COLOURS, COLUMN_IN, figure, legend, spread

_FAINT = (":", (0, (3, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (1, 3)))  # styles of the lines of variants


@dataclass(frozen=True)
class Line:
    """A metric along a temperature."""

    label: str  # of its axis
    taus: Sequence[float]
    means: Sequence[float]  # over seeds
    sems: Sequence[float]
    faint: bool = False  # drawn thin and without points: a variant of the line before it


def tradeoff(left: Sequence[Line], right: Sequence[Line], *, xlabel: str, title: str) -> Figure:
    """Measurements on a left axis (blue, solid) and on a right one (vermilion, dashed); either may be
    empty.
    """
    faint = any(line.faint for line in (*left, *right))
    drawn = figure(COLUMN_IN, 2.4 if faint else 2.2)
    axes = drawn.add_subplot()
    sides = [(left, COLOURS[0], "-", "o"), (right, COLOURS[1], "--", "s")]
    for place, (lines, *style) in enumerate(side for side in sides if side[0]):
        side = axes if place == 0 else axes.twinx()
        _draw(side, lines, *style)
        if any(line.faint for line in lines):
            legend(drawn, side, columns=4)
        if place:
            side.spines["right"].set_visible(True)
    axes.set(xlabel=xlabel, title=title)
    return drawn


def _draw(axes: Axes, lines: Sequence[Line], colour: str, style: str, marker: str) -> None:
    dots = cycle(_FAINT)
    for line in lines:
        if line.faint:
            # These lines are named in a legend, because names at their ends would cover each other.
            axes.plot(
                line.taus, line.means, color=colour, linestyle=next(dots), linewidth=0.7, label=line.label
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
