"""What a task says of its metrics: their names for readers, their units, and where the evidence shows them.

A task declares its metrics, and nobody else knows them: tables, figures and the paper's claims read the
declaration, so that a user's own task gets labels, units, panels and claims without a change to the tuner.
Free of torch, because reading a finished study takes no model.
"""

from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import Literal

Direction = Literal["minimize", "maximize"]
Temperature = Literal["tau_f", "tau_b"]
Side = Literal["left", "right"]


@dataclass(frozen=True)
class Panel:
    """One of the two panels that show a task's metrics over the training."""

    side: Side
    figure: int | None = None  # of the paper; None: the paper has no such figure


@dataclass(frozen=True)
class Trend:
    """How a metric goes with a temperature: what claim C3 is judged by, and what Figure 6 draws."""

    temperature: Temperature
    expected: Literal["rises", "falls"] | None = None  # as that temperature grows; None: no part of C3
    axis: Side | None = None  # of Figure 6a (tau_f) or 6b (tau_b); None: not drawn


@dataclass(frozen=True)
class Family:
    """One quantity measured at several thresholds, which has a figure of its own: the value against the
    threshold.
    """

    figure: str  # its name
    xlabel: str
    caption: str


@dataclass(frozen=True)
class Threshold:
    """The threshold at which a metric of a family is measured."""

    value: float
    family: Family
    decides: bool = False  # one of a family does; the others are shown beside it

    @property
    def text(self) -> str:
        """The value as the metric's name has it: "1e-05"."""
        return f"{self.value:.0e}"


@dataclass(frozen=True)
class Distribution:
    """How often each of several categories occurs, a metric for each; drawn as a figure of its own."""

    perplexity: str  # name of the metric that is the distribution's perplexity
    category: str  # what a category is: "gate type"
    share: str  # what a value is: "share of gates"
    meaning: str  # of the figure: "how often each gate type is the most probable one"
    figure: int | None = None  # of the paper


@dataclass(frozen=True)
class Category:
    """The category of a distribution whose share a metric is."""

    name: str
    distribution: Distribution


@dataclass(frozen=True)
class Collapse:
    """When a trained member counts as collapsed: a metric below or above a value."""

    metric: str
    comparison: Literal["below", "above"]
    threshold: float

    def holds(self, value: float) -> bool:
        """Whether a member with this value of the metric has collapsed."""
        return value < self.threshold if self.comparison == "below" else value > self.threshold


@dataclass(frozen=True)
class Metric:
    """A number that is measured of every member, and what readers are told about it."""

    name: str  # as `evaluate` returns it
    label: str  # without the unit: "validation loss"
    unit: str = ""
    direction: Direction | None = None  # which values are better; None: neither
    _: KW_ONLY
    # By whom: the task's `evaluate`, the engine in training, or the diagnostics that a spec asks for.
    measured: Literal["evaluation", "training", "diagnosis"] = "evaluation"
    second_verdict: bool = False  # its comparison is shown beside the objective's
    panel: Panel | None = None
    trends: tuple[Trend, ...] = ()
    beside: str | None = None  # where the paper shows that decoupled ST is best in it, too; "": nowhere
    complement: str = ""  # what 1 minus it is called, where Figure 6 draws that instead
    threshold: Threshold | None = None
    category: Category | None = None

    @property
    def full_label(self) -> str:
        """The label with the threshold, where it has one: no two metrics of a task share it."""
        return f"{self.label}, threshold {self.threshold.text}" if self.threshold else self.label

    @property
    def title(self) -> str:
        """The same with the unit, for an axis or a table's head."""
        return f"{self.full_label} ({self.unit})" if self.unit else self.full_label

    @property
    def decides(self) -> bool:
        """Whether claims may rest on it: no variant of another metric at a threshold of its own."""
        return self.threshold is None or self.threshold.decides


TRAIN_LOSS = Metric("train_loss", "training loss", direction="minimize", measured="training")
GRAD_SNR = Metric(
    "grad_snr", "signal-to-noise ratio of the gradient",
    measured="diagnosis", trends=(Trend("tau_f", axis="right"),),
)  # fmt: skip
GRAD_NORM = Metric(
    "grad_norm", "norm of the gradient", measured="diagnosis", trends=(Trend("tau_b", axis="left"),)
)
GRAD_NORM_STD = Metric("grad_norm_std", "spread of the norm of the gradient", measured="diagnosis")
ENGINE = (TRAIN_LOSS, GRAD_SNR, GRAD_NORM, GRAD_NORM_STD)  # of every task, unless it declares them itself
SCORE = (Metric("score", "score so far"), Metric("score_epoch", "epoch that the score is of"))
INITIAL = "_initial"  # ends the name of a diagnosis at the initial weights


