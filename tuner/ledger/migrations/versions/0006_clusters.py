"""Which Ray cluster a study's job belongs to, since when, and whether the driver is that job."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; the jobs that are there belong to whatever cluster the service has."""
    op.add_column("studies", sa.Column("cluster", sa.String(128)))
    op.add_column("studies", sa.Column("job_at", sa.Float))
    op.add_column("studies", sa.Column("holder_job", sa.String(64)))


def downgrade() -> None:
    """Drops the columns."""
    for column in ("holder_job", "job_at", "cluster"):
        op.drop_column("studies", column)
