"""The studies of an owner are found, counted and paged by an index."""

from alembic import op

revision = "0018"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the index."""
    op.create_index("ix_studies_owner", "studies", ["owner", "created_at", "id"])


def downgrade() -> None:
    """Drops the index."""
    op.drop_index("ix_studies_owner", "studies")
