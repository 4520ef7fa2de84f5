"""A study as Python sees it: its verdict, its trials, its trained models, and the process that trains it.

All of it is read from the ledger when it is asked for, so a study that still runs says what is known so far.
"""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import nn

from trainables.metrics import Metrics
from trainables.tasks import own
from tuner.driver.progress import Progress as Line
from tuner.driver.progress import stage_of
from tuner.errors import UserError
from tuner.evidence.labels import metric_label
from tuner.evidence.of_study import results_of
from tuner.evidence.report import write_report
from tuner.evidence.results import Results, TrialResult
from tuner.evidence.take_home import model_files
from tuner.evidence.trial_table import trial_table
from tuner.interface.bar import bar
from tuner.interface.child import Errand
from tuner.interface.folder import private_folder
from tuner.interface.page import as_html, as_text
from tuner.interface.progress import Progress
from tuner.interface.running import Run
from tuner.interface.trained import module_of
from tuner.ledger.rows import StudyRow, StudyState
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of
from tuner.settings import Settings
from tuner.spec.study import StudySpec

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

_NEARLY = 0.99  # the share of a study that may yet add trials: what it finds decides


@dataclass(frozen=True)
class Best:
    """The best configuration of a method."""

    study: "Study"
    trial: TrialResult  # as the search scored it
    confirmed: TrialResult | None  # as fresh seeds did, on which nothing was chosen

    @property
    def estimator(self) -> str:
        """Its estimator."""
        return self.trial.estimator

    @property
    def tau_f(self) -> float | None:
        """Its forward temperature; None where the estimator has none."""
        return self.trial.tau_f

    @property
    def tau_b(self) -> float | None:
        """Its backward temperature; None where the estimator has none."""
        return self.trial.tau_b

    @property
    def lr(self) -> float:
        """Its learning rate."""
        return self.trial.lr

    @property
    def optimizer(self) -> dict[str, Any]:
        """What Adam was given beside its learning rate: what all trials have, and what the search chose."""
        given = self.study.spec.optimizer
        return ({} if given is None else given.settings) | self.trial.settings

    @cached_property
    def weights(self) -> list[Path]:
        """The files model-SEED.safetensors of its confirmed seeds, in their order."""
        with self.study.ledger() as ledger:
            trials = ledger.trials(self.study.id)
        return model_files(self.trial.number, trials, self.study.settings.artifacts_folder(self.study.id))

    def model(self, seed: int = 0) -> nn.Module:
        """A trained module, its temperatures set, in eval mode: of the confirmed seed with that number, 0 is
        the first.

        Raises:
            UserError: nothing was confirmed, there are fewer seeds, or the task is no module.
        """
        return module_of(self.study.spec, self.weights, seed)

    def __repr__(self) -> str:
        named = [
            f"{name}={value:g}"
            for name, value in (("tau_f", self.tau_f), ("tau_b", self.tau_b), ("lr", self.lr))
            if value is not None
        ]
        return f"{self.estimator}({', '.join([*named, *self.trial.optimizer_words])})"


