"""What users write beside a study: tags and a comment."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns; nobody has written anything yet."""
    op.add_column("studies", sa.Column("tags", sa.Text, nullable=False, server_default="[]"))
    op.add_column("studies", sa.Column("comment", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    """Drops the columns."""
    for column in ("comment", "tags"):
        op.drop_column("studies", column)
