"""Studies as one family, in a table: `tuner list --correct holm`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from tuner.cli.tables import columns
from tuner.ledger.rows import StudyRow

if TYPE_CHECKING:
    from tuner.evidence.families import Correction  # pydantic takes time to import


def corrections_of(rows: Sequence[StudyRow], ledger: Any) -> "dict[str, Correction]":
    """The corrections of studies of the ledger, by their ids."""
    from tuner.evidence.analysis import rules_of
    from tuner.evidence.families import corrected, finding
    from tuner.ledger.study_metrics import metrics_of

    return corrected([finding(row, ledger.trials(row.id), rules_of(row, metrics_of(row))) for row in rows])


def family_table(rows: Sequence[dict[str, Any]]) -> str:
    """Studies with their corrections, as columns."""
    table = [[row["id"], row["name"], *_cells(row["correction"])] for row in rows]
    names = ["study", "name", "verdict", "in the family", "p", "p (Holm)", "shares seeds with"]
    return columns(names, table, left=4)


def _cells(correction: dict[str, Any]) -> list[str]:
    holds = {True: "holds", False: "does not hold", None: "-"}[correction["holds"]]
    p_values = (correction[name] for name in ("p_value", "p_holm"))
    shown = ("-" if p is None else f"{p:.2g}" for p in p_values)
    return [correction["verdict"], holds, *shown, ", ".join(correction["shares_seeds"]) or "-"]
