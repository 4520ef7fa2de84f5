"""Claim 2: decoupled ST against its rivals on fresh seeds, in final performance and in speed of convergence.

The comparisons that the paper makes in other metrics are shown beside these and do not decide.
"""

from trainables.metrics import Metric
from tuner.evidence.claim_drafts import LEVEL, Draft, Evidence
from tuner.evidence.claim_results import ClaimPart, ClaimStatus, ConvergenceResult
from tuner.evidence.convergence import Convergence, convergence
from tuner.evidence.labels import method_label
from tuner.evidence.multiple_comparisons import holm
from tuner.evidence.paired import excess
from tuner.evidence.selection import OFF, ON
from tuner.evidence.verdicts import VERDICTS, Decision
from tuner.ledger.rows import Role, TrialRow, TrialState

SUPPORTED, NOT_SUPPORTED, UNDECIDED = (
    ClaimStatus.SUPPORTED,
    ClaimStatus.NOT_SUPPORTED,
    ClaimStatus.UNDECIDED,
)
# {name in Selection.named: label}. Softmax ST is the diagonal.
RIVALS = {
    "identity": method_label("identity"),
    "diagonal": f"{method_label('softmax')} (the diagonal)",
    "gumbel": method_label("gumbel"),
}


def performance(e: Evidence) -> list[Draft]:
    """A part for each rival: whether the best trial off the diagonal is better than it at the end of
    training.
    """
    return [_better(e, name, f"better at the end than {rival}") for name, rival in RIVALS.items()]


def _better(e: Evidence, name: str, what: str) -> Draft:
    gain = e.main.gain if name == ON else e.gains.get(name)
    if (missing := _missing(e, name)) or gain is None:
        return Draft(what, "methods", missing or "there is no seed that both have")
    if name == ON and VERDICTS[Decision(gain.decision)] is not e.main.verdict:
        return Draft(what, "methods", e.main.reason, numbers=gain)  # the verdict is withheld
    if gain.decision == Decision.MIXED:
        return Draft(what, "methods", gain.reason, numbers=gain)
    lead = gain.mean
    text = "" if lead is None else f"mean {lead:.3g} over {gain.seeds} seeds"
    if gain.missing and gain.wins is not None:
        lead = float(gain.wins.wins - gain.wins.losses)
        text = f"wins {gain.wins.wins} of {gain.seeds} seeds; one of the two diverged on {gain.missing}"
    p = gain.p_overall if gain.p_overall is not None else gain.p_value
    if gain.decision == Decision.UNDECIDED and p is not None and p < LEVEL:
        return Draft(what, "methods", gain.reason, numbers=gain)  # significant, but its reason says why not
    return Draft(what, "methods", text, _sign(lead), p, numbers=gain)


def _sign(lead: float | None) -> bool | None:
    return None if not lead else lead > 0


def speed(e: Evidence) -> list[Draft]:
    """A part for each rival: whether the best trial off the diagonal learns sooner, by the area between the
    learning curves (convergence.py).
    """
    return [_sooner(e, name, f"sooner than {rival}") for name, rival in RIVALS.items()]


def _sooner(e: Evidence, name: str, what: str) -> Draft:
    if missing := _missing(e, name):
        return Draft(what, "curves", missing)
    compared = _compared_curves(e, name)
    if compared is None or compared.area.p_value is None:
        return Draft(what, "curves", "there are no curves over the same epochs of 3 seeds or more")
    area = compared.area
    share = f" ({100 * compared.share:.0f} % of the range)" if compared.share is not None else ""
    text = f"ahead by {area.mean:.3g}{share} on average over the training, {area.seeds} seeds"
    numbers = ConvergenceResult(
        area=area.mean,
        share=compared.share,
        p_value=area.p_value,
        seeds=area.seeds,
        missing=compared.missing,
        epochs_saved=compared.saved.mean,
    )
    return Draft(what, "curves", text, _sign(area.mean), area.p_value, numbers=numbers)


