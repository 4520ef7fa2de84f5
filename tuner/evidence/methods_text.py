"""A paragraph for a paper's section on methods: what a study did, in the order in which a reviewer asks.

Every number in it is that of the results, the spec or the ledger's row, so that it is that of the tables.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from trainables.data import OWN_DATA
from trainables.metrics import Metrics
from tuner.evidence.labels import dataset_label, method_label, metric_label
from tuner.evidence.results import Results
from tuner.ledger.rows import StudyRow
from tuner.spec.optimizer import OptimizerSpec

_BEST = (
    "its best report, chosen on one half of the validation examples; fresh seeds are measured on the other"
)


def methods_text(study: StudyRow, found: Results, metrics: Metrics) -> str:
    """The paragraph, of some ten sentences; of a study that has not come to its end, fewer. What a spec of an
    earlier version does not say is left out.
    """
    return " ".join(_sentences(study, found, metrics))


def _sentences(study: StudyRow, found: Results, metrics: Metrics) -> Iterator[str]:
    spec = study.spec
    if "search" in spec:
        yield _searched(study)
    if "seeds" in spec and "batch_size" in spec:
        yield _trained(spec)
    label = metric_label(study.objective.name, metrics)
    yield f"The score of a training is its {label} at {_rule(spec.get('score', 'last'))}."
    yield f"{_first(found.statistics.selection)}."
    if tuned := ", ".join(f"{method_label(name)} {found.tuned_with[name]}" for name in found.chosen):
        yield f"Configurations that each method's best was chosen from: {tuned}."
    yield from _judging(found)
    if "torch" in study.host:
        versions = {"straight-through tuner": "tuner", "torch": "torch", "Ray": "ray", "Python": "python"}
        used = [f"{name} {study.host[key]}" for name, key in versions.items() if key in study.host]
        yield f"Software: {', '.join(used)}."


def _searched(study: StudyRow) -> str:
    spec, search = study.spec, study.spec["search"]
    examples = f" ({study.host['examples']})" if "examples" in study.host else ""
    others = {k: v for k, v in search.items() if k not in ("strategy", "tau_f", "tau_b")}
    ranges = {"tau_f": search.get("tau_f"), "tau_b": search.get("tau_b")}
    ranges |= {"learning rate": spec.get("learning_rates")}
    said = "; ".join(f"{name} {_range(values)}" for name, values in ranges.items() if values is not None)
    return (
        "The two temperatures of a straight-through estimator, tau_f of the forward sample and tau_b of the "
        f"backward pass, were searched on task {study.task}{_named(spec.get('options', {}))} with "
        f"{dataset_label(spec.get('dataset', OWN_DATA))}{examples}, by the strategy "
        f"{search['strategy']}{_named(others)}: {said}."
    )


def _trained(spec: Mapping[str, Any]) -> str:
    length = f"{spec['epochs']} epochs" if spec.get("epochs") else f"{spec.get('steps')} steps"
    return (
        f"Every configuration was trained on {spec['seeds']} seeds for {length} in batches of "
        f"{spec['batch_size']} by Adam{_settings(spec.get('optimizer') or {})}; configurations share initial "
        "weights, batches and noise seed by seed."
    )


def _rule(given: Any) -> str:
    """When the score is taken, of a spec's field `score`."""
    if isinstance(given, Mapping):
        return f"its first report from epoch {given['epoch']} on"
    return _BEST if given == "best" else "its last report"


def _judging(found: Results) -> Iterator[str]:
    """How many fresh seeds there were, what was tested on them, and what came of it."""
    confirmation = found.confirmation
    if confirmation is None:
        yield "Nothing was confirmed on fresh seeds."
        return
    added = f", {confirmation.added} of them added after the planned ones" if confirmation.added else ""
    yield f"The best of every method was trained again on {confirmation.seeds} fresh seeds{added}."
    yield (
        f"Gains are differences seed by seed, tested by {found.statistics.test}. It is assumed that "
        f"{found.statistics.assumptions}."
    )
    margin = f"{confirmation.margin:.4g} ({confirmation.margin_given})"
    yield f"The margin below which a gain is of no interest is {margin}."
    if found.gain is not None:
        yield f"{_first(found.headline)}: {found.verdict_reason}."


def _range(values: Any) -> str:
    """A number, a list or a range of a spec in words."""
    if isinstance(values, Mapping):
        step = f" in steps of {values['step']:g}" if "step" in values else ""
        return f"from {values['low']:g} to {values['high']:g}{step}"
    several = values if isinstance(values, list | tuple) else [values]
    return ", ".join(f"{value:g}" for value in several)


def _settings(optimizer: Mapping[str, Any]) -> str:
    """What Adam was given beside the learning rate, as the spec has it; lists were searched."""
    by_default = OptimizerSpec().model_dump(mode="json")
    set_here = {name: value for name, value in optimizer.items() if value != by_default.get(name)}
    return _named(set_here) or " with torch's defaults"


def _named(values: Mapping[str, Any]) -> str:
    """Like " (codes 8, width 16)"; nothing where there are none."""
    return f" ({', '.join(f'{name} {value}' for name, value in values.items())})" if values else ""


def _first(text: str) -> str:
    return text[:1].upper() + text[1:]
