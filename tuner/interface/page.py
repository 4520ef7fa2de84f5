"""What a study shows where Python prints it: its verdict, and the best of every method."""

from collections.abc import Sequence
from html import escape

from tuner.evidence.report import METHOD_COLUMNS, methods_table
from tuner.evidence.results import Results


def as_text(name: str, found: Results) -> str:
    """In a few lines."""
    rows = [row.cells for row in methods_table(found)]
    widths = [max(len(cell) for cell in column) for column in zip(METHOD_COLUMNS, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    head = "  ".join(cell.ljust(w) for cell, w in zip(METHOD_COLUMNS, widths, strict=True)).rstrip()
    table = [head, *lines] if rows else ["no trial has succeeded so far"]
    return "\n".join([f"study {found.study}  {name}: {found.state}", *table, *_verdict(found)])


def as_html(name: str, found: Results) -> str:
    """As a table."""

    def row(cells: Sequence[str], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(row(one.cells, "td") for one in methods_table(found))
    verdict, reason = _verdict(found)
    return (
        f"<div><p>study {escape(found.study)}, {escape(name)}: {escape(found.state)}</p>"
        f"<table><thead>{row(METHOD_COLUMNS, 'th')}</thead><tbody>{body}</tbody></table>"
        f"<p><b>{escape(verdict)}</b><br>{escape(reason.strip())}</p></div>"
    )


def _verdict(found: Results) -> tuple[str, str]:
    return found.verdict_line, f"  {found.verdict_reason}"
