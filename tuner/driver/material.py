"""What a study's trials are made from: the examples that they learn from, and the versions of the packages
that train them.

A study may be resumed weeks after it was begun. If the data or the program has changed meanwhile, trials from
before and after cannot be compared. So the ledger keeps what they were made from, and a driver checks that it
is still the same.
"""

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

from trainables.data import Dataset
from trainables.data import plugged_in_version as dataset_version
from trainables.data.fingerprint import fingerprint
from trainables.tasks import own
from trainables.tasks import plugged_in_version as task_version
from tuner.errors import UserError
from tuner.ledger.rows import StudyRow, StudyState
from tuner.spec.study import StudySpec

_PROGRAM = "straight-through-tuner"
RUN = "gpu-check"  # of an imported study's host and material: which run of the check trained it


def material_of(spec: StudySpec, dataset: Dataset) -> dict[str, str]:
    """{what: which} for the data, this program, the packages of plugged-in tasks and datasets, and for
    the code of a task that no package brings.
    """
    packages = dict(filter(None, (task_version(spec.task), dataset_version(spec.dataset))))
    registered = own.registered(spec.task)
    code = {} if registered is None else {f"task {spec.task}": registered.code}
    return {f"dataset {spec.dataset}": fingerprint(dataset), _PROGRAM: version(_PROGRAM), **packages, **code}


def refuse_other_material(study: StudyRow, material: Mapping[str, str]) -> None:
    """Raises UserError where the study's trials were made from something else."""
    if study.material is None:
        return
    before = _comparable(study, material)
    names = sorted(name for name in {*before, *material} if before.get(name) != material.get(name))
    if not names:
        return
    changed = ", ".join(_change(name, before.get(name), material.get(name)) for name in names)
    raise UserError(
        f"study {study.id} was begun with something else ({changed}), and its trials could not be compared "
        f"with new ones; put that back, or {_anew(study)}"
    )


def _anew(study: StudyRow) -> str:
    """What to do where what a study was made from is gone for good."""
    if study.task.startswith(own.GIVEN):  # the command line does not know it
        return "begin another study: tuner.search without study="
    if study.state is StudyState.SUCCEEDED or study.added_seeds:
        return "submit the study again"  # it has ended: its trials cannot be restarted
    return f"start all of its trials anew: `tuner resume {study.id} --restart-trials`"


def keep_code(spec: StudySpec, folder: Path) -> None:
    """Writes the source files of a task that no package brings, as they are now, for those who want to train
    the study again. Raises UserError where they cannot be written.
    """
    registered = own.registered(spec.task)
    if registered is None:
        return
    try:
        for place, text in registered.files.items():
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            (folder / place).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UserError(f"the code of the task cannot be written to {folder}: {error.strerror}") from error


def noted(study: StudyRow, material: Mapping[str, str]) -> dict[str, str]:
    """What is kept of the material of a driver: an import must find the study that it has made."""
    before = study.material or {}
    return dict(material) | ({RUN: before[RUN]} if RUN in before else {})


def _comparable(study: StudyRow, material: Mapping[str, str]) -> dict[str, str]:
    """The material of the study's trials.

    A search that was imported was made by another program on purpose. What is confirmed of it is trained
    here, all methods on the same fresh seeds, so only its data must be the same. Where its file does not say
    what that was, it is another.
    """
    before = dict(study.material or {})
    if RUN not in before:
        return before
    of_data = {name: which for name, which in before.items() if name.startswith("dataset ")}
    unknown = {name: "" for name in material if name.startswith("dataset ")}
    return {**material, **unknown, **of_data}


def _change(name: str, before: str | None, now: str | None) -> str:
    if name.startswith("dataset "):
        return f"{name} has other examples now" if now else f"{name} is not used any more"
    if name.startswith("task "):
        return f"the code of {name} is another now"
    return f"{name} was {before or 'not there'} and is {now or 'not there'}"
