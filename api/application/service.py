"""Service: what all routes share, such as the ledger, views and caches. It holds no state of its own:
everything can be made again from the ledger.
"""

import re
from collections.abc import Callable

from api.answers.cache import Cache, bytes_of
from api.answers.costly import Costly
from api.answers.events import Events
from api.answers.measured import Measured
from api.answers.metrics import Metrics
from api.answers.streams import Streams
from api.answers.views import Views
from api.requests.callers import Caller
from api.requests.limiter import Limiter
from api.settings import ServiceSettings
from api.studies.dashboard import Dashboard
from api.studies.jobs import Jobs
from api.studies.probe import Probe, mlflow_answers
from tuner.errors import StudyNotFoundError
from tuner.ledger.api_keys import ApiKeys
from tuner.ledger.pages import Pages
from tuner.ledger.quotas import Quota
from tuner.ledger.rows import StudyRow
from tuner.ledger.store import Ledger
from tuner.ledger.study_queue import StudyQueue

_ID = re.compile(r"[0-9a-f]{1,32}")
_CACHE_BYTES = 32_000_000


class Service:
    """What the routes of one process share."""

    def __init__(self, settings: ServiceSettings, ledger: Ledger, jobs: Jobs | None = None) -> None:
        """Args: jobs are those of the Ray that runs studies; None: there is no Ray, and studies only wait."""
        self.settings, self.ledger, self.jobs = settings, ledger, jobs
        # The ledger by what is asked of it.
        self.queue, self.pages, self.keys = StudyQueue(ledger), Pages(ledger), ApiKeys(ledger)
        self.measured, self.metrics = Measured(ledger), Metrics(ledger)
        # Limits.
        self.limiter, self.costly, self.streams = Limiter(settings.rate_per_minute), Costly(), Streams()
        self.quota = Quota(waiting=settings.max_queued, studies=settings.max_studies)
        # Answers, and those that are kept: JSON apart from pictures and files, which are larger.
        self.views = Views(ledger, self.pages, self.queue, settings, self.costly)
        self.answers = Cache[bytes](_CACHE_BYTES, bytes_of)
        self.drawings = Cache[bytes](_CACHE_BYTES, bytes_of)
        self.events = Events(ledger, self.views, self.answers)
        # Whether the ledger, Ray and MLflow answer.
        self.probe = self._probe()
        # Tells the reconciler, where there is one, that there is something to do.
        self.wake: Callable[[], None] = lambda: None
        self.dashboard: Dashboard | None = None  # of a Ray that `tuner serve` has started

    def show(self, dashboard: Dashboard) -> None:
        """Serves Ray's dashboard under the service's own address, and makes the links to jobs lead there."""
        self.dashboard = dashboard
        self.views.job_page = dashboard.job

    def _probe(self) -> Probe:
        """The parts that the service depends on."""
        parts: dict[str, Callable[[], object]] = {"ledger": self.keys.exist}
        absent: dict[str, str] = {}
        if self.jobs:
            parts["ray"] = self.jobs.ping
        else:
            absent["ray"] = "TUNER_RAY_ADDRESS is not set: nothing runs studies"
        if self.settings.mlflow_uri:
            parts["mlflow"] = mlflow_answers(self.settings.mlflow_uri)
        else:
            absent["mlflow"] = "not used"
        return Probe(parts, absent)

    def find(self, study_id: str, caller: Caller) -> StudyRow:
        """A study that the caller may see. Raises StudyNotFoundError, for others' studies too."""
        row = self.ledger.study(study_id) if _ID.fullmatch(study_id) else None
        if row is None or (caller.sees is not None and row.owner != caller.sees):
            raise StudyNotFoundError("there is no such study")
        return row
