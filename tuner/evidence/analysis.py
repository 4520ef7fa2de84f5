"""The results of a study: statistics and verdict, from its trials and their measurements. Pure functions, no
I/O.

The gain is the difference, seed by seed, between the best trial off the diagonal (with noise, tau_f > 0) and
the best on it (tau_f = tau_b), positive where off the diagonal is better. Argmax (tau_f = 0) has no
counterpart on the diagonal, so it is a method of its own and is compared with the diagonal separately. The
comparison with the diagonal is the primary one, fixed before any data, and is not corrected; claims 2 and 3
are one family, corrected by Holm's method.

The score of the best of many trials is inflated by its selection, so only a gain on fresh seeds (trials with
the role confirm) decides. And a diagonal that was searched more coarsely than the plane can lose although the
optimum lies on it, so ranges are extended and optima refined before the confirmation: see
strategies/refinement.py.
"""

from collections.abc import Iterable, Mapping, Sequence

from trainables.metrics import Metrics
from tuner.evidence.best_of_pool import best_of_pool
from tuner.evidence.claim_drafts import Evidence
from tuner.evidence.claims import claims
from tuner.evidence.conclusion import conclude, verdict_notes
from tuner.evidence.confirmed import Rules, confirmed_trials, of_planned_looks
from tuner.evidence.control import control
from tuner.evidence.costs import distinct, trained_epochs, training, tuned_with
from tuner.evidence.curves import Curves
from tuner.evidence.equal_budget import equal_budget
from tuner.evidence.example_gains import Losses, gains_over_examples, no_losses
from tuner.evidence.failure_rates import failure_rates
from tuner.evidence.headline import headline
from tuner.evidence.how_tested import how_tested
from tuner.evidence.landscape import landscape, marginals, optimum, stages
from tuner.evidence.other_metrics import gains_on_test_set, second_gains, summaries_on_test_set
from tuner.evidence.over_seeds import BestOfMany
from tuner.evidence.results import (
    Comparison,
    ConfirmationResult,
    EqualBudget,
    Results,
    TrialResult,
)
from tuner.evidence.score_rules import score_rules
from tuner.evidence.selection import OFF, ON, finished, kind_of, select
from tuner.evidence.sequential_replay import sequential_replay
from tuner.evidence.trial_result import shown
from tuner.ledger.objective import Objective
from tuner.ledger.rows import COMPETING, Measurement, StudyRow, TrialRow
from tuner.spec.judging import Boundary

UNDECLARED = Metrics()


def rules_of(study: StudyRow, metrics: Metrics) -> Rules:
    """How the study's confirmation is judged, by the spec as the ledger has it: it may be of an earlier
    version, which had no margin, or of a task that is not installed here.
    """
    given = study.spec.get("confirm_seeds", 0)
    looks = tuple(given.get("looks", ())) if isinstance(given, dict) else (given,) if given else ()
    margin = study.spec.get("margin", 0.0)
    boundary: Boundary = "constant"
    if isinstance(given, dict):
        boundary = given.get("boundary", boundary)
    return Rules(study.objective, looks, margin, metrics.collapsed is not None, boundary)


