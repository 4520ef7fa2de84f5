"""Figures of the search: where it looked and what it found there, whom it dropped, which temperatures it
changed.
"""

import json
from functools import partial

from tuner.evidence.figures import drawing
from tuner.evidence.figures.material import Made, Material, Picture
from tuner.evidence.labels import short_label
from tuner.evidence.selection import best, finished, searched


def landscape(m: Material) -> Made:
    """The objective over the two temperatures: cells of a grid, or points."""
    land = m.found["landscape"]
    if not (land["tau_f"] and land["tau_b"]):
        return None
    there = sorted(searched(m.trials), key=lambda t: t.number)
    ran = {(t.tau_f, t.tau_b) for t in there if t.tau_f is not None and t.tau_b is not None}
    cells = (m.found["optimum"] or {"cells": []})["cells"]
    sure = {(c["tau_f"], c["tau_b"]) for c in cells if c["sure"]}
    sparse = len(land["tau_f"]) * len(land["tau_b"]) > 4 * len(ran)
    if sparse and m.strategy not in ("grid", "sequential"):
        compete = {t.number for t in finished(there)}
        means = [t.mean if t.number in compete else None for t in there]
        draw = partial(
            drawing.scatter, [t.tau_f or 0.0 for t in there], [t.tau_b or 0.0 for t in there], means,
            sure=[(t.tau_f, t.tau_b) in sure for t in there], objective=m.objective, minimize=m.minimize,
        )  # fmt: skip
        return "landscape", Picture("Landscape", _LANDSCAPE_POINTS, draw)
    draw = partial(
        drawing.landscape,
        land["tau_f"],
        land["tau_b"],
        land["mean"],
        ran=ran,
        sure=sure,
        objective=m.objective,
        minimize=m.minimize,
    )
    return "landscape", Picture("Landscape", f"{m.objective}, {_LANDSCAPE_CELLS}", draw)


_LANDSCAPE_CELLS = (
    "mean over seeds, best learning rate in each cell. Outlined cells lie on the diagonal; the star marks "
    "the optimum; points "
    "mark the cells that hold 95 % of the optima when the seeds are resampled. Grey: no finite value, or not "
    "trained to the end. "
    "Blank: not run."
)
_LANDSCAPE_POINTS = (
    "Every pair that the search tried; later ones are larger. The line is the diagonal, the star the "
    "optimum; black rings mark "
    "the pairs that hold 95 % of the optima when the seeds are resampled. Crosses: no finite value, or not "
    "trained to the end."
)


def stages(m: Material) -> Made:
    """The two stages of a sequential search."""
    found = m.found["stages"]
    if not found or found["best_tau_f"] is None:
        return None
    names = sorted(
        m.found["baselines"], key=lambda name: (name != "softmax", name)
    )  # the colours of the other figures
    draw = partial(
        drawing.stages,
        *(
            (stage[tau], stage["mean"], stage["sem"])
            for stage, tau in ((found["first"], "tau_f"), (found["second"], "tau_b"))
        ),
        tau_b_start=found["tau_b_start"],
        best_tau_f=found["best_tau_f"],
        baselines={short_label(name): m.found["baselines"][name]["objective"]["mean"] for name in names},
        objective=m.objective,
        minimize=m.minimize,
    )
    caption = (
        f"First the forward temperature was searched at a backward temperature of {found['tau_b_start']:g}, "
        "then the backward "
        f"temperature at the best one, {found['best_tau_f']:g}. Mean ± standard error over seeds, best "
        "learning rate at each "
        "point. Stars: optimum of each stage; lines: the best trial of each baseline; crosses: no finite "
        "value."
    )
    return "stages", Picture("Landscape", caption, draw)


def marginals(m: Material) -> Made:
    """The objective along each temperature of a grid."""
    found = m.found["marginals"]
    if not found or m.strategy == "sequential":
        return None  # whose stages show the same
    if any(len([v for v in found[name]["at_optimum"]["mean"] if v is not None]) < 2 for name in found):
        return None  # a search without a grid has no lines
    caption = (
        "Along each temperature: the best over the other one, and in line with the optimum. Mean ± standard "
        "error over seeds; "
        "the best of many flatters, so the upper envelope is optimistic."
    )
    draw = partial(drawing.marginals, found, objective=m.objective, minimize=m.minimize)
    return "marginals", Picture("Landscape", caption, draw)


def rungs(m: Material) -> Made:
    """Who was dropped when."""
    there = [t for t in searched(m.trials) if t.state in ("succeeded", "stopped")]
    if not any(t.state == "stopped" for t in there):
        return None
    winner = best(there, m.study.direction)
    courses: list[drawing.Course] = []
    at = None
    for trial in there:
        curve = m.curves.of(trial, m.study.objective)
        epochs, means, _ = curve.mean_and_sem() if curve else ([], [], [])
        if epochs:
            at = len(courses) if winner is not None and trial.number == winner.number else at
            courses.append(drawing.Course(epochs, means, trial.state == "stopped"))
    if not courses:
        return None
    caption = (
        "Every trial's course, mean over seeds; a cross where it was dropped, dotted lines at the rungs."
    )
    return "rungs", Picture("The search", caption, partial(drawing.rungs, courses, at, objective=m.objective))


def schedule(m: Material) -> Made:
    """The best temperatures that change during the training."""
    scheduled = [
        t for t in m.trials if t.role == "search" and "schedule" in t.variant and t.state == "succeeded"
    ]
    trial = best(scheduled, m.study.direction)
    steps = json.loads(trial.variant).get("schedule") if trial else None
    if trial is None or not steps:
        return None
    epochs, tau_f, tau_b, *_ = zip(*steps, strict=True)  # the rest is the learning rate
    end = max(m.curves.last_epochs().get(trial.id, 0.0), float(m.study.spec.get("epochs") or 0.0), epochs[-1])
    caption = (
        f"The temperatures of the best schedule that was found, trial {trial.number}, over its training."
    )
    draw = partial(drawing.schedule, epochs, tau_f, tau_b, end=end, title=f"trial {trial.number}")
    return "schedule", Picture("The search", caption, draw)
