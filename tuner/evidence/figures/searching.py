"""Figures of the search: which pairs it tried and what it found there, which trials it dropped, which
temperatures it changed.
"""

from functools import partial

from tuner.evidence.figures import drawing
from tuner.evidence.figures.material import Made, Material, Picture
from tuner.evidence.labels import method_label
from tuner.evidence.selection import best, finished, searched
from tuner.ledger.methods import SOFTMAX
from tuner.ledger.rows import Role, TrialState
from tuner.spec.search import StrategyName


def landscape(m: Material) -> Made:
    """The objective over the two temperatures: cells of a grid, or points."""
    land = m.found.landscape
    if all(mean is None for line in land.mean for mean in line):
        return None
    there = sorted(searched(m.trials), key=lambda t: t.number)
    if m.strategy == StrategyName.PBT and any(t.schedule for t in there):
        return None  # its trials move through the plane: the figure of their paths shows that
    ran = {(t.tau_f, t.tau_b) for t in there if t.tau_f is not None and t.tau_b is not None}
    cells = m.found.optimum.cells if m.found.optimum else ()
    sure = {(c.tau_f, c.tau_b) for c in cells if c.sure}
    sparse = len(land.tau_f) * len(land.tau_b) > 4 * len(ran)
    if sparse and m.strategy not in (StrategyName.GRID, StrategyName.SEQUENTIAL):
        compete = {t.number for t in finished(there)}
        means = [t.mean if t.number in compete else None for t in there]
        draw = partial(
            drawing.scatter, [t.tau_f or 0.0 for t in there], [t.tau_b or 0.0 for t in there], means,
            sure=[(t.tau_f, t.tau_b) in sure for t in there], objective=m.objective, minimize=m.minimize,
        )  # fmt: skip
        return "landscape", Picture("Landscape", _LANDSCAPE_POINTS, draw)
    draw = partial(
        drawing.landscape,
        land.tau_f,
        land.tau_b,
        land.mean,
        ran=ran,
        sure=sure,
        objective=m.objective,
        minimize=m.minimize,
    )
    return "landscape", Picture("Landscape", f"{m.objective}, {_LANDSCAPE_CELLS}", draw)


_LANDSCAPE_CELLS = (
    "mean over seeds, best learning rate in each cell. Outlined cells lie on the diagonal; the star marks "
    "the optimum; points "
    "mark the cells that hold the best one with 95 %. Grey: no finite value, or not "
    "trained to the end. "
    "Blank: not run."
)
_LANDSCAPE_POINTS = (
    "Every pair that the search tried; later ones are larger. The line is the diagonal, the star the "
    "optimum; black rings mark "
    "the pairs that hold the best one with 95 %. Crosses: no finite value, or not "
    "trained to the end."
)


def stages(m: Material) -> Made:
    """The two stages of a sequential search."""
    ran = m.found.stages
    if ran is None or ran.best_tau_f is None:
        return None
    means = {name: t.objective.mean for name, t in m.found.baselines.items() if t.objective.mean is not None}
    names = sorted(means, key=lambda name: (name != SOFTMAX, name))  # the colours of the other figures
    draw = partial(
        drawing.stages,
        ran.first.points,
        ran.second.points,
        tau_b_start=ran.tau_b_start,
        best_tau_f=ran.best_tau_f,
        baselines={method_label(name): means[name] for name in names},
        objective=m.objective,
        minimize=m.minimize,
    )
    caption = (
        f"First the forward temperature was searched at a backward temperature of {ran.tau_b_start:g}, "
        "then the backward "
        f"temperature at the best one, {ran.best_tau_f:g}. Mean ± standard error over seeds, best "
        "learning rate at each "
        "point. Stars: optimum of each stage; lines: the best trial of each baseline; crosses: no finite "
        "value."
    )
    return "stages", Picture("Landscape", caption, draw)


def marginals(m: Material) -> Made:
    """The objective along each temperature of a grid."""
    along = m.found.marginals
    if along is None or m.strategy == StrategyName.SEQUENTIAL:
        return None  # the stages of a sequential search show the same
    forward, backward = along.tau_f, along.tau_b
    lines = (forward.at_optimum, backward.at_optimum)
    if any(len([v for v in line.mean if v is not None]) < 2 for line in lines):
        return None  # a search without a grid has no lines
    caption = (
        "Along each temperature: the best over the other one, and in line with the optimum. Mean ± standard "
        "error over seeds; "
        "the best of many flatters, so the upper envelope is optimistic."
    )
    draw = partial(
        drawing.marginals,
        (forward.best.points, forward.at_optimum.points, forward.at_optimum.tau_b),
        (backward.best.points, backward.at_optimum.points, backward.at_optimum.tau_f),
        objective=m.objective,
        minimize=m.minimize,
    )
    return "marginals", Picture("Landscape", caption, draw)


def rungs(m: Material) -> Made:
    """When trials were dropped at rungs; trials that were stopped by a cancel do not count."""
    dropped = [t for t in searched(m.trials) if t.state is TrialState.STOPPED and not t.stopped_with_study]
    if not dropped:
        return None
    to_the_end = [t for t in searched(m.trials) if t.state is TrialState.SUCCEEDED]
    there = sorted([*to_the_end, *dropped], key=lambda t: t.number)
    winner = best(there, m.study.objective)
    courses: list[drawing.Course] = []
    at = None
    for trial in there:
        curve = m.curves.of(trial, m.study.objective.name)
        epochs, means, _ = curve.mean_and_sem() if curve else ([], [], [])
        if epochs:
            at = len(courses) if winner is not None and trial.number == winner.number else at
            courses.append(drawing.Course(epochs, means, trial.state is TrialState.STOPPED))
    if not courses:
        return None
    caption = (
        "Every trial's course, mean over seeds; a cross where it was dropped, dotted lines at the rungs."
    )
    return "rungs", Picture("The search", caption, partial(drawing.rungs, courses, at, objective=m.objective))


def schedule(m: Material) -> Made:
    """The best temperatures that change during the training."""
    scheduled = [
        t for t in m.trials if t.role is Role.SEARCH and t.schedule and t.state is TrialState.SUCCEEDED
    ]
    trial = best(scheduled, m.study.objective)
    if trial is None:
        return None
    epochs, tau_f, tau_b, _ = zip(*trial.schedule, strict=True)  # the rest is the learning rate
    end = max(m.curves.last_epochs().get(trial.id, 0.0), float(m.study.spec.get("epochs") or 0.0), epochs[-1])
    caption = (
        f"The temperatures of the best schedule that was found, trial {trial.number}, over its training."
    )
    draw = partial(drawing.schedule, epochs, tau_f, tau_b, end=end, title=f"trial {trial.number}")
    return "schedule", Picture("The search", caption, draw)
