"""How often a whole study is wrong: search, extension, refinement, selection and confirmation by the
product's strategies and results.

A study takes seconds, so what was played can be kept in a file, a line for each study, and be gone on with.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.calibration.play import play, study_row
from benchmarks.calibration.table import Table, share
from benchmarks.calibration.worlds import WORLDS, World
from tuner.evidence.analysis import results
from tuner.evidence.verdicts import Verdict
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
COST = {"grid": 1, "tpe": 1, "gp": 4}  # a study by each, about, in studies by grid
FALSE_OFF = 0.05  # what is promised where the optimum lies on the diagonal


@dataclass(frozen=True)
class End:
    """How a study ended."""

    world: str
    search: str
    study: int
    verdict: str
    printed: str  # the verdict by the search alone, neither extended nor refined
    seeds: int  # fresh ones


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
            "confirm_seeds": {"looks": [5, 10, 15, 20, 30]},
        }
    )


def played(world: World, search: str, study: int) -> End:
    """A study of that number, played to its end."""
    asked = spec(search)
    found = results(study_row(asked, study), play(asked, world, study))
    printed = found.as_printed.verdict if found.as_printed else found.verdict
    seeds = found.confirmation.seeds if found.confirmation else 0
    return End(world.name, search, study, str(found.verdict), str(printed), seeds)


class Kept:
    """The ends of studies that were played before, in a file of JSON lines; without a file, of this run."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        there = file.read_text(encoding="utf-8").splitlines() if file and file.exists() else []
        self._ends = {(e.world, e.search, e.study): e for e in (End(**json.loads(line)) for line in there)}

    def end(self, world: World, search: str, study: int) -> End:
        """The end of a study, which is played where it was not before."""
        key = world.name, search, study
        if key not in self._ends:
            self._ends[key] = played(world, search, study)
            if self._file:
                with self._file.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(asdict(self._ends[key])) + "\n")
        return self._ends[key]


def affordable(studies: int) -> dict[str, int]:
    """How many studies of each search take as long as so many by grid, and not fewer than FEWEST."""
    return {search: max(FEWEST, studies // cost) for search, cost in COST.items()}


def study_table(
    counts: Mapping[str, int], *, worlds: Mapping[str, World] = WORLDS, kept: Path | None = None
) -> Table:
    """Whole studies: in each world so many by each search."""
    ends = Kept(kept)
    cells: dict[tuple[str, str], list[End]] = {}
    for name, world in worlds.items():
        for search, count in counts.items():
            cells[name, search] = [ends.end(world, search, i) for i in range(count)]
    on = [name for name, world in worlds.items() if world.on_diagonal]
    rows = [(name, [name]) for name in worlds]
    if len(on) > 1:
        rows.insert(len(on), ("on the diagonal, all of these", on))
    lines = [
        (
            title,
            *(_cell([e for name in names for e in cells[name, search]], names[0] in on) for search in counts),
        )
        for title, names in rows
    ]
    return Table(
        "Whole studies",
        "Search, extension, refinement, selection and confirmation (looks 5 to 30) by the strategies "
        "themselves: off / on / practically on the diagonal, and in parentheses how often the search alone "
        "says off. Where the optimum lies on the diagonal every \"off\" is false, and promised to be at most "
        f"5 %. {_said(counts)} a number.",
        ("world", *counts),
        tuple(lines),
    )  # fmt: skip


def _said(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} studies by {search}" for search, count in counts.items())


def _cell(ends: list[End], on_diagonal: bool) -> str:
    verdicts = Counter(end.verdict for end in ends)
    limit = FALSE_OFF if on_diagonal else None
    off, on, equal = (
        share(verdicts[verdict.value], len(ends), limit if verdict is Verdict.OFF else None)
        for verdict in (Verdict.OFF, Verdict.ON, Verdict.PRACTICALLY_ON)
    )
    printed = share(sum(end.printed == Verdict.OFF.value for end in ends), len(ends))
    return f"{off} / {on} / {equal} ({printed})"
