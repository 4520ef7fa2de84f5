"""Settings of the service and of its clients, from the environment like all others; README.md's table lists
them.
"""

import os
from dataclasses import dataclass

from tuner.errors import UserError
from tuner.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ANY = ("0.0.0.0", "::", "")  # noqa: S104  # to recognise them, not to bind to them


@dataclass(frozen=True)
class ServiceSettings(Settings):
    """What `tuner serve` and the API read."""

    host: str = "127.0.0.1"  # address to bind to
    port: int = 8000
    max_trials: int = 10_000  # of one study
    max_members: int = 100_000  # trials x seeds of one study
    max_body_bytes: int = 262_144
    rate_per_minute: int = (
        1_200  # requests of one key, or of one address where there are no keys; 0: no limit
    )
    max_attempts: int = 3  # times a study that lost its job is resumed
    mlflow_public_url: str | None = None  # MLflow as users' browsers reach it; default: mlflow_uri
    ray_dashboard_url: str | None = None  # Ray's dashboard likewise; default: ray_address
    allowed_hosts: str | None = None  # comma-separated names that requests may call us by; "*": any
    log_format: str = "text"  # text | json

    def __post_init__(self) -> None:
        """Raises UserError for a value that does not make sense."""
        super().__post_init__()
        if self.log_format not in ("text", "json"):
            raise UserError(f"TUNER_LOG_FORMAT must be text or json, got {self.log_format[:80]!r}")
        if not 0 <= self.port <= 65_535:
            raise UserError(f"TUNER_PORT must be from 0 to 65535, got {self.port}")
        for name in ("max_running", "max_trials", "max_members", "max_body_bytes"):
            if getattr(self, name) < 1:
                raise UserError(f"TUNER_{name.upper()} must be 1 or more, got {getattr(self, name)}")

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return self.host in LOOPBACK

    @property
    def names(self) -> frozenset[str]:
        """The names that the Host header may have; "*" for any."""
        if self.allowed_hosts:
            return frozenset(name.strip().lower() for name in self.allowed_hosts.split(",") if name.strip())
        return frozenset(LOOPBACK) | (frozenset() if self.host in _ANY else {self.host.lower()})

    @property
    def mlflow_link(self) -> str | None:
        """MLflow's address for a browser."""
        return (self.mlflow_public_url or self.mlflow_uri or "").rstrip("/") or None

    @property
    def ray_link(self) -> str | None:
        """The address of Ray's dashboard for a browser."""
        internal = self.ray_address if (self.ray_address or "").startswith(("http://", "https://")) else None
        return (self.ray_dashboard_url or internal or "").rstrip("/") or None


@dataclass(frozen=True)
class ClientSettings:
    """What the remote verbs read."""

    server: str | None = None  # address of a service; default of --server
    api_key: str | None = None  # default of --key

    @classmethod
    def from_environment(cls) -> "ClientSettings":
        """Reads TUNER_SERVER and TUNER_API_KEY."""
        return cls(os.environ.get("TUNER_SERVER") or None, os.environ.get("TUNER_API_KEY") or None)
