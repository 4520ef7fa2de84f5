"""`make calibrate`: prints how often the statistics are wrong, and writes it as Markdown.

    python -m benchmarks.calibration [PART ...] [--studies N] [--kept FILE] [--out FILE]

Seeded: the same numbers on every machine, but for the last digit. Minutes.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.calibration import claim_tables, study_tables, verdict_tables
from benchmarks.calibration.table import Table

OUT = Path(__file__).parents[2] / "docs" / "explanation" / "calibration.md"
HEAD = """# Calibration

How often a study's statistics are wrong, and how often they are right, in worlds whose truth is known.
Written by `make calibrate`; {studies:,} simulated studies a number, fewer where a table takes long. A rate
that is above its promise by more than 3 of its standard errors is marked (!).

"""
PARTS: Mapping[str, Callable[[int], Table]] = {
    "null": verdict_tables.null_table,
    "unseen": verdict_tables.unseen_table,
    "power": verdict_tables.power_table,
    "margin": verdict_tables.margin_table,
    "coverage": verdict_tables.coverage_table,
    "divergence": verdict_tables.divergence_table,
    "added": verdict_tables.added_table,
    "sooner": claim_tables.convergence_table,
    "trends": claim_tables.trend_table,
    "place": claim_tables.place_table,
    "best-of-many": claim_tables.best_of_many_table,
    "examples": claim_tables.examples_table,
}
WHOLE, OF_WHOLE = "studies", 20  # one whole study is played for so many of the others


def main(arguments: list[str] | None = None) -> None:
    """Runs the parts that are named, or all of them; only all of them are written to the file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.calibration", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {_names()}; default: all")
    parser.add_argument("--studies", type=int, default=4000, help="simulated studies a number")
    parser.add_argument(
        "--out", type=Path, default=OUT, help="the Markdown file that all parts are written to"
    )
    parser.add_argument(
        "--kept",
        type=Path,
        help="a file of whole studies that were played before: it is read, and gone on with",
    )
    given = parser.parse_args(arguments)
    if unknown := set(given.parts) - {*PARTS, WHOLE}:
        parser.error(f"there is no {', '.join(sorted(unknown))}; there are {_names()}")
    tables = []
    for name in given.parts or (*PARTS, WHOLE):
        tables.append(_whole(given) if name == WHOLE else PARTS[name](given.studies))
        print(tables[-1].text(), flush=True)
    if not given.parts:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        text = HEAD.format(studies=given.studies) + "\n".join(table.markdown() for table in tables)
        given.out.write_text(text, encoding="utf-8")
        print(f"written to {given.out}")


def _whole(given: argparse.Namespace) -> Table:
    return study_tables.study_table(study_tables.affordable(given.studies // OF_WHOLE), kept=given.kept)


def _names() -> str:
    return ", ".join((*PARTS, WHOLE))


if __name__ == "__main__":
    main()
