"""Tasks that no installed package provides: classes in a file, named by its path, and tasks given from
Python.

They are registered only by `tuner run` and `tuner.search`, whose users may run code on this machine anyway.
The service registers none, so that no request can make it run a file.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import TYPE_CHECKING, Any

from trainables.tasks.own_source import code_of, files_of

if TYPE_CHECKING:
    from trainables.data import Dataset
    from trainables.tasks.base import Task

GIVEN = "python:"  # what the names of tasks begin with that Python code gave


@dataclass(frozen=True, eq=False)  # two are the same if they are one object: data is not compared
class OwnTask:
    """A task with what cannot be had by its name in another process."""

    task: "type[Task]"
    dataset: "Dataset | None" = None  # where the task brings its data
    code: str = ""  # a hash of its source, see `code_of`
    files: Mapping[str, str] = field(default_factory=dict)  # the text of its source by path, see `files_of`

    @classmethod
    def of(cls, task: "type[Task]", dataset: "Dataset | None" = None) -> "OwnTask":
        """A task of this process, with its source as it is now."""
        return cls(task, dataset, code_of(task), files_of(task))


_registered: dict[str, OwnTask] = {}


def register(name: str, own: OwnTask) -> None:
    """Makes a task known under a name in this process; another one of that name is forgotten."""
    _registered[name] = own


def registered(name: str) -> OwnTask | None:
    """The task of that name, where it was registered."""
    return _registered.get(name)


def is_file(name: str) -> bool:
    """Whether a task's name is of the form PATH.py:NAME."""
    return name.rpartition(":")[0].endswith(".py")


def absolute(name: str, folder: Path) -> str:
    """The name of a file's task with the path made absolute; relative ones begin in the folder."""
    place, _, attribute = name.rpartition(":")
    return f"{folder.absolute() / Path(place).expanduser()}:{attribute}"


def register_file(name: str) -> OwnTask:
    """Loads a file's task and registers it. Its data is read once.

    Raises:
        ValueError: there is no such file, it cannot be run, or what it names is no task.
    """
    task = from_file(name)
    own = OwnTask.of(task, task.own_dataset())
    register(name, own)
    return own


def from_file(name: str) -> "type[Task]":
    """The task that PATH.py:NAME says, from the file as it is now.

    Raises:
        ValueError: as register_file.
    """
    place, _, attribute = name.rpartition(":")
    try:
        module = _run(Path(place))
    except SystemExit as end:  # a script that reads its arguments, for one
        raise ValueError(
            f"task {name} cannot be loaded: the file ends the program when it is imported "
            f"(SystemExit: {end.code}){_line(end, place)}; put what it does as a script under "
            "`if __name__ == '__main__':`"
        ) from end
    except Exception as error:  # whatever the user's code raises
        said = " ".join(str(error).split())
        missing = isinstance(error, OSError) and not Path(place).is_file()
        kind = "" if missing else f"{type(error).__name__}: "
        where = "" if isinstance(error, SyntaxError) else _line(error, place)  # it names its line itself
        raise ValueError(f"task {name} cannot be loaded: {kind}{said}{where}") from error
    if not hasattr(module, attribute):
        there = ", ".join(_tasks_in(module)) or "none, and needs one: Task = ModuleTask.from_module(...)"
        raise ValueError(
            f"task {name} cannot be loaded: the file has no {attribute!r}; its tasks are {there}"
        )
    return checked(name, getattr(module, attribute), attribute)


def _line(error: BaseException, place: str) -> str:
    """Where in the file an error came from, the innermost line of it: " (line 12)"; else nothing."""
    lines = [n for frame, n in walk_tb(error.__traceback__) if frame.f_code.co_filename == place]
    return f" (line {lines[-1]})" if lines else ""


def _tasks_in(module: ModuleType) -> list[str]:
    """The names in a file that a spec may say as its task."""
    from trainables.modules import ModuleTask
    from trainables.tasks.base import Task

    return [
        name
        for name, found in vars(module).items()
        if isinstance(found, type) and issubclass(found, Task) and found not in (Task, ModuleTask)
    ]


def checked(name: str, found: Any, attribute: str) -> "type[Task]":
    """`found`, the object that a name stands for, if it is a subclass of Task.

    Raises:
        ValueError: it is not.
    """
    from trainables.tasks.base import Task

    if not (isinstance(found, type) and issubclass(found, Task)):
        raise ValueError(  # noqa: TRY004  # one kind of error for a task that cannot be used
            f"task {name}: {attribute} must be a subclass of trainables.tasks.base.Task, or what "
            f"ModuleTask.from_module returns. Got {found!r}."
        )
    return found


def _run(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    spec = spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[path.stem] = module  # as an import does, for dataclasses and pickle
    folder = str(path.absolute().parent)
    sys.path.insert(0, folder)  # for what it imports from beside it, as when it is run
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(folder)
    return module


def check_sendable(task: "type[Task]", dumps: Callable[[Any], bytes]) -> None:
    """Raises ValueError where a part of the task cannot be sent to another process, naming it."""
    recipe = getattr(task, "recipe", None)
    if recipe is not None:
        recipe.check_picklable(dumps)
