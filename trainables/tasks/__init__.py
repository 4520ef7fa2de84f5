"""The tasks by name: those that come with the package, and a user's own, found through the entry points
`trainables.tasks`, or registered in this process (own.py).

A task is imported when it is asked for, and torch with it; what the built-in ones declare is had without
(declarations/).
"""

from functools import cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING

from trainables.metrics import Metrics
from trainables.tasks import own

if TYPE_CHECKING:
    from trainables.tasks.base import Task
    from trainables.tasks.declaration import Declaration

GROUP = "trainables.tasks"
_BUILT_IN = {
    "sbn": "SBN",
    "catae": "CatAE",
    "dln": "DLN",
}  # name, which is also that of its modules here and in declarations/ -> class


def task_names() -> list[str]:
    """The names of all tasks, built in and plugged in; those of own.py are not listed. Nothing of a
    plugged-in package is imported.
    """
    return sorted({*_BUILT_IN, *plugged_in()})


def is_built_in(name: str) -> bool:
    """Whether a task comes with the package."""
    return name in _BUILT_IN


def is_known(name: str) -> bool:
    """Whether there is a task of that name, registered ones included."""
    return name in task_names() or own.registered(name) is not None


def task_type(name: str) -> "type[Task]":
    """The class of a task.

    Raises:
        ValueError: there is no such task (the message lists those there are), or a plugged-in one cannot be
        used.
    """
    if name in _BUILT_IN:
        found: type[Task] = getattr(import_module(f"{__name__}.{name}"), _BUILT_IN[name])
        return found
    if (registered := own.registered(name)) is not None:
        return registered.task
    if name not in plugged_in():
        raise ValueError(f"task must be one of {task_names()}. Got {name!r}.{_hint(name)}")
    return _plugged_in_task(name)


def task_declaration(name: str) -> "type[Declaration]":
    """The declaration of a task. Of a built-in task it is imported without torch; a user's task is its own
    declaration.

    Raises:
        ValueError: as task_type.
    """
    if name in _BUILT_IN:
        module = import_module(f"{__name__}.declarations.{name}")
        found: type[Declaration] = getattr(module, f"Declared{_BUILT_IN[name]}")
        return found
    return task_type(name)


def _hint(name: str) -> str:
    """What to do where a name looks like one of own.py's."""
    if own.is_file(name):
        return " A file's task is known to `tuner run` only; an installed package brings one everywhere."
    if name.startswith(own.GIVEN):
        return " It was given from Python: tuner.search with the same arguments and study= knows it again."
    return ""


def task_metrics(name: str) -> Metrics:
    """What a task declares of its metrics, for those who read a study of it.

    A study may be older than what is installed: for a task that cannot be used here nothing is declared, and
    `problem` says why.
    """
    if name in _BUILT_IN:
        return _built_in_metrics(name)
    try:
        task = task_declaration(name)
    except ValueError as error:
        return Metrics(problem=str(error).rstrip("."))
    return Metrics(task.metrics, task.collapsed)


@cache
def _built_in_metrics(name: str) -> Metrics:
    task = task_declaration(name)
    return Metrics(task.metrics, task.collapsed)


@cache
def plugged_in() -> dict[str, EntryPoint]:
    """Entry points by name. A built-in task's name is not given away."""
    return {entry.name: entry for entry in entry_points(group=GROUP) if entry.name not in _BUILT_IN}


def plugged_in_version(name: str) -> tuple[str, str] | None:
    """The package of a plugged-in task and its version; None for a built-in one."""
    entry = None if name in _BUILT_IN else plugged_in().get(name)
    return (entry.dist.name, entry.dist.version) if entry and entry.dist else None


def _plugged_in_task(name: str) -> "type[Task]":
    """Imports the task of an installed package. Errors of it name the task, as the code is the user's."""
    from trainables.tasks.base import Task

    entry = plugged_in()[name]
    try:
        found = entry.load()
    except Exception as error:
        said = " ".join(str(error).split())
        raise ValueError(
            f"task {entry.name!r} ({entry.value}) cannot be imported: {type(error).__name__}: {said}"
        ) from error
    if not (isinstance(found, type) and issubclass(found, Task)):
        raise ValueError(  # noqa: TRY004  # one kind of error for a task that cannot be used
            f"task {entry.name!r} ({entry.value}) must be a subclass of trainables.tasks.base.Task. Got "
            f"{found!r}."
        )
    lacking = [name for name in ("datasets", "objective", "options_type") if not hasattr(found, name)]
    lacking += sorted(found.__abstractmethods__)
    if lacking:
        raise ValueError(
            f"task {entry.name!r} ({entry.value}) lacks {', '.join(lacking)} of trainables.tasks.base.Task."
        )
    try:
        Metrics(found.metrics, found.collapsed)
    except ValueError as error:
        raise ValueError(f"task {entry.name!r} ({entry.value}): {error}") from error
    return found
