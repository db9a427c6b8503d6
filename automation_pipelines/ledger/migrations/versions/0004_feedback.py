"""What events tell beyond their type: who told them, of whom, how, and whether a person did it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Bring the tables to this version."""
    op.add_column("events", sa.Column("provider", sa.String(length=40), nullable=True))
    op.add_column("events", sa.Column("kind", sa.String(length=20), nullable=True))
    op.add_column("events", sa.Column("machine", sa.Boolean(), nullable=True))
    op.add_column("events", sa.Column("link", sa.Text(), nullable=True))
    op.add_column("events", sa.Column("tenant_id", sa.BigInteger(), nullable=True))
    op.add_column("events", sa.Column("channel", sa.String(length=20), nullable=True))
    op.add_column("events", sa.Column("address_hash", sa.String(length=64), nullable=True))
    has_address = sa.text("address_hash IS NOT NULL")
    op.create_index(
        "ix_events_address",
        "events",
        ["address_hash", "at"],
        sqlite_where=has_address,
        postgresql_where=has_address,
    )
