"""What more campaigns can do: interventions, tracked changes, guards, coupons, consents, past sends.

A variant is kept by its id, and one more reason is known.
"""

import sqlalchemy as sa
from alembic import op

from automation_pipelines.ledger.tables import UtcDateTime

revision = "0002"
down_revision = "0001"

_REASON_WORD = (
    "reason IN ('stale', 'inactive', 'waiting', 'condition', 'no_recipient', 'suppressed', "
    "'duplicate', 'superseded', 'holdout', 'merged', 'guarded', 'capped', 'limited', 'planned', "
    "'expired') AND reason <> 'planned'"
)
_SUPPRESSED = "reason IN ('bounced', 'complained', 'unsubscribed', 'manual', 'imported')"


def upgrade() -> None:
    """Bring the tables to this version."""
    # SQLite cannot change a constraint: a batch copies the table, which others refer to meanwhile.
    if op.get_bind().dialect.name == "sqlite":
        op.execute("PRAGMA defer_foreign_keys = ON")
    with op.batch_alter_table("jobs") as batch:
        batch.alter_column("variant", type_=sa.String(60), postgresql_using="variant::varchar")
        batch.drop_constraint(op.f("ck_jobs_reason_word"), type_="check")
        batch.create_check_constraint(op.f("ck_jobs_reason_word"), _REASON_WORD)
    op.create_index(
        "ix_jobs_variant",
        "jobs",
        ["campaign_id", "tenant_id", "subject_id"],
        unique=False,
        sqlite_where=sa.text("variant IS NOT NULL"),
        postgresql_where=sa.text("variant IS NOT NULL"),
    )
    with op.batch_alter_table("suppressions") as batch:
        batch.drop_constraint(op.f("ck_suppressions_reason"), type_="check")
        batch.create_check_constraint(op.f("ck_suppressions_reason"), _SUPPRESSED)
    _new_tables()


def _new_tables() -> None:
    op.create_table(
        "changes",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("row_id", sa.BigInteger(), nullable=False),
        sa.Column("column", sa.String(length=40), nullable=False),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
        sa.UniqueConstraint(
            "source", "row_id", "column", "at", name=op.f("uq_changes_source_row_id_column_at")
        ),
    )
    op.create_index("ix_changes_at", "changes", ["source", "at"], unique=False)
    op.create_table(
        "consents",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=False),
        sa.Column("topic", sa.String(length=80), nullable=False),
        sa.Column("state", sa.String(length=9), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("origin", sa.String(length=80), nullable=False),
        sa.CheckConstraint("state IN ('opted_in', 'opted_out', 'pending')", name=op.f("ck_consents_state")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_consents")),
        sa.UniqueConstraint(
            "tenant_id",
            "channel",
            "address_hash",
            "topic",
            "at",
            name=op.f("uq_consents_tenant_id_channel_address_hash_topic_at"),
        ),
    )
    op.create_table(
        "coupons",
        sa.Column("pool", sa.String(length=60), nullable=False),
        sa.Column("code", sa.String(length=120), nullable=False),
        sa.Column("place", sa.BigInteger(), nullable=False),
        sa.Column("job_id", sa.BigInteger(), nullable=True),
        sa.Column("given_at", UtcDateTime(), nullable=True),
        sa.PrimaryKeyConstraint("pool", "code", name=op.f("pk_coupons")),
        sa.UniqueConstraint("job_id", name=op.f("uq_coupons_job_id")),
    )
    op.create_table(
        "guards",
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("moments", sa.BigInteger(), nullable=False),
        sa.Column("allowed", sa.BigInteger(), nullable=False),
        sa.Column("held_at", UtcDateTime(), nullable=False),
        sa.Column("answer", sa.String(length=8), nullable=True),
        sa.Column("answered_at", UtcDateTime(), nullable=True),
        sa.Column("answered_by", sa.String(length=120), nullable=True),
        sa.CheckConstraint("answer IN ('approved', 'rejected')", name=op.f("ck_guards_answer")),
        sa.PrimaryKeyConstraint("campaign", "day", name=op.f("pk_guards")),
    )
    op.create_table(
        "interventions",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("subject_text", sa.Text(), nullable=False),
        sa.Column("occurrence", sa.BigInteger(), nullable=True),
        sa.Column("kind", sa.String(length=6), nullable=False),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.CheckConstraint(
            "kind IN ('start', 'pause', 'resume', 'stop')", name=op.f("ck_interventions_kind")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_interventions")),
    )
    op.create_index(
        "ix_interventions_subject",
        "interventions",
        ["campaign", "tenant_id", "subject_id", "at"],
        unique=False,
    )
    op.create_table(
        "past_sends",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("campaign", sa.String(length=80), nullable=False),
        sa.Column("step", sa.String(length=80), nullable=False),
        sa.Column("subject_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.String(length=20), nullable=False),
        sa.Column("address_hash", sa.String(length=64), nullable=True),
        sa.Column("sent_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_past_sends")),
        sa.UniqueConstraint(
            "tenant_id",
            "campaign",
            "step",
            "subject_id",
            "sent_at",
            name=op.f("uq_past_sends_tenant_id_campaign_step_subject_id_sent_at"),
        ),
    )
    op.create_index("ix_past_sends_sent", "past_sends", ["sent_at"], unique=False)
    op.create_table(
        "tracked_columns",
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("column", sa.String(length=40), nullable=False),
        sa.Column("read_to", UtcDateTime(), nullable=True),
        sa.Column("read_whole_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", "column", name=op.f("pk_tracked_columns")),
    )
    op.create_table(
        "tracked_values",
        sa.Column("source", sa.String(length=40), nullable=False),
        sa.Column("row_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("column", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("seen_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source", "row_id", "column", name=op.f("pk_tracked_values")),
    )
