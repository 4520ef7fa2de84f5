"""Trials that differ from others in more than their estimator, temperatures and learning rate."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; the trials that are there have no variant."""
    op.add_column("trials", sa.Column("variant", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("trials", "variant")