@dataclass(frozen=True)
class Metrics:
    """All that a task declares. Where it declares nothing, metrics have default labels and serve no claim.

    Raises:
        ValueError: "metrics: ..." where declarations contradict each other.
    """

    declared: tuple[Metric, ...] = ()
    collapsed: Collapse | None = None  # what it means that a trained member is of no use
    problem: str | None = None  # why a task's declaration cannot be read here: it is not installed, for one

    def __post_init__(self) -> None:
        if not (isinstance(self.declared, tuple) and all(isinstance(m, Metric) for m in self.declared)):
            raise ValueError(f"metrics: must be a tuple of trainables.metrics.Metric, got {self.declared!r}")
        if contradiction := next(filter(None, self._contradictions()), None):
            raise ValueError(f"metrics: {contradiction}")

    @cached_property
    def everything(self) -> tuple[Metric, ...]:
        """The declared metrics, then those of the engine that are not among them.

        An axis of Figure 6 that the task uses is not the engine's any more.
        """
        names = {m.name for m in self.declared}
        used = {(t.temperature, t.axis) for m in self.declared for t in m.trends}
        engine = (m for m in ENGINE if m.name not in names)
        free = (
            replace(m, trends=tuple(t for t in m.trends if (t.temperature, t.axis) not in used))
            for m in engine
        )
        return (*self.declared, *free)

    @cached_property
    def named(self) -> tuple[Metric, ...]:
        """All that may be measured, for readers: everything; the score; a diagnosis as it is called of the
        initial weights; what is measured of the validation set as it is called of the test set.
        """
        names = {m.name for m in self.everything}
        further = [m.name for m in SCORE]
        further += [m.name + INITIAL for m in self.everything if m.measured == "diagnosis"]
        further += [m.name.replace("val_", "test_", 1) for m in self.everything if m.name.startswith("val_")]
        return (*self.everything, *(self.of(name) for name in further if name not in names))

    def of(self, name: str) -> Metric:
        """A metric by its name. One that nobody declares has a label made of the name."""
        known = {m.name: m for m in (*SCORE, *self.everything)}
        if name in known:
            return known[name]
        diagnosis = known.get(name.removesuffix(INITIAL)) if name.endswith(INITIAL) else None
        if diagnosis is not None and diagnosis.measured == "diagnosis":
            return Metric(
                name, f"{diagnosis.full_label}, initial weights", diagnosis.unit, measured="diagnosis"
            )
        twin = known.get(name.replace("test_", "val_", 1)) if name.startswith("test_") else None
        if twin is None:
            return Metric(name, _spelled(name))
        label = twin.label.replace("validation", "test", 1)
        label = label if label != twin.label else f"{label}, test set"
        return Metric(name, label, twin.unit, twin.direction)

    def drawn(self, temperature: Temperature, axis: Side) -> list[Metric]:
        """The metrics on one axis of Figure 6a (tau_f) or 6b (tau_b)."""
        return [
            m for m in self.everything
            if any((t.temperature, t.axis) == (temperature, axis) for t in m.trends)
        ]  # fmt: skip

    def panels(self) -> tuple[Metric, Metric] | None:
        """The metrics of the left and the right panel."""
        found = {m.panel.side: m for m in self.everything if m.panel}
        return (found["left"], found["right"]) if found else None

    def thresholds(self) -> list[Metric]:
        """The metrics of the family, by ascending threshold."""
        family = [(m.threshold.value, m) for m in self.everything if m.threshold]
        return [m for _, m in sorted(family, key=lambda pair: pair[0])]

    def categories(self) -> list[Metric]:
        """The metrics that are the shares of a distribution's categories."""
        return [m for m in self.everything if m.category]

    def figure_of(self, name: str) -> str | None:
        """The name of the figure that shows a metric; None where none does."""
        metric = self.of(name)
        if metric.threshold:
            return metric.threshold.family.figure
        if metric.panel:
            return figure_name(metric.panel.figure, "panels")
        shares = (m.category.distribution for m in self.everything if m.category)
        shown = next((d for d in shares if d.perplexity == name), None)
        return figure_name(shown.figure, "distribution") if shown else None

    def _contradictions(self) -> Iterable[str | None]:
        names = [m.name for m in self.declared]
        yield _twice(names, "{} is declared twice")
        panels = [m.panel for m in self.declared if m.panel]
        paired = sorted(p.side for p in panels) == ["left", "right"]
        if panels and (not paired or _differ(p.figure for p in panels)):
            yield "one must have the left panel and one the right, of one figure, or none must have any"
        for m in self.declared:
            if m.direction is None and (m.second_verdict or m.beside is not None):
                yield f"{m.name} is compared between methods and must have a direction"
        thresholds = [m.threshold for m in self.declared if m.threshold]
        if thresholds and (sum(t.decides for t in thresholds) != 1 or _differ(t.family for t in thresholds)):
            yield "of those with a threshold, all must be of one family, and exactly one must decide"
        if _differ(m.category.distribution for m in self.declared if m.category):
            yield "those with a category must all be of one distribution"
        axes = [f"{t.temperature} on the {t.axis}" for m in self.declared for t in m.trends
                if t.axis and m.decides]  # fmt: skip
        yield _twice(axes, "the axis of {} has two metrics")
        if self.collapsed and self.collapsed.metric not in names:
            yield f"collapsed names {self.collapsed.metric}, which is not declared"


def figure_name(number: int | None, otherwise: str) -> str:
    """The name of a figure by its number in the paper."""
    return otherwise if number is None else f"figure{number}"


def _spelled(name: str) -> str:
    """A label made of a metric's name: "val_loss" is "validation loss"."""
    split, _, rest = name.partition("_")
    long = {"val": "validation", "train": "training"}.get(split, split)
    return f"{long} {rest}".replace("_", " ").strip()


def _differ(values: Iterable[object]) -> bool:
    return len({*values}) > 1


def _twice(values: list[str], sentence: str) -> str | None:
    return next((sentence.format(v) for v in values if values.count(v) > 1), None)
