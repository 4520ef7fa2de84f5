"""What the service keeps: API keys, idempotency keys, the jobs and owners of studies."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_time = sa.DateTime(timezone=True)


def _columns() -> list["sa.Column[object]"]:
    return [
        sa.Column("owner", sa.String(16)),
        sa.Column("mlflow_run", sa.String(128)),
        sa.Column("service", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("job", sa.String(64)),
        sa.Column("jobs", sa.Integer, nullable=False, server_default="0"),
        sa.Column("losses", sa.Integer, nullable=False, server_default="0"),
        sa.Column("cancel_at", sa.Float),
        sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    ]


def upgrade() -> None:
    """Adds tables, columns and indices; the studies that are there were run on the command line and belong to
    nobody.
    """
    for column in _columns():
        op.add_column("studies", column)
    op.create_index("ix_studies_state", "studies", ["state"])
    op.create_index("ix_trials_state", "trials", ["study", "state", "role"])
    op.create_index("ix_measurements_recorded_at", "measurements", ["recorded_at"])
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(16), primary_key=True),
        sa.Column("hash", sa.String(64), nullable=False, unique=True),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("scopes", sa.String(64), nullable=False),
        sa.Column("created_at", _time, nullable=False),
        sa.Column("revoked_at", _time),
    )
    op.create_table(
        "idempotency",
        sa.Column("owner", sa.String(16), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("body", sa.String(64), nullable=False),
        sa.Column("study", sa.String(32), sa.ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
        sa.Column("created_at", _time, nullable=False),
    )


def downgrade() -> None:
    """Drops them."""
    op.drop_table("idempotency")
    op.drop_table("api_keys")
    op.drop_index("ix_measurements_recorded_at", "measurements")
    op.drop_index("ix_trials_state", "trials")
    op.drop_index("ix_studies_state", "studies")
    for column in _columns():
        op.drop_column("studies", column.name)
