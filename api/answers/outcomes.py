"""What a study has found, in brief: its line in a list, and what it is among the others of a family.

A list has many studies, and to analyse one takes a while. So what it has found is kept: in memory, and in the
ledger once the study has ended, because every process starts anew.
"""

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

from api.answers.cache import Cache
from api.answers.costly import Costly
from api.answers.versions import found_version
from tuner.errors import LedgerError
from tuner.evidence.analysis import results, rules_of
from tuner.evidence.families import Finding, finding
from tuner.evidence.headline import headline
from tuner.evidence.verdicts import Verdict
from tuner.ledger.rows import TERMINAL_STUDY_STATES, StudyRow
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of
from tuner.ledger.study_queue import StudyQueue

_FORMAT = 4  # of what is kept: it grows with a new field


class Outcomes:
    """Finds outcomes, and keeps them."""

    def __init__(self, ledger: Ledger, queue: StudyQueue, costly: Costly, most_kept: int) -> None:
        """Args: most_kept is how many are kept in memory."""
        self._ledger, self._queue, self._costly = ledger, queue, costly
        self._kept = Cache[dict[str, Any]](most_kept)

    def in_list(self, row: StudyRow) -> dict[str, Any]:
        """What a line of a list says of it; nothing before its end."""
        if row.state not in TERMINAL_STUDY_STATES:
            return {"verdict": None, "headline": headline(row.state, None, None), "best": None, "gain": None}
        return {name: value for name, value in self._of(row).items() if name != "finding"}

    def findings(self, rows: Iterable[StudyRow]) -> list[Finding]:
        """What a family needs to know of studies."""
        found = []
        for row in rows:
            verdict, p_value, trained, seeds = self._of(row)["finding"]
            found.append(Finding(row.id, Verdict(verdict), p_value, trained, frozenset(seeds)))
        return found

    def _of(self, row: StudyRow) -> dict[str, Any]:
        """The outcome so far: as the ledger has it, as it is kept, or found now."""
        version = hashlib.blake2b(f"{found_version(row)} {_FORMAT}".encode(), digest_size=16).hexdigest()
        if row.outcome is not None and row.outcome_of == version:
            return row.outcome
        return self._costly.once(self._kept, row.id, found_version(row), lambda: self._find(row, version))

    def _find(self, row: StudyRow, version: str) -> dict[str, Any]:
        trials, metrics = self._ledger.trials(row.id), metrics_of(row)
        found = results(row, trials, metrics=metrics).plain()
        best, gain = found["best"], found["gain"]
        family = finding(row, trials, rules_of(row, metrics))
        outcome = {
            "verdict": found["verdict"],
            "headline": found["headline"],
            "best": best and {name: best[name] for name in ("number", "tau_f", "tau_b", "lr")},
            "gain": gain and {name: gain[name] for name in ("mean", "ci95", "seeds", "confirmed")},
            "finding": [family.verdict, family.p_value, family.trained, sorted(family.seeds)],
        }
        if row.state in TERMINAL_STUDY_STATES:
            with suppress(LedgerError):  # it is found again then
                self._queue.note_outcome(row.id, row.revision, outcome, version)
        return outcome
