"""Tables as text: as wide as their cells in a file or a pipe, no wider than the terminal where there is one.

Colours are click's: it leaves them out where nobody sees them, and tuner/cli/group.py where NO_COLOR asks for
that.
"""

import textwrap
from collections.abc import Sequence

import click

from tuner.output import terminal_width

STATE_COLOURS = {
    "running": "cyan",
    "succeeded": "green",
    "failed": "red",
    "diverged": "red",
    "interrupted": "yellow",
    "cancelled": "yellow",
    "stopped": "yellow",
}
_GAP = 2  # between columns
_NARROWEST = 10  # columns of text are not cut further: an id of a study has as many


def columns(names: list[str], rows: list[list[str]], *, left: int, state: int | None = None) -> str:
    """Columns as wide as their widest cell; the first `left` are text, aligned to the left, the others
    numbers, aligned to the right. Column `state` is coloured.

    Where the terminal is too narrow, heads are broken between words, then columns move together, then text
    is cut; where that is not enough, each row is a paragraph with a line for each cell.
    """
    most, heads, gap = terminal_width(), [[name] for name in names], _GAP
    cells = [max((len(row[i]) for row in rows), default=0) for i in range(len(names))]
    widths = [max(cell, len(name)) for cell, name in zip(cells, names, strict=True)]
    if most is not None and _total(widths, gap) > most:
        least = [max(cell, *map(len, name.split())) for cell, name in zip(cells, names, strict=True)]
        heads = [textwrap.wrap(name, width) for name, width in zip(names, least, strict=True)]
        widths = [max(cell, *map(len, head)) for cell, head in zip(cells, heads, strict=True)]
        if _total(widths, gap) > most:
            gap = 1
        _narrow(widths, left, most, gap)
        if _total(widths, gap) > most:
            return "\n\n".join(_paragraph(names, row, state, most) for row in rows)
        if _total(widths, _GAP) <= most:
            gap = _GAP

    def line(texts: Sequence[str]) -> list[str]:
        sized = enumerate(zip(texts, widths, strict=True))
        fitted = [_fit(text, width, left=i < left) for i, (text, width) in sized]
        return [*fitted[:-1], fitted[-1].rstrip()]

    depth = max(map(len, heads))
    above = [[""] * (depth - len(head)) + head for head in heads]  # heads stand on the line below
    between = " " * gap
    lines = [click.style(between.join(line(texts)).rstrip(), bold=True) for texts in zip(*above, strict=True)]
    for row in rows:
        fitted = line(row)
        if state is not None:
            fitted[state] = click.style(fitted[state], fg=STATE_COLOURS.get(row[state]))
        lines.append(between.join(fitted))
    return "\n".join(lines)


def _total(widths: Sequence[int], gap: int) -> int:
    return sum(widths) + gap * (len(widths) - 1)


def _narrow(widths: list[int], left: int, most: int, gap: int) -> None:
    """Takes from the widest column of text, one by one, until the line fits."""
    while _total(widths, gap) > most:
        widest = max(range(left), key=lambda i: widths[i], default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1


def _paragraph(names: Sequence[str], row: Sequence[str], state: int | None, most: int) -> str:
    """A row where there is no room for columns: names as narrow as its values need, and what still does not
    fit beside its name stands below it.
    """
    room = most - max(map(len, row[1:])) - 2 * _GAP
    widest = min(max(map(len, names[1:])), max(room, *(len(word) for name in names for word in name.split())))
    lines = [click.style(f"{names[0]} {row[0]}", bold=True)]
    for i, (name, text) in enumerate(zip(names[1:], row[1:], strict=True), start=1):
        shown = state_text(text) if i == state else text
        head, *rest = textwrap.wrap(name, widest)
        beside = 2 * _GAP + widest + len(text) <= most
        lines.append(f"  {head.ljust(widest)}  {shown}" if beside else f"  {head}")
        lines += [f"  {part}" for part in rest]
        if not beside:
            lines += textwrap.wrap(
                text, most - 1, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False
            )
    return "\n".join(lines)


def _fit(cell: str, width: int, *, left: bool) -> str:
    if len(cell) > width:
        cell = cell[: width - 1] + "…"
    return cell.ljust(width) if left else cell.rjust(width)


def state_text(state: str) -> str:
    """A state in its colour."""
    return click.style(state, fg=STATE_COLOURS.get(state))
