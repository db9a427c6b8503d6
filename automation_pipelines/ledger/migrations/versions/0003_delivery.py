"""What delivery to providers needs: conversations, notifications, circuit breakers, rate limits."""

import sqlalchemy as sa
from alembic import op

from automation_pipelines.ledger.tables import UtcDateTime

revision = "0003"
down_revision = "0002"

_SUPPRESSED = "reason IN ('bounced', 'complained', 'unsubscribed', 'manual', 'imported', 'forgotten')"
_HELD = "(held_at IS NULL) = (held_because IS NULL) AND (held_at IS NULL) = (lost_since IS NULL)"


def upgrade() -> None:
    """Bring the tables to this version."""
    op.create_table(
        "conversations",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("last_inbound_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "channel", "address_hash", name=op.f("pk_conversations")),
    )
    op.create_table(
        "notifications",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("identity", sa.String(length=80), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("recipient", sa.String(length=80), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_notifications")),
        sa.UniqueConstraint("identity", name=op.f("uq_notifications_identity")),
    )
    op.create_index("ix_notifications_recipient", "notifications", ["recipient", "tenant_id"], unique=False)
    op.create_table(
        "breakers",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("provider", sa.String(length=80), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("trips", sa.Integer(), nullable=False),
        sa.Column("opened_at", UtcDateTime(), nullable=True),
        sa.Column("retry_at", UtcDateTime(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "(opened_at IS NULL) = (retry_at IS NULL) AND (opened_at IS NULL) = (trips = 0)",
            name=op.f("ck_breakers_open"),
        ),
        sa.PrimaryKeyConstraint("tenant_id", "channel", "provider", name=op.f("pk_breakers")),
    )
    op.create_table(
        "buckets",
        sa.Column("scope", sa.String(length=320), nullable=False),
        sa.Column("tokens", sa.Float(), nullable=False),
        sa.Column("refilled_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("scope", name=op.f("pk_buckets")),
    )
    op.create_table(
        "chores",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("through", UtcDateTime(), nullable=False),
        sa.Column("done_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_chores")),
    )
    op.create_table(
        "sightings",
        sa.Column("identity", sa.String(length=80), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("identity", name=op.f("pk_sightings")),
    )
    with op.batch_alter_table("installation") as batch:
        batch.add_column(sa.Column("held_at", UtcDateTime(), nullable=True))
        batch.add_column(sa.Column("held_because", sa.Text(), nullable=True))
        batch.add_column(sa.Column("lost_since", UtcDateTime(), nullable=True))
        batch.add_column(sa.Column("holds", sa.Integer(), server_default="0", nullable=False))
        batch.create_check_constraint(op.f("ck_installation_held"), _HELD)
    _move_customers()
    op.add_column("job_payloads", sa.Column("fallbacks", sa.Text(), nullable=True))
    op.add_column("job_payloads", sa.Column("rejections", sa.Text(), nullable=True))
    with op.batch_alter_table("suppressions") as batch:
        batch.drop_constraint(op.f("ck_suppressions_reason"), type_="check")
        batch.create_check_constraint(op.f("ck_suppressions_reason"), _SUPPRESSED)
    _index_jobs()


def _move_customers() -> None:
    op.add_column("jobs", sa.Column("customer_id", sa.BigInteger(), nullable=True))
    op.execute(
        "UPDATE jobs SET customer_id = (SELECT p.customer_id FROM job_payloads AS p WHERE p.job_id = jobs.id)"
    )
    op.drop_column("job_payloads", "customer_id")


def _index_jobs() -> None:
    op.drop_index("ix_jobs_claim", "jobs")
    pending, expiring = sa.text("state = 'pending'"), sa.text("state = 'pending' AND expires_at IS NOT NULL")
    lane = ["tenant_id", "channel", "purpose", "priority", "available_at"]
    op.create_index("ix_jobs_claim", "jobs", lane, sqlite_where=pending, postgresql_where=pending)
    op.create_index(
        "ix_jobs_expiry", "jobs", ["expires_at"], sqlite_where=expiring, postgresql_where=expiring
    )
    dead = sa.text("state = 'dead'")
    op.create_index("ix_jobs_dead", "jobs", ["finished_at"], sqlite_where=dead, postgresql_where=dead)
    happened = sa.text("state NOT IN ('skipped', 'cancelled')")
    pair = ["campaign_id", "tenant_id"]
    op.create_index("ix_jobs_happened", "jobs", pair, sqlite_where=happened, postgresql_where=happened)
    mailed = sa.text("state = 'completed' AND channel = 'email' AND purpose = 'marketing'")
    pair = ["tenant_id", "finished_at"]
    op.create_index("ix_jobs_mailed", "jobs", pair, sqlite_where=mailed, postgresql_where=mailed)
    lost = ~sa.column("files_published", sa.Boolean())
    op.create_index("ix_ticks_unpublished", "ticks", ["id"], sqlite_where=lost, postgresql_where=lost)
