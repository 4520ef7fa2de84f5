"""Trials that pause and are continued: how far they were trained, and from whose state they went on."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; the trials that are there were trained as far as they were measured."""
    op.add_column("trials", sa.Column("intervals", sa.Integer, nullable=False, server_default="0"))
    op.add_column("trials", sa.Column("epoch", sa.Float, nullable=False, server_default="0"))
    op.add_column("trials", sa.Column("source", sa.Integer))
    trials = sa.table("trials", sa.column("id"), sa.column("intervals"), sa.column("epoch"))
    measurements = sa.table("measurements", sa.column("trial_id"), sa.column("interval"), sa.column("epoch"))

    def last(column: str) -> "sa.ScalarSelect[float]":
        measured = sa.select(sa.func.coalesce(sa.func.max(measurements.c[column]), 0))
        return measured.where(measurements.c.trial_id == trials.c.id).scalar_subquery()

    op.execute(trials.update().values(intervals=last("interval"), epoch=last("epoch")))


def downgrade() -> None:
    """Drops the columns."""
    for column in ("source", "epoch", "intervals"):
        op.drop_column("trials", column)
