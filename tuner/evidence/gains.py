"""The gain of one trial over another as the results show it: the numbers, and what was decided from them."""

from collections.abc import Mapping

from tuner.evidence.confirmed import Rules, compare
from tuner.evidence.outcomes import Wins
from tuner.evidence.over_seeds import Gain, WinsResult
from tuner.evidence.paired import sign_flip, smallest_p
from tuner.evidence.paired_gain import PairedGain, paired_gain
from tuner.evidence.reasons import Names
from tuner.evidence.verdicts import Decision, Judgement
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Role, TrialRow

_FLATTERED = "measured on the seeds that selected the trials, which flatters it: only fresh seeds decide"
Values = Mapping[int, float | None]  # {seed: value}, None where it is not finite


def gain(
    trial: TrialRow, rival: TrialRow, rules: Rules, *, margin: float = 0.0, names: Names | None = None
) -> Gain | None:
    """How much better a trial is than its rival, on the seeds that both have. None where they share none.

    A decision is made only where both are confirmed trials. `margin` is in units of the objective, and
    `names` are the names of the two in the reason.
    """
    if not set(trial.seeds) & set(rival.seeds):
        return None
    confirmed = trial.role is Role.CONFIRM and rival.role is Role.CONFIRM
    judged = compare(trial, rival, rules, margin=margin, names=names) if confirmed else None
    numbers = judged.gain if judged is not None else None
    if numbers is None:
        numbers = _numbers(_by_seed(trial), _by_seed(rival), rules.objective)
    return gain_of(numbers, judged, against=rival.number, confirmed=confirmed)


def gain_in(trial: TrialRow, rival: TrialRow, metric: str, objective: Objective) -> Gain | None:
    """How much better a confirmed trial is than its confirmed rival in a metric of the last report, with the
    numbers of an ordinary t-test and no decision. None where they share no seed.

    `objective` is the metric with the direction in which it is better.
    """
    mine, its = (dict(zip(t.seeds, t.metrics.get(metric, ()), strict=False)) for t in (trial, rival))
    if not set(mine) & set(its):
        return None
    return gain_of(_numbers(mine, its, objective), None, against=rival.number, confirmed=True)


def gain_of(numbers: PairedGain, judged: Judgement | None, *, against: int, confirmed: bool) -> Gain:
    """The gain of `numbers` as the results show it, with the interval, p-value and decision of its judgement;
    without a judgement, with those of an ordinary t-test and no decision.

    `against` is the number of the rival's trial, `confirmed` whether the seeds are fresh.
    """
    measured, differences = numbers.measured, numbers.differences
    many = len(differences) > 1
    shown = Gain(
        mean=measured.mean if measured else None,
        ci95=measured.interval() if measured else None,
        p_value=measured.p_value if measured else None,
        sign_flip_p=sign_flip(differences) if many else None,
        smallest_sign_flip_p=smallest_p(len(differences)) if many else None,
        seeds=numbers.seeds,
        against=against,
        confirmed=confirmed,
        missing=numbers.seeds - len(differences),
        median=numbers.median,
        interquartile_mean=numbers.interquartile_mean,
        wins=_wins(numbers.wins),
        diverged=numbers.diverged,
        rival_diverged=numbers.rival_diverged,
        decision=Decision.NONE.value,
        reason="" if confirmed else _FLATTERED,
    )
    if judged is None:
        return shown
    decided = {
        "ci95": judged.interval if judged.interval is not None else shown.ci95,
        "ci90": judged.equivalence_interval,
        "p_value": judged.p_value,
        "p_overall": judged.overall_p,
        "decision": judged.decision.value,
        "reason": judged.reason,
        "by": judged.by.value if judged.by else None,
        "relevant": judged.relevant,
        "margin": judged.margin,
        "detectable": judged.detectable,
        "tells_power": judged.tells_power,
        "seeds_for_margin": judged.seeds_for_margin,
        "exaggeration": judged.exaggeration,
        "added_later": judged.added_later,
    }
    return shown.model_copy(update=decided)


def _by_seed(trial: TrialRow) -> Values:
    return dict(zip(trial.seeds, trial.objective or (None,) * len(trial.seeds), strict=True))


def _numbers(mine: Values, its: Values, objective: Objective) -> PairedGain:
    seeds = [seed for seed in mine if seed in its]
    ours, other = ([values[seed] for seed in seeds] for values in (mine, its))
    return paired_gain(ours, other, objective)


def _wins(wins: Wins) -> WinsResult:
    return WinsResult(
        wins=wins.wins,
        losses=wins.losses,
        ties=wins.ties,
        share=wins.share.share,
        ci95=(wins.share.low, wins.share.high),
        p_value=wins.p_value,
    )
