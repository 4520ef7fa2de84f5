"""What chance gives a training that is not trained."""

import random

from tuner.ledger.rows import TrialRow


def chance(trial: TrialRow, seed: int) -> random.Random:
    """Draws of one configuration and seed: the same in every run of a test.

    A fresh seed counts by its place among the study's fresh seeds (they begin at a multiple of 1024). Its
    number follows from the study's id, which is random: a verdict would change from run to run with it.
    """
    fresh, place = seed >= 1024, seed % 1024
    return random.Random(f"{trial.estimator} {trial.tau_f} {trial.tau_b} {fresh} {place}")
