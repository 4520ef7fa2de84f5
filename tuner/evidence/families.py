"""Several studies as one family: their p-values are corrected together, and seeds that they share are found.

Whoever runs twenty studies and shows the one that found a gain has searched twenty times. Each verdict by
itself is wrong with a small probability, so among many verdicts some are wrong by luck. Holm's correction
(1979) bounds the probability that any of the verdicts that remain is wrong. And where two studies trained the
same on the same seeds, their findings are not independent: they repeat each other and do not support each
other.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import Field

from tuner.evidence.conclusion import conclude
from tuner.evidence.confirmed import Rules
from tuner.evidence.multiple_comparisons import holm
from tuner.evidence.over_seeds import Model
from tuner.evidence.selection import select
from tuner.evidence.verdicts import Verdict
from tuner.ledger.rows import Role, StudyRow, TrialRow
from tuner.spec.study import TRAINED, StudySpec

LEVEL = 0.05
# The spec's fields that make two trainings on the same fresh seed the same. `vary_split` matters
# on fresh seeds only, so it is not among the fields that make two trials of a search the same.
_CONFIRMED = TRAINED | {"vary_split"}


class Correction(Model):
    """What remains of a study's verdict in a family of studies."""

    verdict: str = Field(description="The study's own.")
    p_value: float | None = Field(description="Of its gain over the diagonal, corrected for its looks.")
    p_holm: float | None = Field(description="After Holm's correction over the family.")
    holds: bool | None = Field(
        description="Whether a verdict off or on the diagonal holds in the family; null for another verdict."
    )
    family: int = Field(description="How many studies of the family have such a p-value.")
    shares_seeds: tuple[str, ...] = Field(
        description="Ids of other studies in the family that trained the same on some of its fresh seeds."
    )


@dataclass(frozen=True)
class Finding:
    """What a family needs to know of a study."""

    study: str
    verdict: Verdict
    p_value: float | None  # None where nothing was confirmed
    trained: str  # as `_trained`: only studies in which it is equal can share seeds
    seeds: frozenset[int]  # fresh seeds that it trained on


def finding(study: StudyRow, trials: Sequence[TrialRow], rules: Rules) -> Finding:
    """What a family needs to know of a study, from all its trials and the rules of its confirmation."""
    main = conclude(study, trials, select(trials, study.objective), rules).main
    confirmed = main.gain if main.gain is not None and main.gain.confirmed else None
    return Finding(
        study.id,
        main.verdict,
        confirmed.p_overall if confirmed else None,
        _trained(study),
        frozenset(seed for t in trials if t.role is Role.CONFIRM for seed in t.seeds),
    )


def _trained(study: StudyRow) -> str:
    """The spec's fields that determine a training of the confirmation, as JSON. A field that did not exist in
    the version that ran the study has its default.
    """
    fields = StudySpec.model_fields
    defaults = {name: fields[name].get_default(call_default_factory=True) for name in _CONFIRMED - {"task"}}
    trained = {name: study.spec.get(name, default) for name, default in defaults.items()}
    return json.dumps(trained | {"task": study.task}, sort_keys=True)


def corrected(family: Sequence[Finding]) -> dict[str, Correction]:
    """The correction of each study of a family, {study's id: correction}."""
    p_values = {f.study: f.p_value for f in family if f.p_value is not None}
    adjusted, sharing = holm(p_values), _sharing(family)
    return {f.study: _correction(f, sharing[f.study], adjusted.get(f.study), len(p_values)) for f in family}


def _sharing(family: Sequence[Finding]) -> dict[str, tuple[str, ...]]:
    """For each study, the ids of the others that trained the same on some of its seeds. The studies are
    looked up by seed, because comparing each with each would take half a second for a thousand studies.
    """
    places: dict[tuple[str, int], list[int]] = defaultdict(list)
    for place, f in enumerate(family):
        for seed in f.seeds:
            places[f.trained, seed].append(place)
    found = {}
    for place, f in enumerate(family):
        others = {other for seed in f.seeds for other in places[f.trained, seed]} - {place}
        found[f.study] = tuple(family[other].study for other in sorted(others))
    return found


def _correction(f: Finding, shares: tuple[str, ...], p_holm: float | None, tests: int) -> Correction:
    directional = f.verdict in (Verdict.OFF, Verdict.ON)
    return Correction(
        verdict=f.verdict.value,
        p_value=f.p_value,
        p_holm=p_holm,
        holds=p_holm is not None and p_holm <= LEVEL if directional else None,
        family=tests,
        shares_seeds=shares,
    )
