"""What came back: events are recorded once each, and their effects on suppressions and jobs follow.

One transaction per call, a handful of statements whatever the number of events. Knows no file format
and no provider.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger import machines, softbounces, words
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import events, identities, job_payloads, jobs, suppressions
from automation_pipelines.ledger.words import Inbound
from automation_pipelines.model import EventType, State

TOLD: dict[str, pl.DataType] = {
    "identity": pl.String(),
    "type": pl.String(),
    "told_at": pl.Datetime("us", "UTC"),
    "job_id": pl.Int64(),
    "detail": pl.String(),
    "detail_of_stranger": pl.String(),
    "suppresses": pl.String(),
}
"""Columns of the frame `record` takes; `suppresses` is the reason of a suppression, or null."""
MORE: dict[str, pl.DataType] = {
    "provider": pl.String(),
    "kind": pl.String(),
    "machine": pl.Boolean(),
    "link": pl.String(),
    "tenant_id": pl.Int64(),
    "channel": pl.String(),
    "address_hash": pl.String(),
    "topic": pl.String(),
    "expires_at": pl.Datetime("us", "UTC"),
}
"""Columns it may have besides. The last two are the suppression's; no topic is every topic."""

# Whatever the provider says of a message, it can say it only of one that was handed to it.
PROOF = tuple(str(word) for word in EventType if word not in {EventType.FAILED, EventType.UNKNOWN})
# Of these it matters whom they concern, also when the job's payload is gone; the others are too many.
_PERSONAL = tuple(
    str(word) for word in (EventType.BOUNCED, EventType.COMPLAINED, EventType.UNSUBSCRIBED, EventType.REPLIED)
)

_COUNTED = {"preserve_rowcount": True}


@dataclass(frozen=True, slots=True)
class Recorded:
    """What one call changed."""

    events: int
    duplicates: int
    proved: int
    """Jobs in state unknown that feedback showed to be completed."""


def record(
    db: Database, told: pl.DataFrame, *, now: datetime, inbound: Sequence[Inbound] = (), durable: bool = False
) -> Recorded:
    """Record events by identity and apply what they mean; telling the same again changes nothing.

    `inbound` says of some of them whom of the tenants they concern, where it is more than one or none.
    """
    # Of two events under one identity in one frame the earlier counts, whatever their order.
    if told.is_empty():
        return Recorded(0, 0, 0)
    nothing = [pl.lit(None, kind).alias(name) for name, kind in MORE.items() if name not in told.columns]
    typed = told.with_columns(nothing).select(pl.col(name).cast(kind) for name, kind in (TOLD | MORE).items())
    distinct = typed.sort("identity", "told_at", "type", "job_id").unique("identity", keep="first")
    with db.begin(durable=durable) as connection:
        staged = db.ingest(connection, "told_events", distinct)
        connection.execute(sa.delete(staged).where(staged.c.identity.in_(sa.select(events.c.identity))))
        added = connection.execute(_added(db, staged, now), execution_options=_COUNTED).rowcount
        connection.execute(_suppressed(db, staged))
        softbounces.judge(db, connection, staged)
        machines.judge(db, connection, staged)
        words.heed(db, connection, staged, inbound)
        proved = connection.execute(_proved(now)).rowcount
    return Recorded(added, told.height - added, proved)