class Study:
    """One study. `tuner.search` makes it; where a notebook shows it, it is a table with the verdict."""

    def __init__(
        self, study_id: str, spec: StudySpec, epochs: float, settings: Settings, *, mlflow: bool = True
    ) -> None:
        """The study of the ledger with that id, whose members train for so many epochs."""
        self.id = study_id
        self.spec = spec
        self.settings = settings
        self._epochs = epochs
        self._mlflow = mlflow
        self._run: Run | None = None

    # --- running

    def resume(self, *, background: bool = False) -> "Study":
        """Goes on with the study where it is not finished. Ctrl-C stops it again.

        Raises:
            UserError: it has failed; says why.
        """
        if self._run is not None and self._run.running:
            return self if background else self.wait()
        if self.state in (StudyState.SUCCEEDED, StudyState.FAILED):
            return self
        errand = Errand(self.id, self.spec.task, own.registered(self.spec.task), self.settings, self._mlflow)
        self._run = Run(errand)
        return self if background else self.wait()

    def wait(self, timeout_s: float | None = None) -> "Study":
        """Waits until the study has ended, or for so many seconds, and shows its progress.

        Raises:
            UserError: it has failed; says why.
        """
        if self._run is None:
            return self
        try:
            with bar(self.spec.name) as show:
                ended = self._run.wait(lambda: show(self.progress), timeout_s)
        except KeyboardInterrupt:
            self.stop()
            sys.stderr.write(f"stopped; study.resume() goes on with study {self.id}\n")
            return self
        if ended and self.state is StudyState.FAILED:
            raise UserError(f"study {self.id} has failed: {self._row.reason}")
        return self

    def stop(self) -> None:
        """Stops the study; what had finished is kept, and `resume` goes on."""
        if self._run is not None:
            self._run.stop()

    @property
    def running(self) -> bool:
        """Whether it is being trained by this Python."""
        return self._run is not None and self._run.running

    @property
    def state(self) -> StudyState:
        """queued, running, succeeded, failed, cancelled or interrupted."""
        return self._row.state

    @property
    def progress(self) -> Progress:
        """How far it is."""
        with self.ledger() as ledger:
            row, trials = ledger.study(self.id), ledger.trials(self.id)
        line = Line.of(self.spec, self._epochs, trials)
        done = sum(len(t.seeds) * (self._epochs if t.terminal else t.epoch) for t in trials)
        begun = sum(len(t.seeds) * self._epochs for t in trials)  # it may become more than was planned
        share = min(_NEARLY, done / max(line.work_total, begun, 1e-9))
        stage = stage_of([t for t in trials if not t.terminal] or trials) if trials else ""
        if row.state is StudyState.SUCCEEDED:
            share, stage = 1.0, ""
        return Progress(row.state, line.done, max(line.total, len(trials)), share, stage, line.best)

    # --- what it found

    @property
    def results(self) -> Results:
        """All that it shows so far, typed: what `tuner results --json` prints."""
        with self.ledger() as ledger:
            return results_of(ledger.study(self.id), ledger, self.settings.artifacts_folder(self.id))

    @property
    def verdict(self) -> str:
        """Whether the optimum lies off the diagonal; `results.verdict_reason` says why."""
        return str(self.results.verdict)

    @property
    def trials(self) -> "DataFrame":
        """A row for each trial: its configuration, its state, its `objective` (what tables show: by default
        of the best report of each training) and every metric of the last report, with mean and standard
        error over seeds.
        """
        import pandas as pd

        with self.ledger() as ledger:
            row = ledger.study(self.id)
            return pd.DataFrame(trial_table(ledger.trials(self.id), row.objective))

    @property
    def best(self) -> Best:
        """The best pair of temperatures: of the best off the diagonal, argmax and the best on the diagonal,
        the one with the best mean in the search. `best_of` has each of them, and the baselines.

        Raises:
            UserError: no trial has succeeded so far.
        """
        found = self.results
        if found.best_chosen is None:
            raise UserError(f"study {self.id} is {found.state}, and none of its trials has succeeded so far")
        return self._best(found, found.best_chosen)

    def best_of(self, method: str) -> Best:
        """The best configuration of a method: off_diagonal, argmax, diagonal, or a baseline.

        Raises:
            UserError: the study has no successful trial of this method.
        """
        found = self.results
        if method not in found.chosen:
            names = ", ".join(found.chosen) or "none so far"
            raise UserError(f"study {self.id} has no best {method!r}; it has {names}")
        return self._best(found, found.chosen[method])

    def plot_landscape(self) -> "Figure":
        """The objective over the two temperatures, as a matplotlib figure.

        Raises:
            UserError: there are too few trials for one.
        """
        if "IPython" in sys.modules:
            _load_backend()
        with _style(), self.ledger() as ledger:
            from tuner.evidence.figures.study_figures import gallery

            row, trials = ledger.study(self.id), ledger.trials(self.id)
            pictures = gallery(row, trials, ledger.stream(self.id), metrics=self._metrics)
            if "landscape" not in pictures:
                raise UserError(f"study {self.id} has too few trials for a landscape so far")
            return pictures["landscape"].draw()

    def report(self, folder: str | Path) -> Path:
        """Writes the report into a folder: report.html, which is returned, figures, all numbers as JSON."""
        folder = Path(folder)
        with _style(), self.ledger() as ledger:
            page, *_ = write_report(
                ledger.study(self.id),
                ledger.trials(self.id),
                ledger.stream(self.id),
                folder,
                artifacts=self.settings.artifacts_folder(self.id),
                metrics=self._metrics,
            )
        return page

    # --- how it is shown

    def __repr__(self) -> str:
        return as_text(self.spec.name, self.results, self._objective)

    def _repr_html_(self) -> str:
        return as_html(self.spec.name, self.results, self._objective)

    # --- the ledger

    @contextmanager
    def ledger(self) -> Iterator[Ledger]:
        """The ledger that has the study, open for a block."""
        with (
            private_folder(self.settings.home_folder),
            closing(Ledger(self.settings.ledger_address)) as opened,
        ):
            yield opened

    @property
    def _row(self) -> StudyRow:
        with self.ledger() as ledger:
            return ledger.study(self.id)

    @property
    def _metrics(self) -> Metrics:
        return metrics_of(self._row)

    @property
    def _objective(self) -> str:
        row = self._row
        return metric_label(row.objective.name, metrics_of(row))

    def _best(self, found: Results, trial: TrialResult) -> Best:
        mine = (trial.estimator, trial.tau_f, trial.tau_b, trial.lr, trial.variant)
        confirmed = [
            one
            for one in found.confirmed.values()
            if (one.estimator, one.tau_f, one.tau_b, one.lr, one.variant) == mine
        ]
        return Best(self, trial, next(iter(confirmed), None))


def _load_backend() -> None:
    """Loads matplotlib's backend: a notebook's is what makes it show figures, and pyplot alone loads it only
    with its first figure.
    """
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    plt.switch_backend(mpl.get_backend())


@contextmanager
def _style() -> Iterator[None]:
    """The style of our figures for a block; then the user's own again."""
    import matplotlib as mpl

    with mpl.rc_context():
        from tuner.evidence.figures.drawing import style

        style.use()
        yield
