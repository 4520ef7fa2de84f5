"""Statistics and verdict of a study, from its trials: pure functions, no I/O.

The gain is the difference, seed by seed, between the best trial off the diagonal and a rival (the best one on the diagonal
tau_f = tau_b, the best of a baseline), positive where off the diagonal is better. Trials of one study share initial weights,
batches and noise seed by seed, so the differences are paired. The test is the paired t-test, two-sided, and the interval is
its 95 % interval: they assume that the per-seed differences are independent and nearly normal.

Selecting the best of many trials on the same seeds flatters the winner. Only a gain measured on fresh seeds (role confirm)
decides the verdict.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scipy.special import stdtr, stdtrit  # Student's t; scipy.stats has the same and takes a second to import

from tuner.rows import StudyRow, TrialRow

OFF, ON, UNCLEAR = "off the diagonal", "on the diagonal", "not distinguishable"


@dataclass(frozen=True)
class Selection:
    """The best trial of every method by the mean objective over seeds; None where no trial of it succeeded."""

    best: TrialRow | None  # of the search, wherever it lies
    off_diagonal: TrialRow | None
    diagonal: TrialRow | None  # decoupled ST with tau_f = tau_b, or softmax ST: the same estimator
    baselines: dict[str, TrialRow]

    def distinct(self) -> list[TrialRow]:
        """The selected trials, each method once."""
        chosen: dict[Any, TrialRow] = {}
        for trial in (self.off_diagonal, self.diagonal, *self.baselines.values()):
            if trial is not None:
                chosen.setdefault(trial.method, trial)
        return list(chosen.values())


@dataclass(frozen=True)
class Gain:
    """A paired comparison over seeds, in units of the objective; positive is better than the rival."""

    mean: float
    ci95: tuple[float, float] | None  # None with fewer than 2 seeds
    p_value: float | None  # two-sided paired t-test; None with fewer than 2 seeds
    seeds: int
    against: int  # trial number of the rival
    confirmed: bool  # measured on fresh seeds
    missing: int = 0  # seeds on which one of the two has no finite objective; they are not in the mean


def best(trials: Iterable[TrialRow], direction: str) -> TrialRow | None:
    """The trial with the best mean objective; of equals the first. Trials without one (failed, diverged) do not compete."""
    return min(_ranked(trials, direction), key=lambda pair: (pair[0], pair[1].number), default=(0.0, None))[1]


def best_forward(trials: Iterable[TrialRow], direction: str) -> float | None:
    """The tau_f of the best mean objective; of equals the smallest. None where no trial has a tau_f and an objective."""
    scored = [(rank, t.tau_f) for rank, t in _ranked(trials, direction) if t.tau_f is not None]
    return min(scored)[1] if scored else None


def _ranked(trials: Iterable[TrialRow], direction: str) -> list[tuple[float, TrialRow]]:
    """The trials that have a finite mean objective, each with a number that is lower for a better one."""
    sign = 1 if direction == "minimize" else -1
    means = ((t.mean, t) for t in trials)
    return [(sign * mean, t) for mean, t in means if mean is not None and math.isfinite(mean)]


def select(trials: Sequence[TrialRow], direction: str) -> Selection:
    """The best of every method among search and baseline trials."""
    decoupled = _searched(trials)
    on = [t for t in decoupled if not t.off_diagonal]
    baseline = [t for t in trials if t.role == "baseline"]
    names = sorted({t.estimator for t in baseline})
    named = {name: best((t for t in baseline if t.estimator == name), direction) for name in names}
    return Selection(
        best=best(decoupled, direction),
        off_diagonal=best((t for t in decoupled if t.off_diagonal), direction),
        diagonal=best([*on, *(t for t in baseline if t.estimator == "softmax")], direction),
        baselines={name: trial for name, trial in named.items() if trial is not None},
    )


def gain(trial: TrialRow, rival: TrialRow, direction: str) -> Gain | None:
    """How much better a trial is than its rival, paired over the seeds that both have. None if they share no scored seed."""
    theirs = dict(zip(rival.seeds, rival.objective or (), strict=False))
    sign = 1 if direction == "minimize" else -1
    pairs = ((theirs.get(seed), mine) for seed, mine in zip(trial.seeds, trial.objective or (), strict=False))
    differences = [sign * (other - mine) for other, mine in pairs if other is not None and mine is not None]
    n = len(differences)
    if n == 0:
        return None
    mean = math.fsum(differences) / n
    error = sem(differences)
    interval: tuple[float, float] | None = None
    p_value: float | None = None
    if error is not None:
        half = float(stdtrit(n - 1, 0.975)) * error
        interval = (mean - half, mean + half)
        # Without any spread the t statistic is 0/0 or infinite; identical trials differ by nothing.
        p_value = float(2 * stdtr(n - 1, -abs(mean) / error)) if error > 0 else float(mean == 0)
    missing = len(set(trial.seeds) & set(rival.seeds)) - n
    return Gain(mean, interval, p_value, n, rival.number, confirmed=trial.role == "confirm", missing=missing)


def sem(values: Sequence[float]) -> float | None:
    """Standard error of the mean; None with fewer than 2 values."""
    n = len(values)
    if n < 2:
        return None
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / n)


def summary(values: Sequence[float | None]) -> dict[str, Any]:
    """Mean and standard error over seeds, and the values; mean and sem are None unless every value is finite."""
    finite = [v for v in values if v is not None]
    whole = len(finite) == len(values) > 0
    return {
        "mean": math.fsum(finite) / len(finite) if whole else None,
        "sem": sem(finite) if whole else None,
        "seeds": list(values),
    }


def trial_json(trial: TrialRow) -> dict[str, Any]:
    """A trial's row as the command line, the API and the report show it."""
    return {
        "number": trial.number,
        "role": trial.role,
        "estimator": trial.estimator,
        "tau_f": trial.tau_f,
        "tau_b": trial.tau_b,
        "lr": trial.lr,
        "state": trial.state,
        "objective": summary(trial.objective or ()),
        "metrics": {name: summary(values) for name, values in trial.metrics.items()},
        "reason": trial.reason,
    }


