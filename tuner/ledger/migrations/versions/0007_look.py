"""Confirmations on more than one block of fresh seeds: which block a trial is trained on."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column; the confirmations that are in the ledger were trained on the first block."""
    op.add_column("trials", sa.Column("look", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("trials", "look")
