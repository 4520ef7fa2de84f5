"""Fresh seeds that are added to a study's confirmation after its end."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column. Nothing was added to the studies that are there."""
    op.add_column("studies", sa.Column("added_seeds", sa.Text, nullable=False, server_default="[]"))


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("studies", "added_seeds")
