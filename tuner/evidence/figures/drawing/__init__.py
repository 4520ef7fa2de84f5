"""Figures: functions that take arrays and return matplotlib figures, fit for a paper's column. `style` says
how they look.
"""

from tuner.evidence.figures.drawing.course import (
    best_so_far,
    equal_budget,
    importance,
    surface,
    trajectories,
)
from tuner.evidence.figures.drawing.lines import Series, Stage, curves, marginals, panels, stages, thresholds
from tuner.evidence.figures.drawing.maps import bias, distribution, landscape
from tuner.evidence.figures.drawing.search import Course, rungs, scatter, schedule
from tuner.evidence.figures.drawing.style import as_bytes, save
from tuner.evidence.figures.drawing.tradeoff import Line, tradeoff

__all__ = [
    "Course",
    "Line",
    "Series",
    "Stage",
    "as_bytes",
    "best_so_far",
    "bias",
    "curves",
    "distribution",
    "equal_budget",
    "importance",
    "landscape",
    "marginals",
    "panels",
    "rungs",
    "save",
    "scatter",
    "schedule",
    "stages",
    "surface",
    "thresholds",
    "tradeoff",
    "trajectories",
]
