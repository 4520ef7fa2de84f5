"""The gain over the diagonal on the test set, with its uncertainty over seeds and examples at once.

A verdict is about new seeds on the given examples; this gain is about new examples as well. It is computed
from the losses of confirmed trials on each test example, which their trainings leave as files.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tuner.errors import UserError
from tuner.evidence.examples import Narrower, TwoWayGain, two_way_gain
from tuner.evidence.results import TwoWayResult
from tuner.evidence.selection import ARGMAX, OFF, ON
from tuner.ledger.methods import Method
from tuner.ledger.objective import Objective
from tuner.ledger.rows import Role, TrialRow, TrialState

FILE = "example_losses.npy"
Floats = npt.NDArray[np.floating]
# From a trial's number to its losses on the test examples, [S seeds, N examples]; None where there are none.
Losses = Callable[[int], Floats | None]


class LossFiles:
    """Reads the losses that trials have left in a study's folder of files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, number: int) -> Floats | None:
        """The losses of a trial by its number, [S, N]; None where it has left none. Raises UserError for a
        damaged file.
        """
        file = self._folder / f"trial-{number}" / FILE
        try:
            found: Floats = np.load(file, allow_pickle=False)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, EOFError) as error:
            raise UserError(
                f"the losses of test examples in {file} cannot be read: {error}; delete the file to do "
                "without"
            ) from error
        return found


def no_losses(_: int) -> None:
    """Stands for LossFiles where there are no files."""


def gains_over_examples(
    trials: Sequence[TrialRow], confirmed: Mapping[str, TrialRow], losses: Losses, objective: Objective
) -> dict[str, TwoWayResult]:
    """The gain of the method off the diagonal, and of argmax, over the diagonal, {method: gain}. A method is
    left out where it or the diagonal has no losses.

    Args:
        trials: all trials of the study.
        confirmed: the confirmed trials, by the names of Selection.named.
        losses: reads a trial's losses.
        objective: whose direction the losses have.
    """
    found: dict[str, TwoWayResult] = {}
    if ON not in confirmed:
        return found
    its = _by_seed(trials, confirmed[ON].method, losses)
    for name in (OFF, ARGMAX):
        if name not in confirmed or not its:
            continue
        mine = _by_seed(trials, confirmed[name].method, losses)
        seeds = [s for s in mine if s in its and mine[s].shape == its[s].shape]
        whole = [s for s in seeds if np.all(np.isfinite(mine[s])) and np.all(np.isfinite(its[s]))]
        if not whole:
            continue
        gain = two_way_gain([mine[s] for s in whole], [its[s] for s in whole], objective)
        if gain is not None:
            found[name] = _result(gain)
    return found


def _by_seed(trials: Sequence[TrialRow], method: Method, losses: Losses) -> dict[int, Floats]:
    """The losses of a method's confirmed trials, {seed: [N]}."""
    found: dict[int, Floats] = {}
    for t in trials:
        ended = t.state in (TrialState.SUCCEEDED, TrialState.DIVERGED)
        if t.role is not Role.CONFIRM or not ended or t.method != method:
            continue
        table = losses(t.number)
        if table is not None and len(table) == len(t.seeds):
            found |= dict(zip(t.seeds, table, strict=True))
    return found


def _result(gain: TwoWayGain) -> TwoWayResult:
    low, high = gain.interval()
    narrower = gain.narrower
    also = " equally" if narrower is Narrower.BOTH else " most"
    return TwoWayResult(
        mean=gain.mean,
        ci95=(low, high),
        p_value=gain.p_value,
        sem=gain.sem,
        sem_over_seeds=gain.sem_over_seeds,
        sem_over_examples=gain.sem_over_examples,
        seeds=gain.seeds,
        examples=gain.examples,
        narrower=narrower.value,
        sentence=(
            f"a gain of {gain.mean:.4g} on the test set over {gain.seeds} fresh seeds and {gain.examples} "
            f"examples (95 % interval over both, {low:.4g} to {high:.4g}); {narrower} would narrow it{also}"
        ),
    )
