"""How a study's numbers are tested, in words: what applies to this study and no more, so that a paper can say
it as it stands.
"""

from collections.abc import Mapping
from typing import Any

from tuner.evidence.confirmed import Rules
from tuner.evidence.results import ConfirmationResult, Statistics

_BOUNDARIES = {"constant": "a constant boundary", "obrien-fleming": "O'Brien-Fleming's boundary"}


def how_tested(spec: Mapping[str, Any], rules: Rules, confirmation: ConfirmationResult | None) -> Statistics:
    """The tests of a study with this spec, which is judged by these rules; `confirmation` is None where it
    has none.
    """
    return Statistics(
        primary="the best trial off the diagonal (with noise) against the best on it, named before any data: "
        "not corrected; argmax against the diagonal stands beside it",
        test=_test(rules, added=confirmation is not None and confirmation.added > 0),
        assumptions="the differences seed by seed are independent and nearly normal; the median must agree "
        "with the mean; the sign-flip test beside it only takes them to be independent and symmetric",
        family="every part of claims 2 and 3 that can be shown or refuted, Holm-adjusted (p_holm)",
        selection=_selection(spec, rules),
        without_confirmation="a test on the search's own seeds repeats the selection within the test, with "
        "the noise pooled over all trials (best_of_many); it does not decide the verdict",
    )


def _selection(spec: Mapping[str, Any], rules: Rules) -> str:
    added = ["ranges at whose end an optimum lies are extended"] if spec.get("extend") else []
    added += ["more values are tried around optima"] if spec.get("refine") else []
    before = " and ".join(added) + ", the diagonal as much as the rest; " if added else ""
    compared = " and compared on fresh ones" if rules.looks else ""
    return f"{before}the best of every method is chosen on the search's seeds{compared}"


def _test(rules: Rules, *, added: bool) -> str:
    if not rules.looks:
        return "paired t-test over the search's own seeds, two-sided"
    test = "paired t-test over fresh seeds, two-sided"
    if len(rules.looks) > 1:
        test += f", at the nominal level of a group-sequential design of {len(rules.looks)} looks with "
        test += f"{_BOUNDARIES[rules.boundary]}, and with repeated 95 % intervals"
    test += "; two one-sided tests against the margin; the exact sign test of wins where a training diverged"
    if added:
        test += "; with the seeds that were added afterwards, the always-valid mixture t and its interval"
    return test
