"""Where in MLflow a study's optima are, among those of all studies."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the column. What MLflow has of earlier studies is found by `tuner sync --all`."""
    op.add_column("studies", sa.Column("mlflow_optima", sa.String(64)))


def downgrade() -> None:
    """Drops the column."""
    op.drop_column("studies", "mlflow_optima")
