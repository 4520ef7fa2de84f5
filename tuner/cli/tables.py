"""Tables as text: as wide as their cells in a file or a pipe, no wider than the terminal where there is one.

Colours are click's: it leaves them out where nobody sees them, and tuner/cli/group.py where NO_COLOR asks for
that.
"""

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
_NARROWEST = 8  # columns of text are not cut further


def columns(names: list[str], rows: list[list[str]], *, left: int, state: int | None = None) -> str:
    """Columns as wide as their widest cell; the first `left` are text, aligned to the left and cut where the
    terminal is too narrow, the others numbers, aligned to the right. Column `state` is coloured.
    """
    widths = [max(len(row[i]) for row in [names, *rows]) for i in range(len(names))]
    _narrow(widths, left, terminal_width())

    def line(cells: list[str], *, head: bool = False) -> str:
        sized = enumerate(zip(cells, widths, strict=True))
        fitted = [_fit(cell, width, left=i < left) for i, (cell, width) in sized]
        fitted[-1] = fitted[-1].rstrip()
        if state is not None and not head:
            fitted[state] = click.style(fitted[state], fg=STATE_COLOURS.get(cells[state]))
        text = "  ".join(fitted)
        return click.style(text, bold=True) if head else text

    return "\n".join([line(names, head=True), *map(line, rows)])


def _narrow(widths: list[int], left: int, most: int | None) -> None:
    """Takes from the widest column of text, one by one, until the line fits."""
    if most is None:
        return
    while sum(widths) + 2 * (len(widths) - 1) > most:
        widest = max(range(left), key=lambda i: widths[i], default=None)
        if widest is None or widths[widest] <= _NARROWEST:
            return
        widths[widest] -= 1


def _fit(cell: str, width: int, *, left: bool) -> str:
    if len(cell) > width:
        cell = cell[: width - 1] + "…"
    return cell.ljust(width) if left else cell.rjust(width)


def state_text(state: str) -> str:
    """A state in its colour."""
    return click.style(state, fg=STATE_COLOURS.get(state))