def _whose(staged: sa.TableClause) -> tuple[sa.FromClause, sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    """The staged events with their jobs; two conditions on them.

    The first: it is about the job's present channel. The second: about another address, such as a copy's.
    """
    rows = (
        staged.outerjoin(jobs, jobs.c.id == staged.c.job_id)
        .outerjoin(job_payloads, job_payloads.c.job_id == jobs.c.id)
        .outerjoin(identities, identities.c.id == jobs.c.step_id)
    )
    present = sa.func.coalesce(staged.c.channel == jobs.c.channel, sa.true())
    others = sa.and_(
        present,
        # A test's message goes to somebody else than the address in its job.
        sa.func.coalesce(identities.c.mode == "live", sa.false()),
        sa.func.coalesce(staged.c.address_hash != job_payloads.c.address_hash, sa.false()),
    )
    return rows, present, others


def _added(db: Database, staged: sa.TableClause, now: datetime) -> sa.Insert:
    rows, present, others = _whose(staged)
    stranger = sa.or_(jobs.c.id.is_(None), others)
    own_hash = sa.case((present, job_payloads.c.address_hash))
    address = sa.case((staged.c.type.in_(_PERSONAL), sa.func.coalesce(staged.c.address_hash, own_hash)))
    values = {
        "identity": staged.c.identity,
        "type": staged.c.type,
        "at": staged.c.told_at,
        "received_at": sa.literal(now, events.c.received_at.type),
        "job_id": sa.case((sa.not_(stranger), jobs.c.id)),
        "detail": sa.case((stranger, staged.c.detail_of_stranger), else_=staged.c.detail),
        "provider": staged.c.provider,
        "kind": staged.c.kind,
        "machine": staged.c.machine,
        "link": staged.c.link,
        "tenant_id": sa.func.coalesce(jobs.c.tenant_id, staged.c.tenant_id),
        "channel": sa.func.coalesce(staged.c.channel, jobs.c.channel),
        "address_hash": address,
    }
    chosen = (
        sa.select(*values.values())
        .select_from(rows)
        .where(sa.true())  # SQLite cannot tell a join from ON CONFLICT without it
        .order_by(staged.c.identity)  # one order for all: two readers of the same events cannot deadlock
    )
    insert = db.insert(events).from_select(list(values), chosen)
    return insert.on_conflict_do_nothing(index_elements=["identity"])


def _suppressed(db: Database, staged: sa.TableClause) -> sa.Insert:
    rows, present, _ = _whose(staged)
    tenant = sa.func.coalesce(jobs.c.tenant_id, staged.c.tenant_id)
    channel = sa.func.coalesce(staged.c.channel, jobs.c.channel)
    address = sa.func.coalesce(staged.c.address_hash, sa.case((present, job_payloads.c.address_hash)))
    key = (tenant, channel, address, staged.c.suppresses, sa.func.coalesce(staged.c.topic, ""))
    for_good = sa.func.count() > sa.func.count(staged.c.expires_at)
    until = sa.case((sa.not_(for_good), sa.func.max(staged.c.expires_at)))
    chosen = (
        sa.select(*key, sa.func.min(staged.c.told_at), until)
        .select_from(rows)
        .where(
            *(part.is_not(None) for part in key),
            sa.func.coalesce(identities.c.mode, "live") == "live",
        )
        .group_by(*key)
        .order_by(*key)
    )
    columns = ["tenant_id", "channel", "address_hash", "reason", "topic", "at", "expires_at"]
    insert = db.insert(suppressions).from_select(columns, chosen)
    old, new = suppressions.c, insert.excluded
    forever = sa.or_(old.expires_at.is_(None), new.expires_at.is_(None))
    return insert.on_conflict_do_update(
        index_elements=["tenant_id", "channel", "address_hash", "topic", "reason"],
        # The earliest time whatever the order of arrival; and one that had run out holds again.
        set_={
            "at": sa.case((new.at < old.at, new.at), else_=old.at),
            "expires_at": sa.case(
                (forever, sa.null()), (new.expires_at > old.expires_at, new.expires_at), else_=old.expires_at
            ),
        },
    )


def _proved(now: datetime) -> sa.Update:
    # Over all unknown jobs, not those just told of: the proof may have come before the doubt. What happened
    # on a channel that the job has left proves nothing of the present one.
    same = sa.or_(events.c.channel.is_(None), events.c.channel == jobs.c.channel)
    proof = sa.exists().where(events.c.job_id == jobs.c.id, events.c.type.in_(PROOF), same)
    return (
        sa.update(jobs)
        .where(jobs.c.state == str(State.UNKNOWN), proof)
        .values(state=str(State.COMPLETED), finished_at=now)
    )
