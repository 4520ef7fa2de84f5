"""What a driver sends to a population (PopulationConfig), and what the population reports: plain types.

Free of torch and of Ray, because the driver plans populations and reads their reports, and trains none.
"""

from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class PopulationConfig:
    """One population and how to train it: the config of a Tune trial. Plain types only, so that Tune can
    store it.
    """

    task: str
    options: dict[str, Any]
    dataset: str
    dataset_options: dict[str, Any]
    data_folder: str
    # Of {"number", "estimator", "tau_f", "tau_b", "lr", "variant", "source"}.
    trials: tuple[dict[str, Any], ...]
    seeds: tuple[int, ...]
    batch_size: int
    epochs: int | None  # length of training: either in epochs
    steps: int | None  # or in steps
    intervals: int  # number of reports the training is divided into
    evaluate_test: bool  # whether the last report includes the test set and the task's artifacts
    score: str | float  # at which report the score is taken: see trainables/scoring.py
    confirms: (
        bool  # whether it is measured on other validation examples than those that the report is chosen by
    )
    device: str  # "cpu" or "cuda"
    threads: int  # CPU threads
    checkpoint: str  # file
    # Fields of an Optimizer that all trials have alike; a variant may have others.
    optimizer: dict[str, Any] = field(default_factory=dict)
    spec: dict[str, Any] = field(default_factory=dict)  # the study's, for the files of its trained models
    precision: str = "float32"  # of matrix products: one of layers.PRECISIONS
    compile: str = "auto"  # whether steps are recorded, where the device can: "auto" or "off"
    diagnosis: dict[str, Any] | None = None  # arguments of a Diagnosis: what the last report adds
    vary_split: bool = False  # whether each seed has its own split into training and validation examples
    study: str = ""  # what Ray's dashboard and logs call the study
    name: str = ""  # what logs call the population: "population 3: trials 12-20 on 5 seeds"
    # Intervals that the trials have been trained for; above 0 their states lie beside the checkpoint.
    start: int = 0
    # The interval after which they pause, and their states are written there; None: trained to the end.
    until: int | None = None

    def to_tune(self) -> dict[str, Any]:
        """The config dictionary of the Tune trial."""
        return {"population": asdict(self)}

    @classmethod
    def from_tune(cls, config: dict[str, Any]) -> "PopulationConfig":
        """The reverse of to_tune."""
        return cls(**config["population"])


@dataclass(frozen=True)
class Report:
    """One interval of a population, as it travels to the driver."""

    interval: int  # 1 .. intervals
    epoch: float  # training done, in epochs
    steps: int  # training done, in steps
    final: bool
    training_s: float  # wall time of this interval's training and evaluation
    paused: bool = False  # the population ends here, and its trials may be continued
    began: float = 0.0  # training that its trials had when the population was made, in epochs
    # {trial number: {metric: value per seed}}
    rows: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    # {trial number: {file name: content}}, of the first seed; arrays are of all seeds
    artifacts: dict[int, dict[str, bytes]] = field(default_factory=dict)
    error: str | None = None  # the population failed: why, in one sentence

    def to_tune(self) -> dict[str, Any]:
        """The result dictionary of a Tune step. The report is one value in it: Tune flattens nested
        dictionaries.
        """
        return {"report": [asdict(self)], "done": self.final or self.paused or self.error is not None}

    @classmethod
    def from_tune(cls, result: dict[str, Any]) -> "Report":
        """The reverse of to_tune."""
        return cls(**result["report"][0])
