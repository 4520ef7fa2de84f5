"""What confirmed trials show in other metrics than the objective, and on the test set.

Nothing was selected by these metrics, and the verdict does not rest on them: they are shown beside it.
"""

from collections.abc import Mapping, Sequence

from trainables.metrics import Metrics
from tuner.evidence.gains import gain_in
from tuner.evidence.over_seeds import Gain, Interval, Summary, SummaryWithInterval
from tuner.evidence.seed_mean import seed_mean
from tuner.evidence.selection import OFF, ON
from tuner.ledger.objective import Objective
from tuner.ledger.rows import TrialRow


def second_gains(confirmed: Mapping[str, TrialRow], metrics: Metrics) -> dict[str, Gain]:
    """The gain of off the diagonal over the diagonal in other metrics that the task declares for it
    (second_verdict), {metric: gain}. `confirmed` are the confirmed trials, by the names of Selection.named.
    """
    if OFF not in confirmed or ON not in confirmed:
        return {}
    found = {
        m.name: gain_in(confirmed[OFF], confirmed[ON], m.name, Objective.of(m.name, m.direction))
        for m in metrics.everything
        if m.second_verdict and m.direction is not None
    }
    return {name: measured for name, measured in found.items() if measured is not None}


def gains_on_test_set(
    confirmed: Mapping[str, TrialRow], metrics: Metrics, objective: Objective
) -> dict[str, Gain]:
    """The gain of off the diagonal over the diagonal in every metric of the test set whose direction is
    known, {metric: gain}. The direction is that of the validation metric of the same name.
    """
    if OFF not in confirmed or ON not in confirmed:
        return {}
    directions = {m.name: m.direction for m in metrics.everything} | {objective.name: objective.direction}
    found = {}
    for name in sorted(confirmed[OFF].metrics):
        direction = directions.get(name.replace("test_", "val_", 1)) if name.startswith("test_") else None
        if direction is None:
            continue
        if measured := gain_in(confirmed[OFF], confirmed[ON], name, Objective.of(name, direction)):
            found[name] = measured
    return found


def summaries_on_test_set(confirmed: Mapping[str, TrialRow]) -> dict[str, dict[str, SummaryWithInterval]]:
    """The test set's metrics of the confirmed trials, {method: {metric: summary over seeds}}."""
    tested: dict[str, dict[str, SummaryWithInterval]] = {}
    for name, trial in confirmed.items():
        metrics = {metric: v for metric, v in trial.metrics.items() if metric.startswith("test_")}
        if metrics:
            tested[name] = {
                metric: SummaryWithInterval(**vars(Summary.of(v)), ci95=_interval(v))
                for metric, v in metrics.items()
            }
    return tested


def _interval(values: Sequence[float | None]) -> Interval | None:
    finite = [v for v in values if v is not None]
    measured = seed_mean(finite) if len(finite) == len(values) else None
    return measured.interval() if measured else None
