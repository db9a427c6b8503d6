"""What analytics ask of a send, which variant won, and what was stopped for its figures."""

import sqlalchemy as sa
from alembic import op

from automation_pipelines.ledger.tables import UtcDateTime

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Bring the tables to this version."""
    op.add_column("jobs", sa.Column("sender_domain", sa.String(length=253), nullable=True))
    op.add_column("jobs", sa.Column("mailbox", sa.String(length=20), nullable=True))
    op.create_table(
        "promotions",
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("occurrence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("winner", sa.String(length=60), nullable=True),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.Column("campaign_version", sa.Integer(), nullable=False),
        sa.Column("decided_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "tenant_id", "occurrence", name=op.f("pk_promotions")),
    )
    op.create_table(
        "stops",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("stopped_at", UtcDateTime(), nullable=False),
        sa.Column("released_at", UtcDateTime(), nullable=True),
        sa.Column("released_by", sa.String(length=120), nullable=True),
        sa.CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name=op.f("ck_stops_released")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stops")),
    )
    in_force = sa.text("released_at IS NULL")
    op.create_index(
        "ix_stops_in_force",
        "stops",
        ["tenant_id", "channel"],
        unique=True,
        sqlite_where=in_force,
        postgresql_where=in_force,
    )
    trouble = sa.text("type IN ('bounced', 'complained', 'unsubscribed')")
    op.create_index("ix_events_trouble", "events", ["at"], sqlite_where=trouble, postgresql_where=trouble)
