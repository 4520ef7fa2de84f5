"""Finds methods whose best temperature is the first or last that was tried: a better one may lie beyond."""

from collections.abc import Sequence
from dataclasses import dataclass

from tuner.evidence.labels import method_label
from tuner.evidence.selection import ARGMAX, OFF, ON, Selection, kind_of, taken
from tuner.ledger.methods import SOFTMAX
from tuner.ledger.rows import COMPETING, TrialRow


@dataclass(frozen=True)
class Edge:
    """A method's best value of a temperature is the first or the last that was tried."""

    kind: str  # the method, as Selection.named calls it
    temperature: str  # tau_f, tau_b, or tau where the method has one temperature
    value: float  # of the temperature
    end: str  # lowest | highest

    @property
    def sentence(self) -> str:
        """What a reader is told, without the full stop."""
        return (
            f"{method_label(self.kind)}: the best {self.temperature}, {self.value:g}, is the {self.end} that "
            "was tried; a better one may lie beyond it"
        )


def edges(trials: Sequence[TrialRow], chosen: Selection) -> list[Edge]:
    """The edges at which the selected trials lie. tau_f = 0 is not an edge: there is nothing below argmax."""
    found = []
    for kind, best in chosen.named().items():
        if best.schedule or (kind == SOFTMAX and chosen.diagonal is not None):
            continue  # a schedule has many values; softmax ST is the diagonal, which is looked at as such
        rivals = [t for t in trials if t.role in COMPETING and kind_of(t) == kind_of(best)]
        for label, name in _axes(kind, best):
            values = [value for value in taken(rivals, name) if value is not None and value > 0]
            value = getattr(best, name)
            if len(values) > 1 and value in (values[0], values[-1]):
                found.append(Edge(kind, label, value, "lowest" if value == values[0] else "highest"))
    return found


def _axes(kind: str, best: TrialRow) -> list[tuple[str, str]]:
    """The temperatures over which a method is tuned: (what a reader is told it is, field of a trial)."""
    if kind == OFF:
        return [("tau_f", "tau_f"), ("tau_b", "tau_b")]
    if kind == ARGMAX:
        return [("tau_b", "tau_b")]
    if kind == ON or (best.tau_f is not None and best.tau_b is not None):
        return [("tau", "tau_b")]
    return [("tau", name) for name in ("tau_f", "tau_b") if getattr(best, name) is not None]
