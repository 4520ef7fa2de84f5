"""How a ledger of any earlier version becomes one of this version (Alembic)."""
