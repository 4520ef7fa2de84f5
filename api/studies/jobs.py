"""Studies as Ray jobs: submitted, looked at, stopped, through the Jobs API; the only file here that imports
ray.

The entry point is fixed and holds a study's id, which we made. A job's runtime_env is shown in the dashboard,
so there is none: the driver has its settings from the environment of the nodes.
"""

import os
import re
from typing import Any

from tuner.errors import UserError

os.environ.setdefault(
    "RAY_AUTH_MODE", "token"
)  # explicit: Ray's default depends on what ran on this machine before
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

_NAME = re.compile(r"[0-9a-f]{1,32}-[0-9]{1,9}")
ENDED = ("STOPPED", "SUCCEEDED", "FAILED")
# Ray's client waits for ever by itself, for a dashboard that is suspended say.
_PATIENCE_S = 10.0
_SUBMIT_S = 30.0  # Ray first waits up to 10 s for an agent that takes the job
_PING_S = 3.0  # somebody waits for /readyz


class RayAwayError(UserError):
    """Ray does not answer."""


class RayHangsError(RayAwayError):
    """Ray takes a connection and says nothing: whatever else it is asked will wait as long."""


class Jobs:
    """The jobs of one cluster. Made without asking it: it may be away, and come back."""

    def __init__(self, address: str) -> None:
        if not address.startswith(("http://", "https://")):
            raise UserError(
                "TUNER_RAY_ADDRESS must be the address of Ray's dashboard, like http://127.0.0.1:8265, got "
                f"{address[:80]!r}"
            )
        self._address = address.rstrip("/")
        self._clients: dict[float, Any] = {}  # by their patience

    def submit(self, study_id: str, job: str) -> None:
        """Starts a study's driver under that name. One that was started under it already stays. Raises
        RayAwayError.
        """
        if not _NAME.fullmatch(job):
            raise ValueError(f"{job!r} is no name of a job")
        metadata = {"study": study_id}
        entrypoint = f"python -m tuner drive {study_id}"
        try:
            self._ask(
                "submit_job",
                entrypoint=entrypoint,
                submission_id=job,
                metadata=metadata,
                patience_s=_SUBMIT_S,
            )
        except RayHangsError:
            raise
        except RayAwayError:
            if self.status(job)[0] is None:  # Ray answers 500 to a name it knows
                raise

    def status(self, job: str) -> tuple[str | None, str]:
        """Ray's word for a job's state, and its message; None for a job it does not know. Raises
        RayAwayError.
        """
        try:
            found = self._ask("get_job_info", job)
        except RayAwayError as error:
            if "status code 404" in str(error):
                return None, "Ray does not know the job"
            raise
        lines = (found.message or "").strip().splitlines()
        return str(getattr(found.status, "value", found.status)), lines[0][:300] if lines else ""

    def stop(self, job: str) -> None:
        """Asks Ray to end a job; one that has ended stays so. Raises RayAwayError."""
        self._ask("stop_job", job)

    def ping(self) -> None:
        """Raises RayAwayError where Ray does not answer."""
        self._ask("get_version", patience_s=_PING_S)

    def _ask(self, what: str, *args: Any, patience_s: float | None = None, **kwargs: Any) -> Any:
        patience_s = _PATIENCE_S if patience_s is None else patience_s
        try:
            if patience_s not in self._clients:
                self._clients[patience_s] = _client(self._address, patience_s)
            return getattr(self._clients[patience_s], what)(*args, **kwargs)
        except Exception as error:  # Ray's client raises RuntimeError, ConnectionError and requests' own
            if "timed out" in str(error):
                raise RayHangsError(
                    f"Ray at {self._address} does not answer within {patience_s:g} s"
                ) from error
            raise RayAwayError(
                f"Ray at {self._address}: "
                f"{str(error).strip().splitlines()[0][:300] if str(error) else type(error)}"
            ) from error


def _client(address: str, patience_s: float) -> Any:
    """Ray's client, with an end to its waiting. Asks for Ray's version; raises what Ray's client raises."""
    from ray.job_submission import JobSubmissionClient

    class Patient(JobSubmissionClient):  # type: ignore[misc]  # ray is untyped
        def _do_request(self, *args: Any, **kwargs: Any) -> Any:
            return super()._do_request(*args, **{"timeout": patience_s} | kwargs)

    return Patient(address)
