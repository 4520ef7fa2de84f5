"""A small population as a Tune trial, in this process."""

from tests.support.hand_driver import new_trainable
from trainables.population_report import PopulationConfig, Report


def small_population(folder):
    """Two trials of two seeds on digits, with a checkpoint in the folder."""
    return PopulationConfig(
        task="sbn",
        options={"units": [16, 16]},
        dataset="digits",
        dataset_options={},
        data_folder="",
        trials=(
            {"number": 3, "estimator": "decoupled", "tau_f": 0.1, "tau_b": 0.7, "lr": 1e-3},
            {"number": 5, "estimator": "gumbel", "tau_f": None, "tau_b": 1.0, "lr": 1e-3},
        ),
        seeds=(0, 1),
        batch_size=64,
        epochs=4,
        steps=None,
        intervals=4,
        evaluate_test=True,
        score="last",
        confirms=True,
        device="cpu",
        threads=1,
        checkpoint=str(folder / "checkpoints" / "population.pt"),
    )


def trainable(config):
    return new_trainable(config.to_tune())


def reports(made, n):
    return [Report.from_tune(made.step()) for _ in range(n)]
