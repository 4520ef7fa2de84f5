"""The first ledger: studies, trials, measurements."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "studies",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("spec", sa.Text, nullable=False),
        sa.Column("objective", sa.String(64), nullable=False),
        sa.Column("direction", sa.String(8), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("started_at", _time),
        sa.Column("finished_at", _time),
        sa.Column("training_s", sa.Float, nullable=False),
        sa.Column("host", sa.Text, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        sa.Column("holder", sa.String(255)),
        sa.Column("lease_until", sa.Float),
        sa.Column("mlflow_cursor", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_index("ix_studies_created_at", "studies", ["created_at"])
    op.create_table(
        "trials",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study", sa.String(32), sa.ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("estimator", sa.String(32), nullable=False),
        sa.Column("tau_f", sa.Float),
        sa.Column("tau_b", sa.Float),
        sa.Column("lr", sa.Float, nullable=False),
        sa.Column("seeds", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("population", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("objective", sa.Text),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.Column("started_at", _time),
        sa.Column("finished_at", _time),
        sa.Column("mlflow_closed", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.UniqueConstraint("study", "number", name="uq_trials_number"),
        sa.UniqueConstraint("study", "key", name="uq_trials_key"),
    )
    op.create_table(
        "measurements",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("study", sa.String(32), sa.ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
        sa.Column("trial_id", sa.Integer, sa.ForeignKey("trials.id", ondelete="CASCADE"), nullable=False),
        sa.Column("interval", sa.Integer, nullable=False),
        sa.Column("epoch", sa.Float, nullable=False),
        sa.Column("recorded_at", _time, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.UniqueConstraint("trial_id", "interval", name="uq_measurements_interval"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_measurements_study", "measurements", ["study", "id"])


def downgrade() -> None:
    """Drops the tables."""
    for table in ("measurements", "trials", "studies"):
        op.drop_table(table)
