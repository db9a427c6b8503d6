"""The tables of the automation database, for SQLite and PostgreSQL alike.

The tables refuse what cannot happen: states are guarded by CHECK constraints, duplicates by the
UNIQUE key. `migrations/` is proved equal to these declarations by a test.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

from automation_pipelines.model import EventType, Purpose, Reason, State, require_utc

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware instant: `timestamptz` on PostgreSQL, integer microseconds since 1970 on SQLite.

    SQLite would drop the offset silently, so naive values are refused instead of guessed at.
    """

    impl = sa.BigInteger
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        """Pick the column type of the database at hand."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(sa.BigInteger())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | int | None:
        """Convert a parameter; `ValueError` for a naive one."""
        if value is None:
            return None
        moment = require_utc(value)
        return moment if dialect.name == "postgresql" else (moment - EPOCH) // MICROSECOND

    def process_result_value(
        self,
        value: datetime | int | None,
        dialect: sa.Dialect,  # noqa: ARG002
    ) -> datetime | None:
        """Convert a result back to an aware UTC instant."""
        if value is None or isinstance(value, datetime):
            return value.astimezone(UTC) if value else None
        return EPOCH + value * MICROSECOND


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite makes only an INTEGER primary key an alias of the rowid.
_AutoId = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _one_of(column: str, values: Iterable[str]) -> str:
    return f"{column} IN ({', '.join(repr(str(value)) for value in values)})"


FINAL = (State.COMPLETED, State.DEAD, State.SKIPPED, State.CANCELLED, State.UNKNOWN)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    # The key. It leads with time, so that inserts stay local however long the history gets.
    sa.Column("occurrence", sa.BigInteger, nullable=False),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("campaign_id", sa.Integer, nullable=False),
    sa.Column("step_id", sa.Integer, nullable=False),
    sa.Column("subject_id", sa.BigInteger, nullable=False),
    sa.Column("recipient_id", sa.BigInteger, nullable=False),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("reason", sa.String(12), nullable=True),  # why skipped; null unless skipped
    sa.Column("held_by", sa.String(12), nullable=True),  # the open reason before a stale end
    sa.Column("purpose", sa.String(13), nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("variant", sa.String(60), nullable=True),  # id of the A/B variant
    sa.Column("campaign_version", sa.Integer, nullable=False),
    sa.Column("priority", sa.SmallInteger, nullable=False),  # smaller goes first
    sa.Column("due_at", UtcDateTime, nullable=False),  # never changes: days are filed by it
    sa.Column("expires_at", UtcDateTime, nullable=True),
    sa.Column("available_at", UtcDateTime, nullable=False),  # due_at, a retry or a window's opening
    sa.Column("attempts", sa.SmallInteger, nullable=False),
    sa.Column("tick_id", sa.BigInteger, nullable=False),  # the tick that planned it
    sa.Column("lease_owner", sa.String(64), nullable=True),
    sa.Column("lease_until", UtcDateTime, nullable=True),
    sa.Column("handed_off_at", UtcDateTime, nullable=True),  # set just before the provider is asked
    sa.Column("finished_at", UtcDateTime, nullable=True),
    sa.Column("provider_id", sa.String(255), nullable=True),
    # A key, like the subject's: who never answers is known long after addresses are gone.
    sa.Column("customer_id", sa.BigInteger, nullable=True),
    # How it went out, for the figures of deliverability: the From address's domain, the receiver's provider.
    sa.Column("sender_domain", sa.String(253), nullable=True),
    sa.Column("mailbox", sa.String(20), nullable=True),
    sa.UniqueConstraint(
        "occurrence", "tenant_id", "campaign_id", "step_id", "subject_id", "recipient_id", name="uq_jobs_key"
    ),
    sa.CheckConstraint(_one_of("state", State), name="state"),
    sa.CheckConstraint(_one_of("purpose", Purpose), name="purpose"),
    sa.CheckConstraint("(reason IS NULL) = (state <> 'skipped')", name="reason"),
    sa.CheckConstraint(
        _one_of("reason", [*Reason, "expired"]) + " AND reason <> 'planned'", name="reason_word"
    ),
    sa.CheckConstraint(
        f"(finished_at IS NOT NULL) = ({_one_of('state', FINAL)})", name="finished_when_final"
    ),
    sa.CheckConstraint(
        "(lease_owner IS NOT NULL) = (state = 'processing')"
        " AND (lease_until IS NOT NULL) = (state = 'processing')",
        name="leased_when_processing",
    ),
    sa.CheckConstraint("provider_id IS NULL OR state = 'completed'", name="provider_id_when_completed"),
    sa.CheckConstraint("attempts >= 0", name="attempts"),
)
# A lane is what waits of one tenant, channel, purpose and priority. A claim hops from lane to lane and takes
# a few of each tenant: none waits behind another's million, nor behind a provider that is out of order.
sa.Index(
    "ix_jobs_claim",
    jobs.c.tenant_id,
    jobs.c.channel,
    jobs.c.purpose,
    jobs.c.priority,
    jobs.c.available_at,
    sqlite_where=jobs.c.state == "pending",
    postgresql_where=jobs.c.state == "pending",
)
# What expires does so also where nothing is claimed: behind a breaker, a limit, a pause.
sa.Index(
    "ix_jobs_expiry",
    jobs.c.expires_at,
    sqlite_where=sa.and_(jobs.c.state == "pending", jobs.c.expires_at.is_not(None)),
    postgresql_where=sa.and_(jobs.c.state == "pending", jobs.c.expires_at.is_not(None)),
)
sa.Index(
    "ix_jobs_lease",
    jobs.c.lease_until,
    sqlite_where=jobs.c.state == "processing",
    postgresql_where=jobs.c.state == "processing",
)
# Few rows, asked for whenever feedback comes in: does it prove one of them?
sa.Index(
    "ix_jobs_unknown",
    jobs.c.finished_at,
    sqlite_where=jobs.c.state == "unknown",
    postgresql_where=jobs.c.state == "unknown",
)
# The dead-letter queue, however long the record is.
sa.Index(
    "ix_jobs_dead",
    jobs.c.finished_at,
    sqlite_where=jobs.c.state == "dead",
    postgresql_where=jobs.c.state == "dead",
)
sa.Index("ix_jobs_due", jobs.c.due_at)
# Who already has which variant is asked where an experiment's weights changed.
sa.Index(
    "ix_jobs_variant",
    jobs.c.campaign_id,
    jobs.c.tenant_id,
    jobs.c.subject_id,
    sqlite_where=jobs.c.variant.is_not(None),
    postgresql_where=jobs.c.variant.is_not(None),
)
sa.Index(
    "ix_jobs_finished",
    jobs.c.finished_at,
    sqlite_where=jobs.c.finished_at.is_not(None),
    postgresql_where=jobs.c.finished_at.is_not(None),
)

# What a campaign may do only so often is counted over all time. Spelled as `past` asks it.
_HAPPENED = sa.text("state NOT IN ('skipped', 'cancelled')")
sa.Index(
    "ix_jobs_happened",
    jobs.c.campaign_id,
    jobs.c.tenant_id,
    sqlite_where=_HAPPENED,
    postgresql_where=_HAPPENED,
)

# Who never answers is asked of a tenant's marketing over a year or more, by every tick.
_MAILED = sa.text("state = 'completed' AND channel = 'email' AND purpose = 'marketing'")
sa.Index(
    "ix_jobs_mailed", jobs.c.tenant_id, jobs.c.finished_at, sqlite_where=_MAILED, postgresql_where=_MAILED
)

# Personal data and errors, apart from the narrow record, so that they can go after a retention time.
job_payloads = sa.Table(
    "job_payloads",
    metadata,
    sa.Column("job_id", _AutoId, sa.ForeignKey("jobs.id"), primary_key=True, autoincrement=False),
    sa.Column("subject_text", sa.Text, nullable=False),  # the CRM's own key, as people know it
    sa.Column("address", sa.Text, nullable=True),  # null for an action
    sa.Column("address_hash", sa.String(64), nullable=True),
    sa.Column("variables", sa.Text, nullable=False),  # JSON object of what the template may use
    sa.Column("error", sa.Text, nullable=True),  # the last one
    sa.Column("fallbacks", sa.Text, nullable=True),  # JSON list of where it goes if it is rejected
    sa.Column("rejections", sa.Text, nullable=True),  # where it was, and why: a line for each channel
)

# Slug → integer, append-only and never reused: an id is an identity, even after deletion.
identities = sa.Table(
    "identities",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("campaign", sa.String(80), nullable=False),
    sa.Column("step", sa.String(80), nullable=False),  # '' names the campaign itself
    sa.Column("mode", sa.String(4), nullable=False),
    sa.UniqueConstraint("campaign", "step", "mode"),
    sa.CheckConstraint(_one_of("mode", ("live", "test")), name="mode"),
)

campaigns = sa.Table(
    "campaigns",
    metadata,
    sa.Column("campaign", sa.String(80), primary_key=True),
    sa.Column("version", sa.Integer, nullable=False),  # the newest applied
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=True),  # of the present life: the active_from
    sa.Column("changed_at", UtcDateTime, nullable=False),
    sa.Column("changed_by", sa.String(120), nullable=False),
    sa.CheckConstraint(
        _one_of("state", ("draft", "running", "paused", "completed", "cancelled", "deleted")), name="state"
    ),
)

campaign_versions = sa.Table(
    "campaign_versions",
    metadata,
    sa.Column("campaign", sa.String(80), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),  # the YAML as applied, comments and all
    sa.Column("spec", sa.Text, nullable=False),  # JSON of campaign.Campaign
    sa.Column("templates", sa.Text, nullable=False),  # JSON: template name → its parts
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("applied_at", UtcDateTime, nullable=False),
    sa.Column("applied_by", sa.String(120), nullable=False),
)

# From when a step counts: moments before it do not exist.
campaign_steps = sa.Table(
    "campaign_steps",
    metadata,
    sa.Column("campaign", sa.String(80), primary_key=True),
    sa.Column("step", sa.String(80), primary_key=True),
    sa.Column("active_from", UtcDateTime, nullable=False),
)

# One row per completed planning run. The newest live row's `as_of` is `planned_through`.
ticks = sa.Table(
    "ticks",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(64), nullable=False, unique=True),
    sa.Column("mode", sa.String(6), nullable=False),  # live, manual, test
    sa.Column("as_of", UtcDateTime, nullable=False),
    sa.Column("planned_from", UtcDateTime, nullable=True),
    sa.Column("planned_to", UtcDateTime, nullable=False),
    sa.Column("moments", sa.BigInteger, nullable=False),
    sa.Column("planned", sa.BigInteger, nullable=False),
    sa.Column("settled", sa.BigInteger, nullable=False),
    sa.Column("files_published", sa.Boolean, nullable=False),  # false: a crash lost its decision files
    sa.Column("committed_at", UtcDateTime, nullable=False),
    sa.CheckConstraint(_one_of("mode", ("live", "manual", "test")), name="mode"),
)
sa.Index("ix_ticks_as_of", ticks.c.as_of)
sa.Index(
    "ix_ticks_unpublished",
    ticks.c.id,
    sqlite_where=~ticks.c.files_published,
    postgresql_where=~ticks.c.files_published,
)

# What delivery and statistics must know of a tenant without asking the CRM; refreshed by each tick.
tenants = sa.Table(
    "tenants",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("profile", sa.Text, nullable=False),  # JSON of the row of source `tenants`
    sa.Column("seen_at", UtcDateTime, nullable=False),
)

suppressions = sa.Table(
    "suppressions",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),  # '*': the hash is a customer's
    sa.Column("address_hash", sa.String(64), nullable=False),
    sa.Column("topic", sa.String(80), nullable=False),  # '' = every topic
    sa.Column("reason", sa.String(20), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("expires_at", UtcDateTime, nullable=True),
    sa.UniqueConstraint("tenant_id", "channel", "address_hash", "topic", "reason"),
    sa.CheckConstraint(
        _one_of("reason", ("bounced", "complained", "unsubscribed", "manual", "imported", "forgotten")),
        name="reason",
    ),
)

# One row per thing that came back. `identity` makes a repeat of the same feedback a no-op.
events = sa.Table(
    "events",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("identity", sa.String(200), nullable=False, unique=True),
    sa.Column("type", sa.String(12), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("job_id", sa.BigInteger, nullable=True),  # null: no job of ours is known for it
    sa.Column("detail", sa.Text, nullable=True),  # JSON, no personal data
    sa.Column("provider", sa.String(40), nullable=True),  # who told it: sendgrid, mailbox, site, file, …
    sa.Column("kind", sa.String(20), nullable=True),  # of a bounce: hard, soft, block; of others: how
    sa.Column("machine", sa.Boolean, nullable=True),  # opened or clicked by a scanner or prefetcher
    sa.Column("link", sa.Text, nullable=True),  # what was clicked, as the template has it
    # Whom it is about, also where no job of ours is known for it.
    sa.Column("tenant_id", sa.BigInteger, nullable=True),
    sa.Column("channel", sa.String(20), nullable=True),
    sa.Column("address_hash", sa.String(64), nullable=True),
    sa.CheckConstraint(_one_of("type", EventType), name="type"),
)
sa.Index("ix_events_job", events.c.job_id)
sa.Index("ix_events_at", events.c.at)
sa.Index("ix_events_received", events.c.received_at)
# Few among the opens and clicks of millions: what says that somebody did not want it, or was not there.
_TROUBLE = sa.text("type IN ('bounced', 'complained', 'unsubscribed')")
sa.Index("ix_events_trouble", events.c.at, sqlite_where=_TROUBLE, postgresql_where=_TROUBLE)
# Kept where it decides whom to leave alone: how often did an address bounce lately, what was said last?
sa.Index(
    "ix_events_address",
    events.c.address_hash,
    events.c.at,
    sqlite_where=events.c.address_hash.is_not(None),
    postgresql_where=events.c.address_hash.is_not(None),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("by", sa.String(120), nullable=False),
    sa.Column("action", sa.String(60), nullable=False),
    sa.Column("detail", sa.Text, nullable=False),  # JSON
)

# What no source knows: somebody starts, pauses, resumes or stops a campaign for one subject.
interventions = sa.Table(
    "interventions",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("campaign", sa.String(80), nullable=False),
    sa.Column("subject_id", sa.BigInteger, nullable=False),
    sa.Column("subject_text", sa.Text, nullable=False),
    sa.Column("occurrence", sa.BigInteger, nullable=True),  # null: whatever the occurrence
    sa.Column("kind", sa.String(6), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("by", sa.String(120), nullable=False),
    sa.CheckConstraint(_one_of("kind", ("start", "pause", "resume", "stop")), name="kind"),
)
sa.Index(
    "ix_interventions_subject",
    interventions.c.campaign,
    interventions.c.tenant_id,
    interventions.c.subject_id,
    interventions.c.at,
)

# The last value seen of each tracked column; what differs from it becomes a change.
tracked_values = sa.Table(
    "tracked_values",
    metadata,
    sa.Column("source", sa.String(40), primary_key=True),
    sa.Column("row_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("column", sa.String(40), primary_key=True),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("value", sa.Text, nullable=True),
    sa.Column("seen_at", UtcDateTime, nullable=False),
)
# How far each of them was read, so that the next reading sees only what was written since.
tracked_columns = sa.Table(
    "tracked_columns",
    metadata,
    sa.Column("source", sa.String(40), primary_key=True),
    sa.Column("column", sa.String(40), primary_key=True),
    sa.Column("read_to", UtcDateTime, nullable=True),  # the greatest watermark read, the CRM's own time
    sa.Column("read_whole_at", UtcDateTime, nullable=False),
)
changes = sa.Table(
    "changes",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("source", sa.String(40), nullable=False),
    sa.Column("row_id", sa.BigInteger, nullable=False),
    sa.Column("column", sa.String(40), nullable=False),
    sa.Column("old", sa.Text, nullable=True),
    sa.Column("new", sa.Text, nullable=True),
    sa.Column("at", UtcDateTime, nullable=False),  # the CRM's time of the change, else when it was seen
    sa.UniqueConstraint("source", "row_id", "column", "at"),
)
sa.Index("ix_changes_at", changes.c.source, changes.c.at)

# A day of a campaign that was more than it should be, and what somebody said to it.
guards = sa.Table(
    "guards",
    metadata,
    sa.Column("campaign", sa.String(80), primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),  # UTC day of due_at
    sa.Column("moments", sa.BigInteger, nullable=False),
    sa.Column("allowed", sa.BigInteger, nullable=False),
    sa.Column("held_at", UtcDateTime, nullable=False),
    sa.Column("answer", sa.String(8), nullable=True),
    sa.Column("answered_at", UtcDateTime, nullable=True),
    sa.Column("answered_by", sa.String(120), nullable=True),
    sa.CheckConstraint(_one_of("answer", ("approved", "rejected")), name="answer"),
)

# Codes given out one by one. A code belongs to a key for ever: a repeat of the job shows the same one.
coupons = sa.Table(
    "coupons",
    metadata,
    sa.Column("pool", sa.String(60), primary_key=True),
    sa.Column("code", sa.String(120), primary_key=True),
    sa.Column("place", sa.BigInteger, nullable=False),  # the order in which they are given
    sa.Column("job_id", sa.BigInteger, nullable=True, unique=True),
    sa.Column("given_at", UtcDateTime, nullable=True),
)

# Consent as another tool recorded it, or as the customer gave it to us; the CRM's own is a source.
consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("address_hash", sa.String(64), nullable=False),
    sa.Column("topic", sa.String(80), nullable=False),  # '' = every topic
    sa.Column("state", sa.String(9), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("origin", sa.String(80), nullable=False),
    sa.UniqueConstraint("tenant_id", "channel", "address_hash", "topic", "at"),
    sa.CheckConstraint(_one_of("state", ("opted_in", "opted_out", "pending")), name="state"),
)

# What another tool had sent, so that the first day repeats nothing.
past_sends = sa.Table(
    "past_sends",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("campaign", sa.String(80), nullable=False),
    sa.Column("step", sa.String(80), nullable=False),
    sa.Column("subject_id", sa.BigInteger, nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("address_hash", sa.String(64), nullable=True),
    sa.Column("sent_at", UtcDateTime, nullable=False),
    sa.UniqueConstraint("tenant_id", "campaign", "step", "subject_id", "sent_at"),
)
sa.Index("ix_past_sends_sent", past_sends.c.sent_at)

# When somebody last wrote to us on a channel: WhatsApp lets free text through for a day after that.
conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("channel", sa.String(20), primary_key=True),
    sa.Column("address_hash", sa.String(64), primary_key=True),
    sa.Column("last_inbound_at", UtcDateTime, nullable=False),
)

# The messages of channel in_app, for the product that shows them.
notifications = sa.Table(
    "notifications",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("identity", sa.String(80), nullable=False, unique=True),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("recipient", sa.String(80), nullable=False),  # customer:12, user:7 or contact:3
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    sa.Column("read_at", UtcDateTime, nullable=True),
)
sa.Index("ix_notifications_recipient", notifications.c.recipient, notifications.c.tenant_id)

# A provider that fails again and again is left alone for a while, for one tenant and channel. No row: all
# is well.
breakers = sa.Table(
    "breakers",
    metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("channel", sa.String(20), primary_key=True),
    sa.Column("provider", sa.String(80), primary_key=True),  # '' = whatever the channel talks to
    sa.Column("failures", sa.Integer, nullable=False),  # in a row
    sa.Column("trips", sa.Integer, nullable=False),  # how often it opened without having closed
    sa.Column("opened_at", UtcDateTime, nullable=True),  # null: closed
    sa.Column("retry_at", UtcDateTime, nullable=True),  # when somebody may look again
    sa.Column("error", sa.Text, nullable=True),
    sa.CheckConstraint(
        "(opened_at IS NULL) = (retry_at IS NULL) AND (opened_at IS NULL) = (trips = 0)", name="open"
    ),
)

# Token buckets of rate limits, shared by all workers.
buckets = sa.Table(
    "buckets",
    metadata,
    sa.Column("scope", sa.String(320), primary_key=True),  # channel:email, tenant:1:email, warm-up:…
    sa.Column("tokens", sa.Float, nullable=False),
    sa.Column("refilled_at", UtcDateTime, nullable=False),
)

# How far housekeeping has come: what finished by `through` was looked at.
chores = sa.Table(
    "chores",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("through", UtcDateTime, nullable=False),
    sa.Column("done_at", UtcDateTime, nullable=False),
)

# The salt of address hashes, drawn once; without it the hashes could be reversed by enumeration.
installation = sa.Table(
    "installation",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("salt", sa.String(64), nullable=False),
    sa.Column("created_at", UtcDateTime, nullable=False),
    # A ledger restored from a backup is held: nothing leaves until it is reconciled with providers' logs.
    sa.Column("held_at", UtcDateTime, nullable=True),
    sa.Column("held_because", sa.Text, nullable=True),
    sa.Column("lost_since", UtcDateTime, nullable=True),  # what happened from then on it may not know
    sa.Column("holds", sa.Integer, nullable=False, server_default="0"),  # so many there were, with this one
    sa.CheckConstraint("id = 1", name="single"),
    sa.CheckConstraint(
        "(held_at IS NULL) = (held_because IS NULL) AND (held_at IS NULL) = (lost_since IS NULL)", name="held"
    ),
)

# Hand-offs that a provider's log proves and whose key the ledger has lost: the tick that plans it again
# settles it at once.
sightings = sa.Table(
    "sightings",
    metadata,
    sa.Column("identity", sa.String(80), primary_key=True),
    sa.Column("at", UtcDateTime, nullable=True),  # null: the log has no times
)

# Which variant of an experiment the rest of an audience gets, decided once; no winner is an answer too.
promotions = sa.Table(
    "promotions",
    metadata,
    sa.Column("campaign", sa.String(80), primary_key=True),
    sa.Column("tenant_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("occurrence", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("winner", sa.String(60), nullable=True),  # id of the variant
    sa.Column("words", sa.Text, nullable=False),
    sa.Column("numbers", sa.Text, nullable=False),  # JSON: the counts of each arm as they were judged
    sa.Column("campaign_version", sa.Integer, nullable=False),
    sa.Column("decided_at", UtcDateTime, nullable=False),
)

# Marketing of a tenant that is stopped because of its figures, until somebody releases it.
stops = sa.Table(
    "stops",
    metadata,
    sa.Column("id", _AutoId, primary_key=True, autoincrement=True),
    sa.Column("tenant_id", sa.BigInteger, nullable=False),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("because", sa.Text, nullable=False),
    sa.Column("stopped_at", UtcDateTime, nullable=False),
    sa.Column("released_at", UtcDateTime, nullable=True),
    sa.Column("released_by", sa.String(120), nullable=True),
    sa.CheckConstraint("(released_at IS NULL) = (released_by IS NULL)", name="released"),
)
# One at a time, whoever finds it at the same moment.
_IN_FORCE = sa.text("released_at IS NULL")
sa.Index(
    "ix_stops_in_force",
    stops.c.tenant_id,
    stops.c.channel,
    unique=True,
    sqlite_where=_IN_FORCE,
    postgresql_where=_IN_FORCE,
)
