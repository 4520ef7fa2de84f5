"""Trains a small grid of temperatures here and now, as one population, and prints its table."""

from collections.abc import Sequence

from trainables.modules import ModuleTask
from trainables.population import Configuration, Population


def show(
    task_type: type[ModuleTask],
    *,
    tau_f: Sequence[float],
    tau_b: Sequence[float],
    lr: float,
    epochs: int,
    seeds: int = 3,
    batch_size: int = 32,
) -> list[float]:
    """The objective of every pair of temperatures, mean over seeds, a row for each tau_f; also printed."""
    dataset = task_type.own_dataset()
    assert dataset is not None
    task = task_type(dataset, task_type.options_type.parse({}))
    pairs = [Configuration("decoupled", f, b, lr) for f in tau_f for b in tau_b]
    models = Population(task, dataset, pairs, range(seeds), batch_size=batch_size)
    models.train(epochs * models.steps_per_epoch)
    objective: list[float] = models.evaluate()[task_type.objective.name].mean(0).tolist()
    name = task_type.objective.name
    print(f"{task_type.__name__}: {name} after {epochs} epochs ({task.stack})")
    print("tau_f \\ tau_b" + "".join(f"{b:9.2f}" for b in tau_b))
    for i, f in enumerate(tau_f):
        row = objective[i * len(tau_b) : (i + 1) * len(tau_b)]
        print(f"{f:13.2f}" + "".join(f"{value:9.4f}" for value in row))
    return objective