def landscape(trials: Sequence[TrialRow], direction: str) -> dict[str, list[Any]]:
    """The search: mean[i][j] and sem[i][j] at (tau_f[i], tau_b[j]), of the best learning rate there; None without a value.

    A sequential search has run a row and a column only; the other pairs are None, too.
    """
    searched = _searched(trials)
    scores = _scores(searched, lambda t: (t.tau_f, t.tau_b), direction)
    tau_f, tau_b = (_values(searched, name) for name in ("tau_f", "tau_b"))

    def matrix(key: str) -> list[list[Any]]:
        return [[scores[f, b][key] if (f, b) in scores else None for b in tau_b] for f in tau_f]

    return {"tau_f": tau_f, "tau_b": tau_b, "mean": matrix("mean"), "sem": matrix("sem")}


def stages(study: StudyRow, trials: Sequence[TrialRow]) -> dict[str, Any] | None:
    """The two stages of a sequential search, or None for another: tau_f at tau_b_start, then tau_b at the best tau_f.

    Each stage has its temperatures, ascending, with mean and sem of the best learning rate there; None without a value.
    The best tau_f is the best so far while the first stage runs; None where no trial of it has an objective.
    """
    search = study.spec.get("search", {})
    if search.get("strategy") != "sequential":
        return None
    start, direction = search["tau_b_start"], study.direction
    first = [t for t in _searched(trials) if t.tau_b == start]
    tau_f = best_forward(first, direction)
    second = [t for t in _searched(trials) if t.tau_f == tau_f]

    def stage(there: Sequence[TrialRow], name: str) -> dict[str, list[Any]]:
        scores = _scores(there, lambda t: getattr(t, name), direction)
        values = sorted(scores)
        return {name: values} | {key: [scores[value][key] for value in values] for key in ("mean", "sem")}

    return {"tau_b_start": start, "best_tau_f": tau_f, "first": stage(first, "tau_f"), "second": stage(second, "tau_b")}


def _scores(trials: Sequence[TrialRow], key: Callable[[TrialRow], Any], direction: str) -> dict[Any, dict[str, Any]]:
    """Mean and standard error of the best among the trials of each key, as `summary` has them."""
    groups: dict[Any, list[TrialRow]] = defaultdict(list)
    for trial in trials:
        groups[key(trial)].append(trial)
    leaders = {name: best(there, direction) for name, there in groups.items()}
    return {name: summary(leader.objective or () if leader else ()) for name, leader in leaders.items()}


def _searched(trials: Sequence[TrialRow]) -> list[TrialRow]:
    return [t for t in trials if t.role == "search" and t.estimator == "decoupled"]


def _values(trials: Sequence[TrialRow], name: str) -> list[float]:
    """The values that a temperature takes, ascending."""
    return sorted({getattr(t, name) for t in trials})


def verdict(measured: Gain) -> tuple[str, str]:
    """The verdict and the sentence that explains it, from the gain over the best trial on the diagonal."""
    size = f"a gain of {measured.mean:.4g} over {measured.seeds} seed{'s' if measured.seeds > 1 else ''}"
    if measured.missing:
        # Judging by the seeds that survived would reward a method for the seeds on which it fails.
        return UNCLEAR, f"{size} leaves out {measured.missing} on which one of the two trials diverged"
    if measured.ci95 is None:
        return UNCLEAR, f"{size} has no confidence interval: it takes 2 seeds or more"
    low, high = measured.ci95
    size += f" (95 % CI {low:.4g} to {high:.4g})"
    if not measured.confirmed:
        return UNCLEAR, f"{size} was measured on the seeds it was selected on; set confirm_seeds to measure it on fresh ones"
    if low > 0:
        return OFF, f"{size}, on fresh seeds, excludes 0"
    if high < 0:
        return ON, f"{size}, on fresh seeds, excludes 0: the best trial on the diagonal is better"
    return UNCLEAR, f"{size}, on fresh seeds, includes 0"