def _compared_curves(e: Evidence, name: str) -> Convergence | None:
    """The curves of the best off the diagonal and of a rival on the fresh seeds that both have."""
    epochs, mine = _curves_of(e, OFF)
    its_epochs, its = _curves_of(e, name)
    seeds = [seed for seed in mine if seed in its]
    if epochs != its_epochs or not seeds:
        return None
    ours, other = ([curves[seed] for seed in seeds] for curves in (mine, its))
    return convergence(epochs, ours, other, e.study.objective)


def _curves_of(e: Evidence, name: str) -> tuple[tuple[float, ...], dict[int, list[float | None]]]:
    """The epochs [I] of a confirmed method's reports, and the objective at each, {seed: [I]}, of all looks. A
    look whose reports are at other epochs is left out.
    """
    epochs: tuple[float, ...] = ()
    by_seed: dict[int, list[float | None]] = {}
    for t in e.trials:
        ended = t.state in (TrialState.SUCCEEDED, TrialState.DIVERGED)
        if t.role is not Role.CONFIRM or not ended or t.method != e.confirmed[name].method:
            continue
        curve = e.curves.of(t, e.study.objective.name)
        if curve is None or (epochs and curve.epochs != epochs):
            continue
        epochs = curve.epochs
        for i, seed in enumerate(t.seeds):
            by_seed[seed] = [values[i] for values in curve.values]
    return epochs, by_seed


def beside(e: Evidence) -> list[ClaimPart]:
    """A part for each other metric in which the paper compares; these parts do not decide."""
    return [_best_in(e, metric) for metric in e.metrics.everything if metric.beside is not None]


def _best_in(e: Evidence, metric: Metric) -> ClaimPart:
    """Whether the best trial off the diagonal is ahead of every rival in a metric of the last report."""
    higher = metric.direction == "maximize"
    where = f" ({metric.beside})" if metric.beside else ""
    what = f"{'highest' if higher else 'lowest'} {metric.label}{where}"
    figure = e.metrics.figure_of(metric.name)
    rivals = [r for r in RIVALS if not _missing(e, r)]
    excesses = {r: excess(e.confirmed["off_diagonal"], e.confirmed[r], metric.name) for r in rivals}
    tested = {r: m.p_value for r, m in excesses.items() if m is not None and m.p_value is not None}
    if len(tested) < len(RIVALS):
        why = _missing(e, next(r for r in RIVALS if r not in tested)) or "it takes 3 seeds or more"
        return _undecided(what, why, figure, counts=False)
    adjusted = holm(tested)
    compared = {r: m.model_copy(update={"p_holm": adjusted[r]}) for r, m in excesses.items() if m}
    sign = 1 if higher else -1
    sides = [_side(sign * m.mean, m.p_holm) for m in compared.values()]
    status = next((s for s in (NOT_SUPPORTED, UNDECIDED) if s in sides), SUPPORTED)
    values = (("decoupled", e.confirmed["off_diagonal"]), *((r, e.confirmed[r]) for r in rivals))
    reason = "on fresh seeds " + ", ".join(f"{n} {_mean(t, metric.name):.3g}" for n, t in values)
    return ClaimPart(what=what, status=status, reason=reason, figure=figure, counts=False, numbers=compared)


def _mean(trial: TrialRow, metric: str) -> float:
    values = [v for v in trial.metrics.get(metric, ()) if v is not None]
    return sum(values) / len(values) if values else float("nan")


def _missing(e: Evidence, name: str) -> str | None:
    """Why there is no confirmed comparison with the rival selected under a name; None where there is one."""
    if "off_diagonal" in e.confirmed and name in e.confirmed:
        return None
    if name not in e.chosen.named():
        return "it was not run" if name == "diagonal" else f"the study has no finished baseline {name}"
    return "there is no confirmation on fresh seeds"


def _undecided(what: str, why: str, figure: str | None, *, counts: bool = True) -> ClaimPart:
    return ClaimPart(what=what, status=UNDECIDED, reason=why, figure=figure, counts=counts)


def _side(lead: float, p: float | None) -> ClaimStatus:
    """What a difference, which is claimed to be positive, shows at its corrected p-value."""
    if p is None or p >= LEVEL or lead == 0:
        return UNDECIDED
    return SUPPORTED if lead > 0 else NOT_SUPPORTED
