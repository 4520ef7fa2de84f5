"""The tasks by name. A user's own task joins through the entry point group `trainables.tasks`."""

from trainables.tasks.base import Task
from trainables.tasks.sbn import SBN

TASKS: dict[str, type[Task]] = {"sbn": SBN}


def task_type(name: str) -> type[Task]:
    """The class of a task. Raises ValueError with the list of known names."""
    if name not in TASKS:
        raise ValueError(f"task must be one of {sorted(TASKS)}. Got {name!r}.")
    return TASKS[name]
