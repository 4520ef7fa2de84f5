"""A table of rates, as text and as Markdown."""

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

WIDTH = 106  # of prose


@dataclass(frozen=True)
class Table:
    """What one part of the calibration shows."""

    title: str
    says: str  # what is promised, and what the columns are
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def markdown(self) -> str:
        """As Markdown, the title as a heading."""
        lines = [f"## {self.title}", "", *textwrap.wrap(self.says, WIDTH), "", _line(self.header)]
        lines.append(_line(["---", *["---:"] * (len(self.header) - 1)]))
        return "\n".join([*lines, *map(_line, self.rows)]) + "\n"

    def text(self) -> str:
        """As text for a terminal."""
        columns = list(zip(*(self.header, *self.rows), strict=True))
        widths = [max(map(len, column)) for column in columns]
        rows = (
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
            for row in (self.header, *self.rows)
        )
        return "\n".join([self.title, *rows]) + "\n"


def share(count: float, of: int, limit: float | None = None) -> str:
    """A rate in percent; marked where it is above a limit by more than 3 of its standard errors."""
    rate = count / of
    broken = limit is not None and rate > limit + 3 * math.sqrt(limit * (1 - limit) / of)
    return f"{100 * rate:.1f} %" + (" (!)" if broken else "")


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
