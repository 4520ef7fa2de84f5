"""The trials of a study as a table for spreadsheets and data frames: a row for each trial, with its objective
and every metric as mean and standard error over seeds.

The objective is what trials are selected by and what tables show, by default that of a training's best
report. Metrics are of the last report, also the one that has the objective's name.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from tuner.evidence.over_seeds import Summary
from tuner.ledger.methods import settings_by_name
from tuner.ledger.objective import Objective
from tuner.ledger.rows import TrialRow

_CONFIGURATION = ("number", "role", "estimator", "tau_f", "tau_b", "lr")
_OUTCOME = ("state", "reason", "epoch")


def trial_table(trials: Sequence[TrialRow], objective: Objective) -> dict[str, list[Any]]:
    """The columns, {name: a value for each trial}, None where a trial has no such value.

    The objective's values per seed are a column of lists, for paired comparisons. A metric with the name of
    another column is left out.
    """
    columns: dict[str, list[Any]] = {name: [getattr(t, name) for t in trials] for name in _CONFIGURATION}
    for name, values in settings_by_name(t.variant for t in trials).items():
        columns[name] = [_plain(value) for value in values]
    columns["variant"] = [trial.variant.text or None for trial in trials]
    columns |= {name: [getattr(t, name) for t in trials] for name in _OUTCOME}
    columns["seeds"] = [list(trial.seeds) for trial in trials]
    columns["objective_per_seed"] = [
        None if trial.objective is None else list(trial.objective) for trial in trials
    ]
    columns |= _over_seeds("objective", [trial.objective or () for trial in trials])
    for metric in dict.fromkeys([objective.name, *_names(trials)]):
        if metric not in columns:
            columns |= _over_seeds(metric, [trial.metrics.get(metric, ()) for trial in trials])
    return columns


def _over_seeds(name: str, values: Sequence[Sequence[float | None]]) -> dict[str, list[Any]]:
    summaries = [Summary.of(of_trial) for of_trial in values]
    return {name: [each.mean for each in summaries], f"{name}_sem": [each.sem for each in summaries]}


def as_csv(columns: dict[str, list[Any]]) -> bytes:
    """The table as CSV (RFC 4180, UTF-8). The values of a list are separated by spaces."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    for row in zip(*columns.values(), strict=True):
        writer.writerow([_cell(value) for value in row])
    return text.getvalue().encode()


def as_parquet(columns: dict[str, list[Any]]) -> bytes:
    """The table as Parquet, in which lists stay lists."""
    import pyarrow as pa  # takes half a second to import
    from pyarrow import parquet

    kinds = {"number": pa.int64(), "seeds": pa.list_(pa.int64())}
    texts = {"role", "estimator", "variant", "state", "reason"}

    def kind(name: str) -> pa.DataType:
        if name in kinds:
            return kinds[name]
        if name in texts:
            return pa.string()
        several = name.endswith("_per_seed") or name == "betas"
        return pa.list_(pa.float64()) if several else pa.float64()

    # The types are said, because a column without any value has none of its own.
    arrays = {name: pa.array(values, kind(name)) for name, values in columns.items()}
    sink = io.BytesIO()
    parquet.write_table(pa.table(arrays), sink)
    return sink.getvalue()


def _names(trials: Iterable[TrialRow]) -> list[str]:
    """The metrics that some trial has, in the order in which they come."""
    return list(dict.fromkeys(name for trial in trials for name in trial.metrics))


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join("" if v is None else str(v) for v in value)
    return "" if value is None else value