def results(
    study: StudyRow,
    trials: Sequence[TrialRow],
    measurements: Iterable[Measurement] | Curves = (),
    *,
    metrics: Metrics = UNDECLARED,
    losses: Losses = no_losses,
) -> Results:
    """The results of a study: what `tuner results --json` prints and the API returns.

    Args:
        study, trials: rows of the ledger.
        measurements: of the trials. From them are read the speed of convergence and how long each trial was
            trained; without them, what rests on these is undecided or None.
        metrics: what the study's task declares (trainables.tasks.task_metrics); without it, the claims that
            rest on a task's metrics have no parts.
        losses: reads the losses on test examples that confirmed trials have saved (example_gains.LossFiles);
            without it, there is no interval over examples.
    """
    objective, rules = study.objective, rules_of(study, metrics)
    curves = Curves.gathered(measurements)
    chosen = select(trials, objective)
    concluded = conclude(study, trials, chosen, rules)
    confirmations = confirmed_trials(trials)
    confirmed = {
        name: confirmations[t.method] for name, t in chosen.named().items() if t.method in confirmations
    }
    main, argmax, gains = concluded.main, concluded.argmax, concluded.gains
    judged = claims(Evidence(study, trials, chosen, confirmed, main, argmax, gains, curves, metrics))
    over_examples = gains_over_examples(trials, confirmed, losses, objective)
    scores = score_rules(trials, curves, objective, _rule(study))
    margin = rules.margin_for(chosen.diagonal)
    confirmation = _confirmation(rules, confirmed, margin, trials, concluded.planned)
    return Results(
        study=study.id,
        state=study.state,
        objective=objective,
        best=shown(chosen.best),
        off_diagonal_best=shown(chosen.off_diagonal),
        argmax_best=shown(chosen.argmax),
        diagonal_best=shown(chosen.diagonal),
        baselines={name: TrialResult.of(t) for name, t in chosen.baselines.items()},
        confirmed={name: TrialResult.of(t) for name, t in confirmed.items()},
        gain=main.gain,
        gains=gains,
        argmax=argmax,
        as_printed=concluded.as_printed,
        second=second_gains(confirmed, metrics),
        test_gain=gains_on_test_set(confirmed, metrics, objective),
        examples=over_examples,
        confirmation=confirmation,
        outcomes=failure_rates(trials, confirmed, metrics.collapsed),
        score=scores,
        equal_budget=_equal_budget(trials, objective),
        best_of_many=_best_of_many(trials, objective) if not (main.gain and main.gain.confirmed) else None,
        statistics=how_tested(study.spec, rules, confirmation),
        tuned_with=tuned_with(trials),
        training=training(trials, trained_epochs(study, trials, curves.last_epochs())),
        verdict=main.verdict,
        verdict_reason=main.reason,
        headline=headline(study.state, main.verdict, main.gain),
        notes=(
            *verdict_notes(study, trials, concluded, rules),
            *(found.sentence for name, found in over_examples.items() if name == OFF),
            *([scores.note] if scores and scores.note else []),
        ),
        claims=judged,
        test=summaries_on_test_set(confirmed),
        landscape=landscape(trials, objective),
        optimum=optimum(trials, objective),
        marginals=marginals(trials, objective),
        stages=stages(study, trials),
        sequential_replay=sequential_replay(study, trials),
        control=control(trials, curves, objective, main.gain),
    )


def _rule(study: StudyRow) -> str:
    """At which report the score is taken, in words; studies of earlier versions took the last one."""
    given = study.spec.get("score", "last")
    return f"epoch {given['epoch']}" if isinstance(given, dict) else str(given)


# --- beside the verdict ---


def _confirmation(
    rules: Rules,
    confirmed: Mapping[str, TrialRow],
    margin: float,
    trials: Sequence[TrialRow],
    planned: Comparison | None,
) -> ConfirmationResult | None:
    if not rules.looks:
        return None
    before = confirmed_trials(of_planned_looks(trials, rules))
    seeds, of_looks = (
        max((len(there[t.method].seeds) for t in confirmed.values() if t.method in there), default=0)
        for there in (confirmed_trials(trials), before)
    )
    return ConfirmationResult(
        looks=rules.looks,
        boundary=rules.boundary,
        seeds=seeds,
        added=seeds - of_looks,
        planned=planned,
        margin=margin,
        margin_given=str(rules.margin),
    )


def _best_of_many(trials: Sequence[TrialRow], objective: Objective) -> BestOfMany | None:
    """The test without fresh seeds; None where the trials do not all have the same seeds."""
    off, on = _off_and_on(trials)
    tested = best_of_pool(off, on, objective)
    if tested is None or tested.p_value is None:
        return None
    return BestOfMany(
        p_value=tested.p_value,
        candidates=tested.candidates,
        seeds=tested.seeds,
        left_out_gain=tested.left_out_lead,
    )


def _equal_budget(trials: Sequence[TrialRow], objective: Objective) -> EqualBudget | None:
    """What the same number of trials off the diagonal and on it finds; None where the trials do not all have
    the same seeds.
    """
    off, on = _off_and_on(trials)
    curves = equal_budget(off, on, objective)
    if curves is None:
        return None
    common = len(curves.gain)
    return EqualBudget(
        trials=tuple(range(1, common + 1)),
        off_diagonal=curves.off[:common],
        diagonal=curves.on[:common],
        gain=curves.gain,
    )


def _off_and_on(trials: Sequence[TrialRow]) -> tuple[list[list[float]], list[list[float]]]:
    """The objectives of the trials off the diagonal with noise and of those on it, [T][S] each, every
    configuration once; both are empty where the trials do not all have the same seeds.
    """
    ended = [t for t in finished(trials) if t.role in COMPETING]
    off, on = (distinct([t for t in ended if kind_of(t) == kind]) for kind in (OFF, ON))
    if len({t.seeds for t in (*off, *on)}) != 1:
        return [], []
    tables = ([[v for v in t.objective or () if v is not None] for t in group] for group in (off, on))
    return next(tables), next(tables)
