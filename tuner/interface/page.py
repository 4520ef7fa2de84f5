"""What a study shows where Python prints it: its verdict, and the best of every method."""

from html import escape

from tuner.evidence.over_seeds import Summary
from tuner.evidence.report import MethodRow, methods_table
from tuner.evidence.results import Results

_HEAD = ("method", "tau_f", "tau_b", "lr", "search", "fresh seeds", "trials")


def as_text(name: str, found: Results) -> str:
    """In a few lines."""
    rows = [_cells(row) for row in methods_table(found)]
    widths = [max(len(cell) for cell in column) for column in zip(_HEAD, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
    head = "  ".join(cell.ljust(w) for cell, w in zip(_HEAD, widths, strict=True)).rstrip()
    table = [head, *lines] if rows else ["no trial has succeeded so far"]
    return "\n".join([f"study {found.study}  {name}: {found.state}", *table, *_verdict(found)])


def as_html(name: str, found: Results) -> str:
    """As a table."""

    def row(cells: tuple[str, ...], tag: str) -> str:
        return f"<tr>{''.join(f'<{tag}>{escape(cell)}</{tag}>' for cell in cells)}</tr>"

    body = "".join(row(_cells(one), "td") for one in methods_table(found))
    verdict, reason = _verdict(found)
    return (
        f"<div><p>study {escape(found.study)}, {escape(name)}: {escape(found.state)}</p>"
        f"<table><thead>{row(_HEAD, 'th')}</thead><tbody>{body}</tbody></table>"
        f"<p><b>{escape(verdict)}</b><br>{escape(reason.strip())}</p></div>"
    )


def _verdict(found: Results) -> tuple[str, str]:
    return f"verdict: {found.verdict}", f"  {found.verdict_reason}"


def _cells(row: MethodRow) -> tuple[str, ...]:
    trial = row.trial
    numbers = ("-" if value is None else f"{value:g}" for value in (trial.tau_f, trial.tau_b, trial.lr))
    confirmed = "-" if row.confirmed is None else _score(row.confirmed.objective)
    return (row.method, *numbers, _score(trial.objective), confirmed, str(row.tuned_with))


def _score(score: Summary) -> str:
    if score.mean is None:
        return "-"
    return f"{score.mean:.4f}" + (f" ± {score.sem:.4f}" if score.sem is not None else "")
