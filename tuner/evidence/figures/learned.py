"""Figures of what a search found: the best so far, the best of k trials off the diagonal and on it, the
surface that its trials predict, the importance of what it varied, and the paths of temperatures that change.
"""

from functools import partial

import numpy as np
from matplotlib.figure import Figure

from tuner.evidence.figures import drawing
from tuner.evidence.figures.material import Made, Material, Picture
from tuner.evidence.importance import INTERACTION, seen
from tuner.evidence.labels import method_label
from tuner.evidence.search_course import best_so_far, paths
from tuner.evidence.selection import OFF, ON, best, finished, searched
from tuner.evidence.surface import optimum_place
from tuner.spec.search import StrategyName

_SECTION = "The search"
_FREE = (StrategyName.TPE, StrategyName.GP)  # strategies that choose the temperatures themselves
_AXIS = 41  # values of each temperature at which a predicted surface is drawn
NAMES = {
    "tau_f": r"forward temperature $\tau_f$",
    "tau_b": r"backward temperature $\tau_b$",
    "lr": "learning rate",
    INTERACTION: "their interaction",
}


def course(m: Material) -> Made:
    """The best so far, for searches that choose the next trials by the results of earlier ones."""
    steps = best_so_far(m.trials, m.study.objective)
    if m.strategy not in _FREE or len(steps) < 2:
        return None
    means, bests = [s.mean for s in steps], [s.best for s in steps]
    caption = "The trials in the order in which they were proposed, mean over seeds, and the best up to each."
    draw = partial(drawing.best_so_far, means, bests, objective=m.objective)
    return "best_so_far", Picture(_SECTION, caption, draw)


def budget(m: Material) -> Made:
    """The expected best of k trials off the diagonal and of k on it."""
    found = m.found.equal_budget
    if found is None or len(found.trials) < 2:
        return None
    caption = (
        "The best of k trials, expected over all choices of k from those that were run, selected on all but "
        "one seed and scored on that one. A method with more trials is ahead by tuning alone; here both have "
        "as many."
    )
    curves = {method_label(OFF): found.off_diagonal, method_label(ON): found.diagonal}
    draw = partial(drawing.equal_budget, found.trials, curves, objective=m.objective)
    return "equal_budget", Picture(_SECTION, caption, draw)


def predicted(m: Material) -> Made:
    """The surface that the trials of a search without a grid predict."""
    if m.strategy not in _FREE:
        return None
    best_at: dict[tuple[float, float], list[float]] = {}
    for t in sorted(finished(searched(m.trials)), key=lambda t: m.study.objective.sign * (t.mean or 0.0)):
        values = [v for v in t.objective or () if v is not None]
        if t.mean is not None and t.tau_f is not None and t.tau_b is not None:
            best_at.setdefault((t.tau_f, t.tau_b), values)
    most = max(map(len, best_at.values()), default=0)
    alike = {pair: values for pair, values in best_at.items() if len(values) == most}
    place = optimum_place(list(alike), list(alike.values()), m.study.objective)
    if place is None or place.surface is None:
        return None
    tau_f, tau_b = (np.linspace(min(axis), max(axis), _AXIS).tolist() for axis in zip(*alike, strict=True))
    found = place.predict(tau_f, tau_b)
    assert found is not None
    caption = (
        "What a Gaussian process through all trials predicts between them, best learning rate at each pair. "
        "Trials far behind the median were drawn up to it; a description, no verdict rests on it."
    )
    draw = partial(
        drawing.surface, tau_f, tau_b, found[0].tolist(), list(alike),
        objective=m.objective, minimize=m.minimize,
    )  # fmt: skip
    return "surface", Picture("Landscape", caption, draw)


def mattered(m: Material) -> Made:
    """The importance of temperatures, learning rate and optimiser."""
    what = seen(m.trials, m.study.objective)
    if what is None or any(t.schedule for t in searched(m.trials)):
        return None
    caption = (
        "How much of what the search saw is due to each of what it varied: the share of the variance of a "
        "surface through all trials that is a function of this alone. Trials far behind the median were "
        "drawn up to it. A description; no verdict rests on it."
    )

    def draw() -> Figure:  # only now, because it takes seconds
        return drawing.importance({NAMES.get(name, name): share for name, share in what.importance().items()})

    return "importance", Picture(_SECTION, caption, draw)


def trajectories(m: Material) -> Made:
    """The paths of trials whose temperatures change during training."""
    there = paths(m.trials)
    if not there:
        return None
    winner = best(searched(m.trials), m.study.objective)
    at = next((i for i, path in enumerate(there) if winner and path.trial == winner.number), None)
    caption = (
        "The temperatures of every trial over its training: a trial that took another one's place has that "
        "one's past. Crosses: no finite value, or not trained to the end."
    )
    draw = partial(
        drawing.trajectories, [[(s.tau_f, s.tau_b) for s in path.segments] for path in there],
        [path.mean for path in there], at, objective=m.objective, minimize=m.minimize,
    )  # fmt: skip
    return "trajectories", Picture("Landscape", caption, draw)
