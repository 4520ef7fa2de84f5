"""What a study shows where Python prints it: its verdict, and the best of every method."""

from collections.abc import Sequence
from html import escape

from tuner.evidence.report import METHOD_COLUMNS, methods_table
from tuner.evidence.results import Results

_NOTHING = "no trial has succeeded so far"


def as_text(name: str, found: Results, objective: str) -> str:
    """In a few lines; `objective` is what it is called."""
    rows, heads = [row.cells for row in methods_table(found)], _heads(objective)
    widths = [max(len(cell) for cell in column) for column in zip(heads, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    head = "  ".join(cell.ljust(w) for cell, w in zip(heads, widths, strict=True)).rstrip()
    table = [head, *lines] if rows else [_NOTHING]
    return "\n".join([f"study {found.study}  {name}: {found.state}", *table, *_verdict(found)])


def as_html(name: str, found: Results, objective: str) -> str:
    """As a table; `objective` is what it is called."""

    def row(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(row(one.cells, "td") for one in methods_table(found))
    table = f"<table><thead>{row(_heads(objective), 'th')}</thead><tbody>{body}</tbody></table>"
    verdict, reason = _verdict(found)
    return (
        f"<div><p>study {escape(found.study)}, {escape(name)}: {escape(found.state)}</p>"
        f"{table if body else f'<p>{_NOTHING}</p>'}"
        f"<p><b>{escape(verdict)}</b><br>{escape(reason.strip())}</p></div>"
    )


def _heads(objective: str) -> list[str]:
    return [f"{objective}, search" if name == "search" else name for name in METHOD_COLUMNS]


def _verdict(found: Results) -> tuple[str, str]:
    return found.verdict_line, f"  {found.verdict_reason}"