def results(study: StudyRow, trials: Sequence[TrialRow]) -> dict[str, Any]:
    """The results of a study as JSON: what `tuner results --json` prints and the API returns."""
    direction = study.direction
    chosen = select(trials, direction)
    confirmations = {t.method: t for t in trials if t.role == "confirm" and t.terminal}

    def judged(trial: TrialRow | None) -> TrialRow | None:
        """The confirmation of a trial where there is one, else the trial itself."""
        return None if trial is None else confirmations.get(trial.method, trial)

    def against(rival: TrialRow | None) -> Gain | None:
        mine, theirs = judged(chosen.off_diagonal), judged(rival)
        return gain(mine, theirs, direction) if mine and theirs else None  # None too where only one is confirmed yet

    main = against(chosen.diagonal)
    conclusion, because = verdict(main) if main else (UNCLEAR, _why_no_gain(chosen, trials))
    return {
        "study": study.id,
        "state": study.state,
        "objective": {"name": study.objective, "direction": direction},
        "best": _json(chosen.best),
        "off_diagonal_best": _json(chosen.off_diagonal),
        "diagonal_best": _json(chosen.diagonal),
        "baselines": {name: trial_json(t) for name, t in chosen.baselines.items()},
        "confirmed": {name: trial_json(t) for name, t in _confirmed(chosen, judged).items()},
        "gain": _gain_json(main),
        "gains": {name: _gain_json(against(t)) for name, t in chosen.baselines.items()},
        "tuned_with": _counts(trials),
        "verdict": conclusion,
        "verdict_reason": because,
        "notes": edge_notes(chosen.best, trials),
        "landscape": landscape(trials, direction),
        "stages": stages(study, trials),
    }


def _why_no_gain(chosen: Selection, trials: Sequence[TrialRow]) -> str:
    """What is missing for a comparison of off the diagonal with on it."""
    if (chosen.off_diagonal is None) == (chosen.diagonal is None):
        return "there is no finished pair of trials, one off and one on the diagonal, to compare"
    missing = "on" if chosen.diagonal is None else "off"
    ran = any(t.method[0] == "decoupled" and t.off_diagonal == (missing == "off") for t in trials)
    problem = "has an objective on every seed" if ran else "was run"
    advice = "; the baseline softmax lies on it" if missing == "on" and not ran else ""
    return f"there is nothing to compare with: no trial {missing} the diagonal tau_f = tau_b {problem}{advice}"


def edge_notes(optimum: TrialRow | None, trials: Sequence[TrialRow]) -> list[str]:
    """A sentence for each temperature whose optimum is the first or last value searched: a better one may lie beyond."""
    notes = []
    for name in ("tau_f", "tau_b") if optimum else ():
        values = _values(_searched(trials), name)
        value = getattr(optimum, name)
        if len(values) > 1 and value > 0 and value in (values[0], values[-1]):
            end = "lowest" if value == values[0] else "highest"
            notes.append(f"the optimum's {name} of {value:g} is the {end} that was searched; a better one may lie beyond it")
    return notes


def _confirmed(chosen: Selection, judged: Any) -> dict[str, TrialRow]:
    named = {"off_diagonal": chosen.off_diagonal, "diagonal": chosen.diagonal, **chosen.baselines}
    confirmed = {name: judged(trial) for name, trial in named.items()}
    return {name: t for name, t in confirmed.items() if t is not None and t.role == "confirm"}


def _counts(trials: Sequence[TrialRow]) -> dict[str, int]:
    """How many configurations each method was chosen from. Softmax ST and the grid's diagonal are one method, counted once."""
    competing = [t for t in trials if t.role in ("search", "baseline")]
    tied = {t.method for t in competing if t.estimator in ("decoupled", "softmax") and not t.off_diagonal}
    baselines = [t.estimator for t in competing if t.role == "baseline"]
    return {
        "off_diagonal": sum(t.off_diagonal for t in competing),
        "diagonal": len(tied),
        **{name: baselines.count(name) for name in sorted(set(baselines))},
    }


def _json(trial: TrialRow | None) -> dict[str, Any] | None:
    return None if trial is None else trial_json(trial)


def _gain_json(measured: Gain | None) -> dict[str, Any] | None:
    if measured is None:
        return None
    return {
        "mean": measured.mean,
        "ci95": list(measured.ci95) if measured.ci95 else None,
        "p_value": measured.p_value,
        "seeds": measured.seeds,
        "against": measured.against,
        "confirmed": measured.confirmed,
    }
