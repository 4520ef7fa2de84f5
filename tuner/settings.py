"""Settings from the environment, read once. README.md lists them all; a test keeps that table complete."""

import os
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from tuner.errors import UserError


@dataclass(frozen=True)
class Settings:
    """Where things are. Every field is the environment variable TUNER_<FIELD>."""

    home: Path = Path(".tuner")  # state folder: ledger, MLflow database, checkpoints, reports
    data: Path | None = None  # data folder, laid out as torchvision's root; default: HOME/data
    ledger_url: str | None = None  # SQLAlchemy URL; default: SQLite in HOME
    mlflow_uri: str | None = None  # an MLflow server to use; default: a private one on loopback
    ray_address: str | None = None  # a Ray cluster to use; default: a private one
    max_running: int = 2  # studies that the service runs at once; the others wait in order
    device: str | None = (
        None  # what populations train on, "cuda" or "cpu"; default: cuda where the cluster has GPUs
    )
    gpus_per_population: float | None = (
        None  # of Ray's GPUs, reserved for each; default: 1 with cuda, 0 with cpu
    )
    devices: int | None = (
        None  # populations at once; default: as many as the cluster has room for when a driver starts
    )
    hung_after_s: float | None = (
        None  # without a report; default: ten times the longest interval, 300 s at least
    )
    ledger_patience_s: float = 300.0  # a driver waits so long for a database that is away

    def __post_init__(self) -> None:
        if self.device not in (None, "cuda", "cpu"):
            raise UserError(f"TUNER_DEVICE must be cuda or cpu, got {self.device[:80]!r}")
        share = self.gpus_per_population
        if share is not None and not (share == 0 or 0.01 <= share <= 1):
            raise UserError(f"TUNER_GPUS_PER_POPULATION must be 0, or from 0.01 to 1, got {share:g}")
        if share == 0 and self.device == "cuda":
            raise UserError("TUNER_GPUS_PER_POPULATION must be above 0 where TUNER_DEVICE is cuda")
        if self.devices == 0:
            raise UserError("TUNER_DEVICES must be 1 or more, got 0")

    @classmethod
    def from_environment(cls) -> Self:
        """Reads TUNER_*; an empty variable counts as absent. Raises UserError."""
        values: dict[str, Any] = {}
        for field in fields(cls):
            variable = f"TUNER_{field.name.upper()}"
            if text := os.environ.get(variable, "").strip():
                values[field.name] = _value(variable, text, field.type)
        return cls(**values)

    @property
    def data_folder(self) -> Path:
        """The data folder, absolute: Ray's workers have another working directory."""
        return (self.data or self.home / "data").expanduser().absolute()

    @property
    def home_folder(self) -> Path:
        """The state folder, absolute."""
        return self.home.expanduser().absolute()

    @property
    def ledger(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.ledger_url or f"sqlite:///{self.home_folder / 'ledger.db'}"

    def report_folder(self, study_id: str) -> Path:
        """Where a study's report goes by default."""
        return self.home_folder / "reports" / study_id

    def artifacts_folder(self, study_id: str) -> Path:
        """Where the files of a study's confirmed trials are: trial-NUMBER/NAME."""
        return self.home_folder / "artifacts" / study_id


def _value(variable: str, text: str, kind: Any) -> Any:
    if kind in (int, int | None):
        if not text.isascii() or not text.isdigit() or len(text) > 12:
            raise UserError(f"{variable} must be a whole number, 0 or more, got {text[:80]!r}")
        return int(text)
    if kind in (float, float | None):
        if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,12})?", text):
            raise UserError(f"{variable} must be a number, 0 or more, got {text[:80]!r}")
        return float(text)
    return Path(text) if kind in (Path, Path | None) else text
