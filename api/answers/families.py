"""Studies of a list as one family: what remains of each verdict among the others."""

import json
from collections.abc import Sequence

from api.answers.cache import Cache
from api.answers.views import as_json
from tuner.evidence.analysis import rules_of
from tuner.evidence.families import Finding, corrected, finding
from tuner.evidence.verdicts import Verdict
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of


def with_corrections(lines: Sequence[bytes], ledger: Ledger, cache: Cache[bytes]) -> list[bytes]:
    """Lines of a list, each a study as JSON, with `correction`. What each study has found is kept until it
    changes.
    """
    studies = [json.loads(line) for line in lines]
    found = [_finding(study["id"], study["revision"], ledger, cache) for study in studies]
    corrections = corrected(found)
    return [as_json(study | {"correction": corrections[study["id"]].plain()}) for study in studies]


def _finding(study_id: str, revision: int, ledger: Ledger, cache: Cache[bytes]) -> Finding:
    def make() -> bytes:
        row = ledger.study(study_id)
        made = finding(row, ledger.trials(study_id), rules_of(row, metrics_of(row)))
        return as_json([made.verdict, made.p_value, made.trained, sorted(made.seeds)])

    verdict, p_value, trained, seeds = json.loads(cache.get((study_id, "finding"), str(revision), make))
    return Finding(study_id, Verdict(verdict), p_value, trained, frozenset(seeds))
