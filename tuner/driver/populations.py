"""The populations of one study: how many trials each holds, the configuration it is sent, and the files it
leaves.

The searcher asks this file everything about training. It knows nothing of Ray, and decides nothing about
trials.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from trainables.population_report import PopulationConfig, Report
from tuner.driver.placement import Placement, trials_per_population
from tuner.driver.progress import Progress
from tuner.errors import UserError
from tuner.ledger.rows import Role, TrialRow
from tuner.settings import Settings
from tuner.spec.study import StudySpec


@dataclass(frozen=True)
class Populations:
    """The populations of one study."""

    study_id: str
    spec: StudySpec
    settings: Settings
    placement: Placement
    bytes_per_member: int  # the task's estimate
    trials_before: int  # trials that the study had when this driver began
    progress: Progress  # told of every report
    announce: Callable[[str], None] | None = None  # told which trials a population has, when it begins

    @property
    def at_once(self) -> int:
        """How many can train at the same time."""
        return self.placement.devices

    def size(self, role: Role, seeds: int | None = None) -> int:
        """How many trials of a role a population should hold, of so many seeds if that is known."""
        after_search = {Role.CONFIRM: self.spec.confirm_total, Role.CONTROL: self.spec.control_total}
        return trials_per_population(
            self.placement,
            trials=max(1, after_search.get(role, self.spec.trials_total - self.trials_before)),
            seeds=seeds or self.spec.members_of(role),
            bytes_per_member=self.bytes_per_member,
            members=self.spec.members_per_population,
        )

    def config(
        self, population: str, place: int, trials: Sequence[TrialRow], start: int, until: int | None
    ) -> PopulationConfig:
        """The config of a new population.

        Args:
            population: its id.
            place: 1, 2, ... among this driver's populations.
            trials: its trials, of the same seeds.
            start: report intervals that they have been trained for.
            until: the interval after which they pause; None trains them to the end.
        """
        fields = ("number", "estimator", "tau_f", "tau_b", "lr")
        spec, name = self.spec, name_of(place, trials)
        if self.announce is not None:
            self.announce(f"{name}, {' and '.join(dict.fromkeys(t.role for t in trials))}")
        return PopulationConfig(
            task=spec.task,
            options=spec.options,
            dataset=spec.dataset,
            dataset_options=spec.dataset_options,
            data_folder=str(self.settings.data_folder),
            trials=tuple(
                {name: getattr(t, name) for name in fields}
                | {"variant": t.variant.text, "source": t.number if t.source is None else t.source}
                for t in trials
            ),
            seeds=trials[0].seeds,
            batch_size=spec.batch_size,
            epochs=spec.epochs,
            steps=spec.steps,
            intervals=spec.intervals,
            evaluate_test=trials[0].role is Role.CONFIRM,
            score=spec.score_at,
            confirms=trials[0].role in (Role.CONFIRM, Role.CONTROL),
            device=self.placement.device,
            threads=self.placement.cpus,
            checkpoint=str(self.checkpoints / f"{population}.pt"),
            spec=spec.model_dump(mode="json"),
            optimizer=spec.optimizer.settings if spec.optimizer is not None else {},
            precision=spec.precision,
            compile=spec.compile,
            diagnosis=spec.diagnosis,
            vary_split=spec.varies_split(trials[0].role),
            study=f"{spec.name} · {self.study_id}",
            name=name,
            start=start,
            until=until,
        )

    @property
    def checkpoints(self) -> Path:
        """The folder of the populations' checkpoints and of the paused trials' states."""
        return self.settings.home_folder / "checkpoints" / self.study_id

    def forget_paused_states(self, numbers: Iterable[int], before: float = math.inf) -> None:
        """Deletes the states that some trials left when they paused, trial-NUMBER-INTERVAL.pt, of intervals
        before one. trainables/population_run.py writes them.
        """
        for number in numbers:
            for file in self.checkpoints.glob(f"trial-{number}-*.pt"):
                if int(file.stem.rpartition("-")[2]) < before:
                    file.unlink(missing_ok=True)

    def keep_artifacts(self, report: Report) -> None:
        """Writes the files of trained models that came with a report. Raises UserError."""
        write_artifacts(report.artifacts, self.settings.artifacts_folder(self.study_id))


def name_of(place: int, trials: Sequence[TrialRow]) -> str:
    """What logs call a population: "population 3: trials 12-20 on 5 seeds"."""
    numbers, seeds = _ranges(sorted(t.number for t in trials)), len(trials[0].seeds)
    of = "trial" if len(trials) == 1 else "trials"
    return f"population {place}: {of} {numbers} on {seeds} seed{'s' * (seeds != 1)}"


def _ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as "3-5, 9"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1] = [runs[-1][0], number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)


def write_artifacts(artifacts: Mapping[int, Mapping[str, bytes]], folder: Path) -> None:
    """Writes the files of trials, {trial number: {file name: content}}, to a folder for each trial. A file is
    there whole or not at all, whenever the driver is killed or the disk is full. Raises UserError.
    """
    partial = folder / ".partial"  # where nobody looks for a trial's files
    try:
        for number, files in artifacts.items():
            for name, content in files.items():
                target = folder / f"trial-{number}" / Path(name).name
                target.parent.mkdir(parents=True, exist_ok=True)
                partial.write_bytes(content)
                partial.replace(target)
    except OSError as error:
        raise UserError(
            f"the files of trained models cannot be written to {folder}: {error.strerror}"
        ) from error
    finally:
        with suppress(OSError):  # on a disk that cannot be written to
            partial.unlink(missing_ok=True)
