"""Trained members back as modules, from the files that confirmed trials have left."""

from collections.abc import Sequence
from pathlib import Path

from torch import nn

from trainables.data import OWN_DATA, load
from trainables.model_file import read
from trainables.modules import ModuleTask
from trainables.tasks import own, task_type
from tuner.errors import UserError
from tuner.settings import Settings
from tuner.spec.study import StudySpec


def module_of(spec: StudySpec, files: Sequence[Path], seed: int) -> nn.Module:
    """The module of one of a configuration's files. Raises UserError."""
    if not files:
        raise UserError(
            "this configuration has no trained model: only those that are confirmed on fresh seeds leave "
            "theirs; confirm_seeds of 1 or more confirms the best of every method"
        )
    if not 0 <= seed < len(files):
        raise UserError(f"seed must be from 0 to {len(files) - 1}, the confirmed seeds, got {seed}")
    task = task_type(spec.task)
    if not issubclass(task, ModuleTask):
        raise UserError(
            f"task {spec.task} is no module; its trained weights are in {files[seed]}, which "
            "safetensors.torch.load_file reads"
        )
    registered = own.registered(spec.task)
    dataset = None if registered is None else registered.dataset
    if spec.dataset != OWN_DATA:
        settings = Settings.from_environment()
        dataset = load(spec.dataset, settings.data_folder, spec.dataset_options)
    tensors, about = read(files[seed])
    trial = about["trial"]
    return task.trained(
        task.options_type.parse(spec.options),
        dataset if dataset is not None else task.own_dataset(),
        tensors,
        trial["estimator"],
        trial["tau_f"],
        trial["tau_b"],
    )
