"""What the task of a study declares of its metrics, where no package brings the task."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column. Studies of before have nothing there."""
    op.add_column("studies", sa.Column("metrics", sa.Text))


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("studies", "metrics")
