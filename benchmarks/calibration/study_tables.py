"""How often a whole study is wrong: search, selection and confirmation by the product's strategies and
results.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from benchmarks.calibration.play import play, study_row
from benchmarks.calibration.table import Table, share
from benchmarks.calibration.worlds import WORLDS, World
from tuner.evidence.analysis import results
from tuner.spec.study import StudySpec, parse_spec

TAUS = {"low": 0.0, "high": 1.0}, {"low": 0.1, "high": 2.0}
SEARCHES: Mapping[str, dict[str, Any]] = {
    "grid": {
        "strategy": "grid",
        "tau_f": [0.0, 0.1, 0.3, 0.5, 1.0],
        "tau_b": [0.1, 0.3, 0.5, 1.0, 2.0],
    },
    "tpe": {"strategy": "tpe", "tau_f": TAUS[0], "tau_b": TAUS[1], "trials": 24},
    "gp": {"strategy": "gp", "tau_f": TAUS[0], "tau_b": TAUS[1], "trials": 24},
}
FEWEST = 20  # studies whose rate is worth printing
COST = {"grid": 1, "tpe": 5, "gp": 20}  # a study by each, about, in studies by grid


def spec(search: str) -> StudySpec:
    """A study as the presets have it, small."""
    return parse_spec(
        {
            "name": f"calibration-{search}",
            "task": "sbn",
            "dataset": "digits",
            "search": SEARCHES[search],
            "learning_rates": [0.001],
            "seeds": 3,
            "epochs": 10,
            "baselines": ["softmax"],
            "confirm_seeds": 5,
        }
    )


def study_table(
    studies: int,
    searches: tuple[str, ...],
    *,
    worlds: Mapping[str, World] = WORLDS,
    fewest: int = FEWEST,
) -> Table:
    """Whole studies, of each world and search as many as its cost allows, and not fewer than `fewest`."""
    rows = []
    for name, world in worlds.items():
        cells = [name]
        for search in searches:
            asked, count = spec(search), max(fewest, studies // COST[search])
            ends = Counter(
                str(results(study_row(asked, i), play(asked, world, i)).verdict) for i in range(count)
            )
            off, on, equal = (
                share(ends[word], count)
                for word in ("off the diagonal", "on the diagonal", "practically on the diagonal")
            )
            cells.append(f"{off} / {on} / {equal}")
        rows.append(tuple(cells))
    return Table(
        "Whole studies",
        "Search, selection and confirmation by the strategies themselves: off / on / practically on the "
        "diagonal. Where the optimum lies on the diagonal every \"off\" is false.",
        ("world", *searches),
        tuple(rows),
    )  # fmt: skip
