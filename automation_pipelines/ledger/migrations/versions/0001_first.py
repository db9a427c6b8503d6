"""The first schema: jobs and their payloads, identities, campaigns, ticks, feedback, audit."""

import sqlalchemy as sa
from alembic import op

from automation_pipelines.ledger.tables import UtcDateTime

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Bring the tables to this version."""
    op.create_table(
        "audit",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.Column("action", sa.String(length=60), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "campaign_steps",
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("step", sa.String(length=80), nullable=False),
        sa.Column("active_from", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "step", name=op.f("pk_campaign_steps")),
    )
    op.create_table(
        "campaign_versions",
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("templates", sa.Text(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("applied_at", UtcDateTime(), nullable=False),
        sa.Column("applied_by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "version", name=op.f("pk_campaign_versions")),
    )
    op.create_table(
        "campaigns",
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=False),
        sa.Column("changed_by", sa.String(length=120), nullable=False),
        sa.CheckConstraint(
            "state IN ('draft', 'running', 'paused', 'completed', 'cancelled', 'deleted')",
            name=op.f("ck_campaigns_state"),
        ),
        sa.PrimaryKeyConstraint("campaign", name=op.f("pk_campaigns")),
    )
    op.create_table(
        "events",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("identity", sa.String(length=200), nullable=False),
        sa.Column("type", sa.String(length=12), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.CheckConstraint(
            "type IN ('sent', 'deferred', 'delivered', 'bounced', 'complained', 'opened', 'clicked', "
            "'replied', 'converted', 'unsubscribed', 'failed', 'unknown')",
            name=op.f("ck_events_type"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events")),
        sa.UniqueConstraint("identity", name=op.f("uq_events_identity")),
    )
    op.create_index("ix_events_at", "events", ["at"], unique=False)
    op.create_index("ix_events_job", "events", ["job_id"], unique=False)
    op.create_index("ix_events_received", "events", ["received_at"], unique=False)
    op.create_table(
        "identities",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("step", sa.String(length=80), nullable=False),
        sa.Column("mode", sa.String(length=4), nullable=False),
        sa.CheckConstraint("mode IN ('live', 'test')", name=op.f("ck_identities_mode")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identities")),
        sa.UniqueConstraint("campaign", "step", "mode", name=op.f("uq_identities_campaign_step_mode")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("id = 1", name=op.f("ck_installation_single")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "jobs",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("occurrence", sa.BigInteger(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign_id", sa.Integer(), nullable=False),
        sa.Column("step_id", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("recipient_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=10), nullable=False),
        sa.Column("reason", sa.String(length=12), nullable=True),
        sa.Column("held_by", sa.String(length=12), nullable=True),
        sa.Column("purpose", sa.String(length=13), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("variant", sa.SmallInteger(), nullable=True),
        sa.Column("campaign_version", sa.Integer(), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.Column("available_at", UtcDateTime(), nullable=False),
        sa.Column("attempts", sa.SmallInteger(), nullable=False),
        sa.Column("tick_id", sa.BigInteger(), nullable=False),
        sa.Column("lease_owner", sa.String(length=64), nullable=True),
        sa.Column("lease_until", UtcDateTime(), nullable=True),
        sa.Column("handed_off_at", UtcDateTime(), nullable=True),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("provider_id", sa.String(length=255), nullable=True),
        sa.CheckConstraint(
            "(finished_at IS NOT NULL) = (state IN ('completed', 'dead', 'skipped', 'cancelled', 'unknown'))",
            name=op.f("ck_jobs_finished_when_final"),
        ),
        sa.CheckConstraint(
            "(lease_owner IS NOT NULL) = (state = 'processing') AND (lease_until IS NOT NULL) = "
            "(state = 'processing')",
            name=op.f("ck_jobs_leased_when_processing"),
        ),
        sa.CheckConstraint("(reason IS NULL) = (state <> 'skipped')", name=op.f("ck_jobs_reason")),
        sa.CheckConstraint(
            "provider_id IS NULL OR state = 'completed'", name=op.f("ck_jobs_provider_id_when_completed")
        ),
        sa.CheckConstraint(
            "purpose IN ('marketing', 'transactional', 'internal')", name=op.f("ck_jobs_purpose")
        ),
        sa.CheckConstraint(
            "reason IN ('stale', 'inactive', 'waiting', 'condition', 'no_recipient', 'suppressed', "
            "'duplicate', 'superseded', 'holdout', 'guarded', 'capped', 'limited', 'planned', "
            "'expired') AND reason <> 'planned'",
            name=op.f("ck_jobs_reason_word"),
        ),
        sa.CheckConstraint(
            "state IN ('pending', 'processing', 'completed', 'dead', 'unknown', 'skipped', 'cancelled')",
            name=op.f("ck_jobs_state"),
        ),
        sa.CheckConstraint("attempts >= 0", name=op.f("ck_jobs_attempts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
        sa.UniqueConstraint(
            "occurrence",
            "tenant_id",
            "campaign_id",
            "step_id",
            "subject_id",
            "recipient_id",
            name="uq_jobs_key",
        ),
    )
    op.create_index(
        "ix_jobs_claim",
        "jobs",
        ["tenant_id", "available_at", "priority"],
        unique=False,
        sqlite_where=sa.text("state = 'pending'"),
        postgresql_where=sa.text("state = 'pending'"),
    )
    op.create_index("ix_jobs_due", "jobs", ["due_at"], unique=False)
    op.create_index(
        "ix_jobs_finished",
        "jobs",
        ["finished_at"],
        unique=False,
        sqlite_where=sa.text("finished_at IS NOT NULL"),
        postgresql_where=sa.text("finished_at IS NOT NULL"),
    )
    op.create_index(
        "ix_jobs_lease",
        "jobs",
        ["lease_until"],
        unique=False,
        sqlite_where=sa.text("state = 'processing'"),
        postgresql_where=sa.text("state = 'processing'"),
    )
    op.create_index(
        "ix_jobs_unknown",
        "jobs",
        ["finished_at"],
        unique=False,
        sqlite_where=sa.text("state = 'unknown'"),
        postgresql_where=sa.text("state = 'unknown'"),
    )
    op.create_table(
        "suppressions",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("expires_at", UtcDateTime(), nullable=True),
        sa.CheckConstraint(
            "reason IN ('bounced', 'complained', 'unsubscribed', 'manual')",
            name=op.f("ck_suppressions_reason"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suppressions")),
        sa.UniqueConstraint(
            "tenant_id",
            "channel",
            "address_hash",
            "topic",
            "reason",
            name=op.f("uq_suppressions_tenant_id_channel_address_hash_topic_reason"),
        ),
    )
    op.create_table(
        "tenants",
        sa.Column("tenant_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", name=op.f("pk_tenants")),
    )
    op.create_table(
        "ticks",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("run_id", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=6), nullable=False),
        sa.Column("as_of", UtcDateTime(), nullable=False),
        sa.Column("planned_from", UtcDateTime(), nullable=True),
        sa.Column("planned_to", UtcDateTime(), nullable=False),
        sa.Column("moments", sa.BigInteger(), nullable=False),
        sa.Column("planned", sa.BigInteger(), nullable=False),
        sa.Column("settled", sa.BigInteger(), nullable=False),
        sa.Column("files_published", sa.Boolean(), nullable=False),
        sa.Column("committed_at", UtcDateTime(), nullable=False),
        sa.CheckConstraint("mode IN ('live', 'manual', 'test')", name=op.f("ck_ticks_mode")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ticks")),
        sa.UniqueConstraint("run_id", name=op.f("uq_ticks_run_id")),
    )
    op.create_index("ix_ticks_as_of", "ticks", ["as_of"], unique=False)
    op.create_table(
        "job_payloads",
        sa.Column(
            "job_id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("subject_text", sa.Text(), nullable=False),
        sa.Column("address", sa.Text(), nullable=True),
        sa.Column("address_hash", sa.String(length=64), nullable=True),
        sa.Column("customer_id", sa.BigInteger(), nullable=True),
        sa.Column("variables", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name=op.f("fk_job_payloads_job_id")),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_job_payloads")),
    )
