"""A study driven by hand: the real searcher, ledger and training in this process, without Ray."""

from dataclasses import dataclass

from ray.tune.search import Searcher

from trainables.population_report import Report
from trainables.ray_trainable import PopulationTrainable
from tuner.driver.placement import Placement
from tuner.driver.populations import Populations
from tuner.driver.progress import Progress
from tuner.driver.tune_searcher import PopulationSearcher
from tuner.ledger.history import History
from tuner.settings import Settings
from tuner.spec.study import parse_spec
from tuner.strategies import strategy_for


def new_trainable(config):
    """A Tune trial's trainable with the config that Tune would give it."""
    made = PopulationTrainable.__new__(PopulationTrainable)  # Tune's constructor wants a cluster
    made.setup(config)
    return made


@dataclass(frozen=True)
class FixedSize(Populations):
    """Populations of a size that the test chooses."""

    trials: int = 5

    def size(self, role, seeds=None):
        del role, seeds
        return self.trials


class HandDriver:
    """Runs a study of a ledger like tuner/driver/drive.py does, in this process: one population after
    another.
    """

    def __init__(self, ledger, study, home, *, size=5):
        self.ledger, self.study = ledger, study
        self.spec = parse_spec(ledger.study(study).spec)
        self.lease = ledger.acquire(study, {})
        history = History(ledger, study)
        populations = FixedSize(
            study_id=study,
            spec=self.spec,
            settings=Settings.from_environment().model_copy(update={"home": home}),
            placement=Placement("cpu", 1, 1, 1 << 30),
            bytes_per_member=1,
            trials_before=len(history.trials()),
            progress=Progress.of(self.spec, 1.0, history.trials()),
            trials=size,
        )
        self.folder = populations.checkpoints
        self.searcher = PopulationSearcher(ledger, self.lease, history, strategy_for(self.spec), populations)
        self.populations = 0

    def run(self, *, reports=10_000):
        """Trains until the end, or until so many reports have been written. Returns whether that was the
        end.
        """
        while reports > 0:
            trial_id = f"t{self.populations}"
            config = self.searcher.suggest(trial_id)
            if self.searcher.fatal:
                raise self.searcher.fatal
            if config == Searcher.FINISHED:
                return True
            self.populations += 1
            made = new_trainable(config)
            done = False
            while not done and reports > 0:
                result = made.step()
                done = result["done"]
                report = Report.from_tune(result)
                assert report.error is None
                self.searcher.on_trial_complete(trial_id, result) if done else self.searcher.on_trial_result(
                    trial_id, result
                )
                reports -= 1
        return False
