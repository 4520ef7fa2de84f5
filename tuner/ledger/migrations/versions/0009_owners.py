"""Owners above keys, idempotency keys that outlive a study, progress since a lost job, stored outcomes."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_time = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Adds what is new. Every key becomes its own owner, whose studies it has submitted."""
    op.add_column("studies", sa.Column("measured_at_loss", sa.Integer, nullable=False, server_default="0"))
    op.add_column("studies", sa.Column("outcome", sa.Text))
    op.add_column("studies", sa.Column("outcome_of", sa.String(64)))
    op.add_column("api_keys", sa.Column("owner", sa.String(16), nullable=False, server_default=""))
    keys = sa.table("api_keys", sa.column("id"), sa.column("owner"))
    op.execute(keys.update().values(owner=keys.c.id))
    _make_idempotency(with_foreign_key=False)
    op.create_index("ix_idempotency_study", "idempotency", ["study"])


def downgrade() -> None:
    """Takes it away."""
    op.drop_index("ix_idempotency_study", "idempotency")
    _make_idempotency(with_foreign_key=True)
    op.drop_column("api_keys", "owner")
    for column in ("outcome_of", "outcome", "measured_at_loss"):
        op.drop_column("studies", column)


def _make_idempotency(*, with_foreign_key: bool) -> None:
    """The table anew, with what is in it: SQLite cannot drop a foreign key."""
    columns = ["owner", "key", "body", "study", "created_at"]
    foreign = [sa.ForeignKey("studies.id", ondelete="CASCADE")] if with_foreign_key else []
    op.create_table(
        "idempotency_new",
        sa.Column("owner", sa.String(16), primary_key=True),
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("body", sa.String(64), nullable=False),
        sa.Column("study", sa.String(32), *foreign, nullable=False),
        sa.Column("created_at", _time, nullable=False),
        *([] if with_foreign_key else [sa.Column("deleted_at", _time)]),
    )
    old, new = (sa.table(name, *map(sa.column, columns)) for name in ("idempotency", "idempotency_new"))
    studies = sa.table("studies", sa.column("id"))
    kept = sa.select(*(old.c[name] for name in columns)).where(sa.exists().where(studies.c.id == old.c.study))
    op.execute(new.insert().from_select(columns, kept))
    op.drop_table("idempotency")
    op.rename_table("idempotency_new", "idempotency")
