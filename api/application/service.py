"""Service: what all routes share, such as the ledger, views and caches. It holds no state of its own:
everything can be made again from the ledger.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

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


@dataclass
class Service:
    """What the routes of one process share."""

    settings: ServiceSettings
    ledger: Ledger
    jobs: Jobs | None = None  # None: there is no Ray, and studies only wait
    # Tells the reconciler that there is something to do.
    wake: Callable[[], None] = field(default=lambda: None)

    dashboard: Dashboard | None = None  # of a Ray that `tuner serve` has started

    def __post_init__(self) -> None:
        """Makes the parts."""
        self.queue, self.pages, self.keys = StudyQueue(self.ledger), Pages(self.ledger), ApiKeys(self.ledger)
        self.limiter, self.costly = Limiter(self.settings.rate_per_minute), Costly()
        self.views = Views(self.ledger, self.pages, self.queue, self.settings, self.costly)
        self.measured = Measured(self.ledger)
        self.metrics = Metrics(self.ledger)
        self.probe, self.streams = self._probe(), Streams()
        self.quota = Quota(waiting=self.settings.max_queued, studies=self.settings.max_studies)
        self.answers = Cache[bytes](_CACHE_BYTES, bytes_of)
        self.events = Events(self.ledger, self.views, self.answers)
        self.drawings = Cache[bytes](_CACHE_BYTES, bytes_of)

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
