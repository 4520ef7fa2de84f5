"""How far each study has been sent to MLflow: the last measurement that it has, and which trials' runs have
been closed there.

It is kept in the ledger, so that sending goes on where it stopped, in whatever process.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from tuner.ledger.retry import retried
from tuner.ledger.rows import TERMINAL_STUDY_STATES, TERMINAL_TRIAL_STATES
from tuner.ledger.store import Ledger
from tuner.ledger.tables import studies, trials


class Projection:
    """The state of the projection into MLflow, of all studies."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def patience_s(self) -> float:
        """The ledger's."""
        return self._ledger.patience_s

    @retried
    def sent(self, study_id: str) -> tuple[int, set[int]]:
        """The id of the last measurement that MLflow has, and the ids of the trials that have ended but whose
        runs there have not.
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
        """Takes note of what MLflow now has.

        Args:
            study_id: the study.
            cursor: id of the last measurement that was sent.
            closed: ids of trials whose runs were closed.
            run: the study's run, EXPERIMENT/RUN.
            optima: the experiment that has the study's optima.
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
        """The ids of the service's studies that have ended and are not all in MLflow, but for some; the one
        that ended first comes first.
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
