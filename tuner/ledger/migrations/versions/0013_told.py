"""Which end of a study its operator was told of."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column. Of what has ended before, nobody is told now."""
    op.add_column("studies", sa.Column("told", sa.String(32)))
    op.execute("UPDATE studies SET told = state || ' ' || CAST(fence AS VARCHAR)")


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("studies", "told")
