"""A study and its trials as clients see them: JSON made of the ledger's rows."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from api.answers import figures
from api.answers.cache import Cache, bytes_of
from api.answers.costly import Costly
from api.answers.outcomes import Outcomes
from api.answers.progress import progress
from api.answers.versions import etag, found_version
from api.settings import ServiceSettings
from trainables.metrics import Metrics
from tuner.errors import UserError
from tuner.evidence.families import Finding
from tuner.ledger.pages import Pages, StudyRevision, WorkDone
from tuner.ledger.rows import TERMINAL_STUDY_STATES, StudyRow
from tuner.ledger.store import Ledger
from tuner.ledger.study_metrics import metrics_of, objective_json
from tuner.ledger.study_queue import StudyQueue
from tuner.spec.study import StudySpec, read_spec
from tuner.tracking.links import comparison_page, optima_page, run_page

STUDIES_KEPT = 2_000  # of which verdict, figures' names and spec are kept; a page of a list has 1,000 at most
LINES_KEPT_BYTES = 8_000_000  # of lines of lists, about 1 KB each


class Views:
    """Makes the JSON of studies."""

    def __init__(
        self, ledger: Ledger, pages: Pages, queue: StudyQueue, settings: ServiceSettings, costly: Costly
    ) -> None:
        self._ledger, self._pages, self._queue, self._settings = ledger, pages, queue, settings
        self._costly = costly
        self._outcomes = Outcomes(ledger, queue, costly, STUDIES_KEPT)
        self._figure_names = Cache[list[str]](STUDIES_KEPT)
        self._lines = Cache[bytes](LINES_KEPT_BYTES, bytes_of)
        self._specs = Cache[StudySpec | None](STUDIES_KEPT)

        ray = settings.ray_link
        # The address of a job's page in Ray's dashboard, for a browser.
        self.job_page: Callable[[str], str | None] = lambda job: f"{ray}/#/jobs/{job}" if ray else None

    def listed(self, page: list[StudyRevision]) -> list[bytes]:
        """Studies without their specs, as JSON; those that have ended, with their verdicts. Kept until they
        change.
        """
        kept = {v.study_id: self._lines.find(v.study_id, (v.revision, v.state)) for v in page}
        lines = {study_id: line for study_id, line in kept.items() if line is not None}
        changed = [v.study_id for v in page if v.study_id not in lines]
        rows = self._pages.studies(changed) if changed else []
        done = self._pages.work_done(row.id for row in rows) if rows else {}
        for row in rows:
            line = as_json(self._study(row, done[row.id]) | self._outcomes.in_list(row))
            lines[row.id] = self._lines.keep(row.id, (row.revision, row.state), line)
        return [lines[v.study_id] for v in page if v.study_id in lines]  # not one that was deleted meanwhile

    def study(self, row: StudyRow) -> dict[str, Any]:
        """A study with its spec."""
        return self._study(row, self._pages.work_done([row.id])[row.id]) | {
            "spec": row.spec,
            "metrics": metrics_json(metrics_of(row)),
            "host": row.host,
            "training_s": round(row.training_s, 3),
            "position": self._position(row),
            # while it runs, any may be asked for
            "figures": self.figure_names(row) if row.state in TERMINAL_STUDY_STATES else [],
        }

    def state(self, row: StudyRow) -> dict[str, Any]:
        """What changes while a study runs."""
        whole = self._study(row, self._pages.work_done([row.id])[row.id])
        names = ("id", "state", "reason", "cancelling", "revision", "progress")
        return {name: whole[name] for name in names} | {"position": self._position(row)}

    def version(self, row: StudyRow) -> str:
        """The ETag of `study`."""
        return etag(row, self._position(row))

    def _position(self, row: StudyRow) -> int | None:
        """The place of a study that waits among those that do."""
        return self._queue.position(row) if row.state == "queued" and row.job is None else None

    def _study(self, row: StudyRow, done: WorkDone) -> dict[str, Any]:
        return {
            "id": row.id,
            "name": row.name,
            "task": row.task,
            "dataset": row.spec.get("dataset"),
            "strategy": row.spec.get("search", {}).get("strategy"),
            "state": row.state,
            "reason": row.reason,
            "cancelling": row.cancelling and row.state not in TERMINAL_STUDY_STATES,
            "created_at": row.created_at.isoformat(),
            "started_at": row.started_at.isoformat() if row.started_at else None,
            "finished_at": row.finished_at.isoformat() if row.finished_at else None,
            "objective": objective_json(metrics_of(row), row.objective.name, row.objective.direction),
            "revision": row.revision,
            "tags": list(row.tags),
            "comment": row.comment,
            "progress": progress(row, self._spec(row), done),
            "links": self._links(row),
        }

    def figure_names(self, row: StudyRow) -> list[str]:
        """The names of the figures that a study has data for: seconds of work for one with thousands of
        trials. Raises Problem 503 where too much of it is asked for.
        """
        make = lambda: figures.names(row, self._ledger, self._settings)  # noqa: E731
        return self._costly.once(self._figure_names, row.id, found_version(row), make)

    def intervals(self, row: StudyRow) -> int:
        """How many reports a whole training of a study has; 1 where its spec is of another version."""
        spec = self._spec(row)
        return spec.intervals if spec else 1

    def findings(self, study_ids: Iterable[str]) -> list[Finding]:
        """What a family needs to know of studies; those that have been deleted are left out."""
        return self._outcomes.findings(self._pages.studies(study_ids))

    def _spec(self, row: StudyRow) -> StudySpec | None:
        def parse() -> StudySpec | None:
            try:
                return read_spec(row.spec).with_added(row.added_seeds)
            except UserError:  # of another version
                return None

        return self._specs.get(row.id, row.added_seeds, parse)  # nothing else of it ever changes

    def _links(self, row: StudyRow) -> dict[str, str | None]:
        here, mlflow = f"/studies/{row.id}", self._settings.mlflow_link
        return {
            "self": here,
            "page": f"/#/studies/{row.id}",
            "trials": f"{here}/trials",
            "results": f"{here}/results",
            "events": f"{here}/events",
            "job": self.job_page(row.last_job) if row.last_job else None,
            "mlflow": run_page(mlflow, row) if mlflow else None,
            "comparison": comparison_page(mlflow, row) if mlflow else None,
            "optima": optima_page(mlflow, row) if mlflow else None,
        }


def metrics_json(metrics: Metrics) -> list[dict[str, Any]]:
    """What a task declares of its metrics."""
    return [
        {
            "name": metric.name,
            "label": metric.full_label,
            "title": metric.title,
            "unit": metric.unit or None,
            "direction": metric.direction,
            "measured": metric.measured,
            "second_verdict": metric.second_verdict,
        }
        for metric in metrics.named
    ]


def as_json(content: Any) -> bytes:
    """JSON as it is sent."""
    return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
