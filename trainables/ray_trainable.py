"""A population as one Ray Tune trial: the only file here that imports ray.

The driver imports it to tell Tune what to train, so that torch is imported where it is trained:
population_run.py does the work.
"""

from typing import Any

from ray import tune

from trainables import import_ahead
from trainables.population_report import PopulationConfig
from trainables.tasks.own import OwnTask


class PopulationTrainable(tune.Trainable):  # type: ignore[misc]  # ray is untyped
    """Trains one population; reports after every interval; is reused for the next population."""

    def __repr__(self) -> str:
        """What Ray's dashboard calls the actor.

        Ray asks once, when the actor starts, and has no public way to change the answer; the actor trains one
        population after the other, because a new one would take seconds to start. So its log names them.
        """
        return f"populations of {self._config.study or 'no study'}"

    def setup(self, config: dict[str, Any], own: OwnTask | None = None) -> None:
        """Takes a population on; its first step builds it, and continues it from its checkpoint where there
        is one.

        own: the task and its data, where they cannot be had by their names here.
        """
        import_ahead.finish()
        self._own = own
        self._take_on(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Takes on the next population in the same process, with the task and the data that it has: Tune's
        own `setup` would fetch them again.
        """
        self._take_on(new_config)
        return True

    def _take_on(self, config: dict[str, Any]) -> None:
        with import_ahead.no_garbage_collection():
            from trainables.population_run import PopulationRun  # torch is for workers

        self._config = PopulationConfig.from_tune(config)
        self._training: PopulationRun = PopulationRun(self._config, self._own)

    def step(self) -> dict[str, Any]:
        """One report interval."""
        return self._training.next_report().to_tune()

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Writes the population's state to its file in the folder."""
        self._training.save_checkpoint(checkpoint_dir)

    def load_checkpoint(self, checkpoint_dir: str) -> None:
        """Continues from the population's file in the folder."""
        self._training.load_checkpoint(checkpoint_dir)
