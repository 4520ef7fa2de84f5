"""Prometheus metrics. What the ledger knows is read from it when asked; only the requests are counted
here.
"""

import time
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tuner.ledger.rows import StudyState
from tuner.ledger.store import Ledger
from tuner.ledger.totals import totals


class Metrics:
    """The metrics of one process."""

    def __init__(self, ledger: Ledger) -> None:
        self._registry = CollectorRegistry()
        self._registry.register(_LedgerCollector(ledger))
        self.latency = Histogram(
            "tuner_request_seconds",
            "Time until an answer begins.",
            ["method", "route", "status"],
            registry=self._registry,
            buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        )

    def text(self) -> bytes:
        """Prometheus' text format."""
        return generate_latest(self._registry)


class _LedgerCollector(Collector):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def describe(self) -> list[Metric]:
        return []  # else registering would ask the ledger

    def collect(self) -> Iterator[Metric]:
        counts = totals(self._ledger)
        studies = GaugeMetricFamily("tuner_studies", "Studies by state.", labels=["state"])
        for state in StudyState:
            studies.add_metric([state], counts.studies.get(state, 0))
        yield studies
        yield GaugeMetricFamily("tuner_trials_done", "Trials that have ended.", value=counts.trials)
        yield GaugeMetricFamily(
            "tuner_member_epochs_per_second",
            "Training of all studies, over the last minute.",
            value=counts.member_epochs_per_s,
        )
        yield GaugeMetricFamily(
            "tuner_projector_lag", "Measurements that MLflow does not have yet.", value=counts.projector_lag
        )


_METHODS = ("GET", "POST", "PATCH", "DELETE", "HEAD")


class Timing:
    """Measures every request by its route, not its path: there are as many paths as studies."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def timed(message: Message) -> None:
            if message["type"] == "http.response.start":
                found = scope.get("route")
                route = getattr(found, "path_format", getattr(found, "path", "other"))
                method = scope["method"] if scope["method"] in _METHODS else "other"
                labels = (method, route, str(message["status"]))
                self._metrics.latency.labels(*labels).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, timed)
