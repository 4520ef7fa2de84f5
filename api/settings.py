"""Settings of the service and of its clients, from the environment like all others:
docs/reference/settings.md lists them.
"""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from tuner.settings import FromEnvironment, Number, Positive, Settings, Whole, matching

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_ANY = ("0.0.0.0", "::", "")  # noqa: S104  # to recognise them, not to bind to them


def _port(number: int) -> int:
    if number > 65_535:
        raise ValueError("must be from 0 to 65535")
    return number


class ServiceSettings(Settings):
    """What `tuner serve` and the API read."""

    host: str = Field(default="127.0.0.1", description="Address to bind to.")
    port: Annotated[Whole, AfterValidator(_port)] = 8000
    max_trials: Positive = Field(default=10_000, description="Of one study.")
    max_members: Positive = Field(default=100_000, description="Trials x seeds of one study.")
    max_body_bytes: Positive = Field(default=262_144, description="Size of a request.")
    rate_per_minute: Whole = Field(
        default=1_200,
        description="Requests of one key, or of one address where there are no keys; 0: no limit.",
    )
    max_weights: Positive = Field(
        default=100_000_000, description="Weights of one model between its hidden layers."
    )
    max_hours: Number | None = Field(
        default=None, description="Hours that one study may run; default: as many as its spec says."
    )
    max_studies: Positive = Field(
        default=10_000, description="Studies of one owner that are kept, whatever their state."
    )
    max_queued: Positive = Field(default=100, description="Studies of one owner that wait.")
    max_running_per_owner: Positive | None = Field(
        default=None, description="Studies of one owner that run at once; default: MAX_RUNNING."
    )
    max_connections: Positive = Field(
        default=1_000, description="Connections at once; one address has half of them at most."
    )
    trusted_proxies: str | None = Field(
        default=None,
        description="Addresses of proxies, with commas, whose X-Forwarded-For is believed; *: any.",
    )
    max_attempts: Whole = Field(default=3, description="Times a study that lost its job is resumed.")
    public_url: str | None = Field(
        default=None, description="The page as users' browsers reach it; default: HOST and PORT."
    )
    mlflow_public_url: str | None = Field(
        default=None, description="MLflow as users' browsers reach it; default: MLFLOW_URI."
    )
    ray_dashboard_url: str | None = Field(
        default=None, description="Ray's dashboard likewise; default: RAY_ADDRESS."
    )
    allowed_hosts: str | None = Field(
        default=None, description="Names that requests may call the service by, with commas; *: any."
    )
    log_format: Annotated[Literal["text", "json"], matching("text|json", "text or json")] = "text"

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
    def local_link(self) -> str:
        """The page's address for a browser on this machine."""
        host = "127.0.0.1" if self.host in _ANY else self.host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"

    @property
    def page_link(self) -> str:
        """The page's address for users' browsers."""
        return (self.public_url or self.local_link).rstrip("/")

    @property
    def mlflow_link(self) -> str | None:
        """MLflow's address for a browser."""
        return (self.mlflow_public_url or self.mlflow_uri or "").rstrip("/") or None

    @property
    def ray_link(self) -> str | None:
        """The address of Ray's dashboard for a browser."""
        internal = self.ray_address if (self.ray_address or "").startswith(("http://", "https://")) else None
        return (self.ray_dashboard_url or internal or "").rstrip("/") or None


class ClientSettings(FromEnvironment):
    """What the remote verbs read."""

    server: str | None = Field(default=None, description="Address of a service; default of --server.")
    api_key: str | None = Field(default=None, description="Default of --key.")
