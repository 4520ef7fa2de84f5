"""What chance gives a training that is not trained."""

import random

from tuner.ledger.rows import TrialRow


def place(seed: int) -> int:
    """Of a fresh seed among those of its study, which begin at a multiple of 1024."""
    return seed % 1024


def chance(trial: TrialRow, seed: int) -> random.Random:
    """Draws of one configuration and seed: the same in every run of a test.

    A fresh seed counts by its place. Its number follows from the study's id, which is random: a verdict would
    change from run to run with it.
    """
    fresh = seed >= 1024
    return random.Random(f"{trial.estimator} {trial.tau_f} {trial.tau_b} {fresh} {place(seed)}")
