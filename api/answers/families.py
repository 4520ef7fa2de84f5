"""Studies of a list as one family: what remains of each verdict among the others."""

import json
from collections.abc import Sequence

from api.answers.views import Views, as_json
from tuner.evidence.families import corrected


def with_corrections(lines: Sequence[bytes], views: Views) -> list[bytes]:
    """Lines of a list, each a study as JSON, with `correction`. A study that was deleted meanwhile is left
    out.
    """
    studies = {study["id"]: study for study in map(json.loads, lines)}
    corrections = corrected(views.findings(studies))
    return [
        as_json(study | {"correction": corrections[study_id].plain()})
        for study_id, study in studies.items()
        if study_id in corrections
    ]
