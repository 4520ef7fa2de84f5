"""What a study's trials are made from, how often they were started anew, and how long it has run."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns. What the trials that are there were made from is not known."""
    op.add_column("studies", sa.Column("material", sa.Text))
    op.add_column("studies", sa.Column("run_s", sa.Float, nullable=False, server_default="0"))
    op.add_column("studies", sa.Column("restarts", sa.Integer, nullable=False, server_default="0"))


def downgrade() -> None:
    """Drops the columns."""
    for column in ("restarts", "run_s", "material"):
        op.drop_column("studies", column)
