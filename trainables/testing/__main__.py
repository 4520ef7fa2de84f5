"""The contract suite for authors of tasks: `python -m trainables.testing my_model.py:Task`.

Trains small populations of the task for a few steps and checks what every study relies on.
The task is named by a file and its class, by an importable module and its class, or by an installed name. Its
data are the task's own, or a dataset by name.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from typing import Any

import torch

from trainables.data import Dataset, load
from trainables.tasks import own, task_type
from trainables.tasks.base import Task
from trainables.testing import CHECKS
from trainables.testing.subject import BATCH, Subject

_EXAMPLES = {"train": 320, "validation": 100, "test": 300}  # at most; the test set is longer than a chunk


def load_task(name: str) -> type[Task]:
    """The class of a task: "my_model.py:Task", "package.module:Task", or the name of an installed one.

    Raises:
        ValueError: it is not there, or is no task.
    """
    place, _, attribute = name.rpartition(":")
    if not place:
        return task_type(name)
    if own.is_file(name):
        return own.from_file(name)
    try:
        module = import_module(place)
    except ImportError as error:
        raise ValueError(f"task {name}: {error}") from error
    return own.checked(name, getattr(module, attribute, None), attribute)


def small(dataset: Dataset) -> Dataset:
    """The first examples of every split."""
    train, validation, test = (getattr(dataset, name).take(slice(n)) for name, n in _EXAMPLES.items())
    return replace(dataset, train=train, validation=validation, test=test)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line per check. Returns how many failed."""
    parser = argparse.ArgumentParser(prog="python -m trainables.testing", description=__doc__)
    parser.add_argument("task", help="my_model.py:Task, package.module:Task, or an installed task's name")
    parser.add_argument("--dataset", help="default: the task's own data, or the first that it can learn from")
    parser.add_argument("--data-folder", default="data", help="folder of the datasets")
    parser.add_argument("--dataset-options", default="{}", type=json.loads, help="as JSON")
    parser.add_argument(
        "--options", default="{}", type=json.loads, help="the task's own, as JSON; make it small"
    )
    parser.add_argument(
        "--device",
        default="cpu",
        help='where the task is trained: "cpu", or "cuda" for a GPU of this machine',
    )
    parser.add_argument("--only", default="", help="run the checks whose name contains this")
    given = parser.parse_args(arguments)
    torch.set_num_threads(1)  # small products; threads would wait for each other
    try:
        cls = load_task(given.task)
        brought = cls.own_dataset() if given.dataset is None else None
        name = given.dataset or ("digits" if "digits" in cls.datasets else cls.datasets[0])
        dataset = cls.prepared(small(brought or load(name, given.data_folder, given.dataset_options)))
        dataset = dataset.to(given.device)
        subject = Subject(cls, dataset, given.options, min(BATCH, len(dataset.train) // 2))
        subject.built()
    except Exception as error:  # noqa: BLE001  # whatever the user's code raises is the answer
        print(f"the task cannot be built: {error}")
        return 1
    failed = 0
    for check, run in CHECKS.items():
        if given.only in check:
            said = _failure(run, subject)
            failed += said is not None
            print(
                f"{'ok    ' if said is None else 'FAILED'}  {check}" + (f"\n        {said}" if said else "")
            )
    print(f"{failed} failed" if failed else "all passed")
    return failed


def _failure(run: Any, subject: Subject) -> str | None:
    """What a check says against the task; None where it has nothing to say."""
    try:
        run(subject)
    except Exception as error:  # noqa: BLE001  # a user's task may fail in any way, and the next check goes on
        return " ".join(f"{type(error).__name__}: {error}".split())
    return None


if __name__ == "__main__":
    sys.exit(min(1, main()))
