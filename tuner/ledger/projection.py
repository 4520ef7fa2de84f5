"""How far each study has been sent to MLflow: the last measurement that was sent, and the trials whose runs
have been closed there.

The ledger keeps it, so that any process can go on sending where another stopped.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from tuner.ledger.retry import retried
from tuner.ledger.rows import TERMINAL_STUDY_STATES, TERMINAL_TRIAL_STATES
from tuner.ledger.store import Ledger
from tuner.ledger.tables import studies, trials


class Projection:
    """How far the studies of a ledger have been sent to MLflow."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def patience_s(self) -> float:
        """Seconds for which a method waits for a database that cannot be reached: the ledger's."""
        return self._ledger.patience_s

    @retried
    def sent(self, study_id: str) -> tuple[int, set[int]]:
        """The id of the last measurement that was sent, and the ids of the trials that have ended but whose
        runs in MLflow are still open.
        """
        unclosed = (
            (trials.c.study == study_id) & trials.c.state.in_(TERMINAL_TRIAL_STATES) & ~trials.c.mlflow_closed
        )
        with self._ledger.reading() as db:
            cursor = db.execute(
                sa.select(studies.c.mlflow_cursor).where(studies.c.id == study_id)
            ).scalar_one()
            return cursor, set(db.execute(sa.select(trials.c.id).where(unclosed)).scalars())

    @retried
    def note(
        self,
        study_id: str,
        *,
        cursor: int | None = None,
        closed: Iterable[int] = (),
        run: str | None = None,
        optima: str | None = None,
    ) -> None:
        """Writes down what MLflow now has of a study; what is not given stays as it is.

        Args:
            study_id: the study.
            cursor: id of the last measurement that was sent.
            closed: ids of trials whose runs were closed.
            run: the study's own run, as EXPERIMENT/RUN.
            optima: the experiment to which the study's optima were sent.
        """
        with self._ledger.writing() as db:
            for column, value in (("mlflow_run", run), ("mlflow_optima", optima)):
                if value is not None:
                    values = {column: value, "revision": studies.c.revision + 1}
                    db.execute(studies.update().where(studies.c.id == study_id).values(**values))
            if cursor is not None:
                db.execute(studies.update().where(studies.c.id == study_id).values(mlflow_cursor=cursor))
            if ids := list(closed):
                db.execute(trials.update().where(trials.c.id.in_(ids)).values(mlflow_closed=True))

    @retried
    def reset(self, study_id: str) -> None:
        """Forgets what MLflow has, so that everything is sent again."""
        with self._ledger.writing() as db:
            db.execute(studies.update().where(studies.c.id == study_id).values(mlflow_cursor=0))
            db.execute(trials.update().where(trials.c.study == study_id).values(mlflow_closed=False))

    def incomplete(self, limit: int, *, but: Iterable[str] = ()) -> list[str]:
        """The ids of at most `limit` studies of the service that have ended and have trials whose MLflow runs
        are not closed yet, without those in `but`; the study that ended first comes first.
        """
        unsent = trials.c.state.in_(TERMINAL_TRIAL_STATES) & ~trials.c.mlflow_closed
        left = sa.exists().where(trials.c.study == studies.c.id, unsent)
        ended = studies.c.service & studies.c.state.in_(TERMINAL_STUDY_STATES) & studies.c.job.is_(None)
        with self._ledger.reading() as db:
            others = studies.c.id.not_in(list(but))
            query = (
                sa.select(studies.c.id)
                .where(ended, left, others)
                .order_by(studies.c.finished_at)
                .limit(limit)
            )
            return list(db.execute(query).scalars())
