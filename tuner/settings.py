"""Settings from the environment, read once. docs/reference/settings.md lists them; a test keeps it so.

What is not given to a constructor is a default: only `from_environment` reads the environment.
"""

import re
import shutil
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from tuner.errors import UserError, shown

PREFIX = "TUNER_"


def matching(pattern: str, wanted: str) -> BeforeValidator:
    """Text from the environment must look so; what is no text is a value from Python."""

    def check(given: Any) -> Any:
        if isinstance(given, str) and not re.fullmatch(pattern, given):
            raise ValueError(f"must be {wanted}")
        return given

    return BeforeValidator(check)


def _positive(number: int) -> int:
    if number < 1:
        raise ValueError("must be 1 or more")
    return number


def _share(number: float) -> float:
    if not (number == 0 or 0.01 <= number <= 1):
        raise ValueError("must be 0, or from 0.01 to 1")
    return number


Whole = Annotated[int, matching("[0-9]{1,12}", "a whole number, 0 or more"), Field(ge=0)]
Positive = Annotated[Whole, AfterValidator(_positive)]
Number = Annotated[float, matching(r"[0-9]{1,12}(\.[0-9]{1,12})?", "a number, 0 or more"), Field(ge=0)]
Share = Annotated[Number, AfterValidator(_share)]
Device = Annotated[Literal["cuda", "cpu"], matching("cuda|cpu", "cuda or cpu")]


class FromEnvironment(BaseSettings):
    """Settings whose every field is the environment variable TUNER_<FIELD>."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    def __init__(self, **values: Any) -> None:
        """Raises UserError: one sentence naming each wrong variable and what it must be."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise UserError("; ".join(map(_sentence, error.errors(include_url=False)))) from error

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # pydantic's names
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What a constructor is given, and nothing else."""
        return (init_settings,)

    @classmethod
    def from_environment(cls) -> Self:
        """Reads TUNER_*; an empty variable counts as absent. Raises UserError."""
        given = {name: str(text).strip() for name, text in EnvSettingsSource(cls)().items()}
        return cls(**{name: text for name, text in given.items() if text})


class Settings(FromEnvironment):
    """Where things are, and what a driver may use."""

    home: Path = Field(
        default=Path(".tuner"), description="State folder: ledger, MLflow database, checkpoints, reports."
    )
    data: Path | None = Field(
        default=None, description="Data folder, laid out as torchvision's root; default: HOME/data."
    )
    ledger_url: str | None = Field(default=None, description="SQLAlchemy URL; default: SQLite in HOME.")
    mlflow_uri: str | None = Field(
        default=None, description="An MLflow server to use; default: a private one on loopback."
    )
    ray_address: str | None = Field(default=None, description="A Ray cluster to use; default: a private one.")
    max_running: Positive = Field(
        default=2, description="Studies that the service runs at once; the others wait in order."
    )
    device: Device | None = Field(
        default=None, description="What populations train on; default: cuda where the cluster has GPUs."
    )
    gpus_per_population: Share | None = Field(
        default=None, description="Of Ray's GPUs, reserved for each; default: 1 with cuda, 0 with cpu."
    )
    devices: Positive | None = Field(
        default=None, description="Populations at once; default: as many as there is room for at the start."
    )
    hung_after_s: Number | None = Field(
        default=None,
        description="Seconds without a report; default: ten times the longest interval, 300 at least.",
    )
    notify: str | None = Field(
        default=None,
        description="Apprise addresses, with spaces, that are told when a study ends or is interrupted.",
    )
    ledger_patience_s: Number = Field(
        default=300.0, description="Seconds that a driver waits for a database that is away."
    )

    @model_validator(mode="after")
    def _together(self) -> Self:
        if self.gpus_per_population == 0 and self.device == "cuda":
            raise ValueError("TUNER_GPUS_PER_POPULATION must be above 0 where TUNER_DEVICE is cuda")
        return self

    @property
    def data_folder(self) -> Path:
        """The data folder, absolute: Ray's workers have another working directory."""
        return _absolute("data", self.data or self.home / "data")

    @property
    def home_folder(self) -> Path:
        """The state folder, absolute."""
        return _absolute("home", self.home)

    @property
    def ledger_address(self) -> str:
        """SQLAlchemy URL of the ledger."""
        return self.ledger_url or sqlite_address(self.home_folder / "ledger.db")

    def remove_files(self, study_id: str) -> None:
        """Removes a study's files: its report, those of its confirmed trials, the code of its task, its
        checkpoints, Tune's.
        """
        rooms = [self.home_folder / room / study_id for room in ("checkpoints", "tune")]
        kept = (self.report_folder(study_id), self.artifacts_folder(study_id), self.code_folder(study_id))
        for folder in (*kept, *rooms):
            shutil.rmtree(folder, ignore_errors=True)
        (self.home_folder / "logs" / f"{study_id}.log").unlink(missing_ok=True)

    def report_folder(self, study_id: str) -> Path:
        """Where a study's report goes by default."""
        return self.home_folder / "reports" / study_id

    def artifacts_folder(self, study_id: str) -> Path:
        """Where the files of a study's confirmed trials are: trial-NUMBER/NAME."""
        return self.home_folder / "artifacts" / study_id

    def code_folder(self, study_id: str) -> Path:
        """Where the source code of a study's task is, if no installed package brings the task."""
        return self.home_folder / "code" / study_id


def sqlite_address(file: Path) -> str:
    """The SQLAlchemy URL of an SQLite file, whatever characters its path has."""
    return f"sqlite:///{str(file).replace('%', '%25').replace('?', '%3F')}"


def _absolute(name: str, path: Path) -> Path:
    """A folder's absolute path; ~ and ~USER are a home folder."""
    try:
        return path.expanduser().absolute()
    except RuntimeError as error:
        raise UserError(
            f"{PREFIX}{name.upper()} is {shown(str(path))}: there is no such home folder; write it out"
        ) from error
    except OSError as error:  # the working directory is gone
        raise UserError(f"{PREFIX}{name.upper()} cannot be made absolute: {error.strerror}") from error


def _sentence(error: Any) -> str:
    """One of pydantic's errors: TUNER_PORT must be ..., got ..."""
    message = error["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    if not error["loc"]:
        return str(message)  # which names the variables that it is about
    came = shown(error["input"])
    return f"{PREFIX}{str(error['loc'][0]).upper()} {message}" + (f", got {came}" if came else "")
