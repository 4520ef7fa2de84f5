"""Studies as Ray jobs: submitted, looked at, stopped, through Ray's Jobs REST API.

Not through Ray's Python client, whose requests have no timeout that a caller can set, whose errors are texts,
and which takes another cluster's address from RAY_API_SERVER_ADDRESS or RAY_ADDRESS. The service does not
import Ray.

The entry point is fixed and holds a study's id, which we made. A job's runtime_env is shown in the dashboard,
so there is none: the driver has its settings from the environment of the nodes.
"""

import re
from collections.abc import Callable
from typing import Any

import httpx

from api.studies.ray_token import token
from tuner.errors import UserError
from tuner.network import is_loopback, through_proxy, unusable_proxy

JOB_NAME = re.compile(r"(?P<study>[0-9a-f]{1,32})-[0-9]{1,9}")  # a study's id, and which of its jobs
ENDED = ("STOPPED", "SUCCEEDED", "FAILED")
PATIENCE_S = 10.0  # for an answer; a dashboard that is suspended never gives one
SUBMIT_S = 30.0  # Ray first waits up to 10 s for an agent that takes the job
PING_S = 3.0  # the probe asks again soon


class RayAwayError(UserError):
    """Ray does not answer, or not as it should. `status` is the HTTP status, where there was one."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class RayHangsError(RayAwayError):
    """Ray takes a connection and says nothing: whatever else it is asked will wait as long."""


class Jobs:
    """The jobs of one cluster. Made without asking it: it may be away, and come back."""

    def __init__(
        self,
        address: str | Callable[[], str],
        *,
        cluster: str | None = None,
        is_ours: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """Args:
            address: that of Ray's dashboard, or what says where it is now: a Ray that is started again may be
                elsewhere, and somebody else's where it was.
            cluster: a name of the cluster that no other one has; None asks Ray for its session's name.
            is_ours: whether what listens at an address is that Ray. Where it is not, nothing is sent there.

        Raises UserError where the address cannot be one.
        """
        self._cluster, self._is_ours = cluster, is_ours
        self._where: Callable[[], str] = (lambda: address) if isinstance(address, str) else address
        first = self._where()
        try:
            url = httpx.URL(first.rstrip("/"))
        except (httpx.InvalidURL, UnicodeError):
            url = httpx.URL("")
        if url.scheme not in ("http", "https") or not url.host:
            raise UserError(
                "TUNER_RAY_ADDRESS must be the address of Ray's dashboard, like http://127.0.0.1:8265, got "
                f"{first[:80]!r}"
            )
        # Loopback is reached directly, whatever proxy the environment names.
        try:
            self._http = httpx.Client(trust_env=not is_loopback(url.host))
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise UserError(unusable_proxy(error)) from error

    @property
    def _address(self) -> str:
        return self._where().rstrip("/")

    def cluster(self) -> str:
        """The cluster's name: of two services that share a ledger, each looks after the jobs of its own
        cluster. Raises RayAwayError.
        """
        if self._cluster is not None:
            return self._cluster
        found = self._ask("GET", "/api/version")
        name = found.get("session_name") if isinstance(found, dict) else None
        if not isinstance(name, str) or not 1 <= len(name) <= 128:
            raise RayAwayError(f"Ray at {self._address} does not tell its session's name")
        return name

    def submit(self, study_id: str, job: str, title: str) -> None:
        """Starts a study's driver as a job of that name; `title` is what Ray's dashboard calls it. One that
        was started under the name already stays. Raises RayAwayError.
        """
        if not JOB_NAME.fullmatch(job):
            raise ValueError(f"{job!r} is no name of a job")
        content = {
            "entrypoint": f"python -m tuner drive {study_id} --job {job}",
            "submission_id": job,
            "metadata": {"study": study_id, "job_name": title},  # job_name: see Ray's list of jobs
        }
        try:
            self._ask("POST", "/api/jobs/", content=content, patience_s=SUBMIT_S)
        except RayHangsError:
            raise
        except RayAwayError:
            if self.status(job)[0] is None:  # Ray answers 500 to a name that it has already
                raise

    def status(self, job: str) -> tuple[str | None, str]:
        """Ray's name for a job's state, and its message; None for a job that Ray does not know. Raises
        RayAwayError.
        """
        try:
            found = self._ask("GET", f"/api/jobs/{job}")
        except RayAwayError as error:
            if error.status == 404:
                return None, "Ray does not know the job"
            raise
        if not isinstance(found, dict) or not isinstance(found.get("status"), str):
            raise RayAwayError(f"Ray at {self._address}: its answer has no status of job {job}")
        lines = str(found.get("message") or "").strip().splitlines()
        return found["status"], lines[0][:300] if lines else ""

    def stop(self, job: str) -> None:
        """Asks Ray to end a job; one that has ended stays so. Raises RayAwayError."""
        self._ask("POST", f"/api/jobs/{job}/stop")

    def ping(self) -> None:
        """Raises RayAwayError where Ray does not answer."""
        self._ask("GET", "/api/version", patience_s=PING_S)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        content: dict[str, Any] | None = None,
        patience_s: float | None = None,
    ) -> Any:
        """The JSON of Ray's answer."""
        address = self._address
        if not self._is_ours(address):
            raise RayAwayError(f"Ray at {address} has ended; it is started again")
        patience_s = PATIENCE_S if patience_s is None else patience_s
        known = token()
        headers = {"Authorization": f"Bearer {known}"} if known else {}
        try:
            answer = self._http.request(
                method, address + path, json=content, headers=headers, timeout=patience_s
            )
        except httpx.TimeoutException as error:
            proxy = through_proxy(address)
            raise RayHangsError(f"Ray at {address} does not answer within {patience_s:g} s{proxy}") from error
        except httpx.HTTPError as error:
            said = (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
            proxy = through_proxy(address)
            raise RayAwayError(f"Ray at {address} cannot be reached{proxy}: {said}") from error
        if answer.status_code in (401, 403):
            raise RayAwayError(
                f"Ray at {address} wants its token: set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to that "
                "of the cluster",
                answer.status_code,
            )
        if not answer.is_success:
            said = (answer.text.strip().splitlines() or ["no text"])[-1][:300]
            raise RayAwayError(f"Ray at {address} answered {answer.status_code}: {said}", answer.status_code)
        try:
            return answer.json()
        except ValueError as error:
            raise RayAwayError(
                f"what answers at {address} is no Ray dashboard: its answer is no JSON",
                answer.status_code,
            ) from error
