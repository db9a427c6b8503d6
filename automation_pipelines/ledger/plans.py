"""What planning asks of the ledger and writes to it: ticks, keys, decisions that take their key.

Nothing here decides; delivery's questions are in `jobs`.
"""

import hashlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger import tables
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import UtcDateTime, identities, job_payloads, jobs, tenants, ticks
from automation_pipelines.model import Reason, State

_INTEGER, _TEXT, _INSTANT = pl.Int64(), pl.String(), pl.Datetime("us", "UTC")

KEY = ("occurrence", "tenant_id", "campaign_id", "step_id", "subject_id", "recipient_id")
PLAN_COLUMNS: dict[str, pl.DataType] = {
    **dict.fromkeys(KEY, _INTEGER),
    "reason": _TEXT,
    "held_by": _TEXT,
    "purpose": _TEXT,
    "channel": _TEXT,
    "variant": _TEXT,
    "campaign_version": _INTEGER,
    "priority": _INTEGER,
    "due_at": _INSTANT,
    "expires_at": _INSTANT,
    "subject_text": _TEXT,
    "address": _TEXT,
    "address_hash": _TEXT,
    "customer_id": _INTEGER,
    "variables": _TEXT,
    "fallbacks": _TEXT,
}
"""The rows of `write_plan`: one decided moment that takes its key, with its payload when planned."""

_PAYLOAD = ("subject_text", "address", "address_hash", "variables", "fallbacks")
_COPIED = tuple(name for name in PLAN_COLUMNS if name not in {"reason", *_PAYLOAD})
_COUNTED = {"preserve_rowcount": True}
# Reasons given by delivery, long after planning had said `planned`.
_AFTER_PLANNING = ("expired", Reason.SUPPRESSED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """One planning run: what it spoke for and how far it looked."""

    run_id: str
    mode: str
    as_of: datetime
    planned_from: datetime | None
    planned_to: datetime
    moments: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CommittedTick(Tick):
    """A tick as the ledger has it."""

    tick_id: int
    planned: int
    settled: int


@dataclass(frozen=True, slots=True)
class Written:
    """What one `write_plan` added to the ledger; of a repeated run, what it added the first time."""

    tick_id: int
    planned: int
    settled: int


def planned_through(db: Database, *, published: bool = False) -> datetime | None:
    """The `as_of` of the newest live tick (with `published`: that published its files); `None` before it."""
    newest = sa.select(sa.func.max(ticks.c.as_of)).where(ticks.c.mode == "live")
    if published:
        newest = newest.where(ticks.c.files_published)
    with db.reading() as connection:
        found: datetime | None = connection.scalar(newest)
    return found


def identify(db: Database, pairs: Iterable[tuple[str, str]], mode: str) -> dict[tuple[str, str], int]:
    """The integers of (campaign, step) slugs, '' naming the campaign itself; new ones are appended.

    Mode `test` has integers of its own; every other mode shares the live ones.
    """
    wanted = sorted(set(pairs))
    kind = "test" if mode == "test" else "live"
    with db.reading() as connection:
        known = _identities(connection, kind)
    missing = [pair for pair in wanted if pair not in known]
    if missing:
        rows = [{"campaign": campaign, "step": step, "mode": kind} for campaign, step in missing]
        with db.begin() as connection:
            connection.execute(db.insert(identities).on_conflict_do_nothing(), rows)
            known = _identities(connection, kind)
    return {pair: known[pair] for pair in wanted}


def known_identities(db: Database, pairs: Iterable[tuple[str, str]]) -> dict[tuple[str, str], int]:
    """The live integers, for a look that writes nothing: what has none yet gets a negative one.

    It follows from the slugs alone: the ticks of one preview ask for different ones.
    """
    with db.reading() as connection:
        known = _identities(connection, "live")
    return {pair: known.get(pair, _passing(*pair)) for pair in pairs}


def _passing(campaign: str, step: str) -> int:
    digest = hashlib.sha256(f"{campaign}/{step}".encode()).digest()
    return -1 - (
        int.from_bytes(digest[:4]) >> 1
    )  # 31 bits: PostgreSQL compares it with the ledger's integers


def _identities(connection: sa.Connection, mode: str) -> dict[tuple[str, str], int]:
    i = identities.c
    rows = connection.execute(sa.select(i.campaign, i.step, i.id).where(i.mode == mode))
    return {(campaign, step): number for campaign, step, number in rows}


def settled(db: Database, campaign_ids: Collection[int], lo: int, hi: int) -> pl.DataFrame:
    """Key, state and reason of the jobs of these campaigns whose occurrence lies in [lo, hi]."""
    columns = (jobs.c[name] for name in (*KEY, "state", "reason"))
    return db.read(
        sa.select(*columns).where(
            jobs.c.occurrence.between(lo, hi), jobs.c.campaign_id.in_(sorted(campaign_ids))
        )
    )


def taken(db: Database, sought: pl.DataFrame) -> pl.DataFrame:
    """Key, state, reason, sent, due_at and finished_at of the jobs with these keys, for any recipient."""
    of_subject = KEY[:-1]
    rows = sought.select(of_subject).unique().iter_rows()
    wanted = db.listed("wanted", dict.fromkeys(of_subject, sa.BigInteger()), rows)
    same = sa.and_(*(jobs.c[name] == wanted.c[name] for name in of_subject))
    columns = (jobs.c[name] for name in (*KEY, "state", "reason", "due_at", "finished_at"))
    return db.read(sa.select(*columns, _sent()).select_from(wanted.join(jobs, same)))


def predecessors(db: Database, step_ids: Collection[int], lo: int, hi: int) -> pl.DataFrame:
    """Key, state, sent, due_at and finished_at of the jobs of these steps with occurrence in [lo, hi]."""
    j = jobs.c
    columns = (*(j[name] for name in KEY), j.state, _sent(), j.due_at, j.finished_at)
    return db.read(sa.select(*columns).where(j.occurrence.between(lo, hi), j.step_id.in_(sorted(step_ids))))


def _sent() -> sa.Label[bool]:
    """What another message of theirs said was said."""
    j = jobs.c
    merged = sa.func.coalesce(j.reason, "") == Reason.MERGED
    return sa.or_(j.state == State.COMPLETED, merged).label("sent")


def variants(db: Database, campaign_ids: Collection[int]) -> pl.DataFrame:
    """(campaign_id, tenant_id, subject_id, variant): the first variant that a subject was planned with."""
    j = jobs.c
    whom = (j.campaign_id, j.tenant_id, j.subject_id)
    used = db.read(
        sa.select(*whom, j.variant)
        .where(j.campaign_id.in_(sorted(campaign_ids)), j.variant.is_not(None), j.state != State.SKIPPED)
        .order_by(j.id)
    )
    return used.unique([column.name for column in whom], keep="first", maintain_order=True)


def recently_planned(db: Database, step_ids: Collection[int], since: datetime) -> pl.DataFrame:
    """(step_id, tenant_id, subject_id, due_at) of what these steps planned since then, for `repeat_after`."""
    j = jobs.c
    return db.read(
        sa.select(j.step_id, j.tenant_id, j.subject_id, j.due_at).where(
            j.due_at >= since, j.step_id.in_(sorted(step_ids)), j.state != State.SKIPPED
        )
    )


def past_sends(db: Database, numbers: Mapping[tuple[str, str], int]) -> pl.DataFrame:
    """(step_id, tenant_id, subject_id, sent_at) of what another tool had sent of these steps."""
    p = tables.past_sends.c
    campaigns = sorted({campaign for campaign, _ in numbers})
    found = db.read(
        sa.select(p.campaign, p.step, p.tenant_id, p.subject_id, p.sent_at).where(p.campaign.in_(campaigns))
    )
    steps = [(campaign, step, number) for (campaign, step), number in numbers.items() if step]
    schema = {"campaign": pl.String, "step": pl.String, "step_id": pl.Int64}
    named = pl.DataFrame(steps, schema=schema, orient="row")
    return found.join(named, on=["campaign", "step"]).select("step_id", "tenant_id", "subject_id", "sent_at")


def write_plan(
    db: Database,
    tick: Tick,
    rows: pl.DataFrame,
    profiles: pl.DataFrame,
    *,
    now: datetime | None = None,
    also: Callable[[sa.Connection, int], None] | None = None,
) -> Written:
    """Write one tick in one transaction: its row, the decided moments, their payloads, tenants' profiles.

    `rows` has `PLAN_COLUMNS`; rows whose key is taken are ignored. `profiles` has tenant_id and profile
    (JSON). Writing a run twice adds nothing. `now` says when it was written, where that is not `as_of`.
    `also` writes more in the same transaction, given the number of the tick.
    """
    staged = _staged(rows)
    with db.begin() as connection:
        earlier = _written(connection, tick.run_id)
        if earlier is not None:
            return earlier
        written_at = now or tick.as_of
        tick_id = _insert_tick(connection, tick, written_at)
        _upsert_tenants(db, connection, profiles, min(tick.as_of, written_at))
        planned = total = 0
        if not staged.is_empty():
            moments = db.ingest(connection, "plan_rows", staged)
            # What is tested is not waited for.
            available_at = sa.literal(written_at, UtcDateTime()) if tick.mode == "test" else moments.c.due_at
            total = _insert_jobs(db, connection, moments, tick_id, tick.as_of, available_at=available_at)
            planned = _insert_payloads(connection, moments, tick_id) if total else 0
        if also is not None:
            also(connection, tick_id)
        written = Written(tick_id, planned, total - planned)
        connection.execute(
            ticks.update()
            .where(ticks.c.id == tick_id)
            .values(planned=written.planned, settled=written.settled)
        )
    return written


def _staged(rows: pl.DataFrame) -> pl.DataFrame:
    # In key order, so that the index is written page by page: sorting is cheaper here than there.
    typed = rows.select(pl.col(name).cast(kind) for name, kind in PLAN_COLUMNS.items())
    return typed.unique(KEY, keep="first", maintain_order=True).sort(KEY)


def _written(connection: sa.Connection, run_id: str) -> Written | None:
    t = ticks.c
    row = connection.execute(sa.select(t.id, t.planned, t.settled).where(t.run_id == run_id)).one_or_none()
    return Written(*row) if row else None


def _insert_tick(connection: sa.Connection, tick: Tick, committed_at: datetime) -> int:
    result = connection.execute(
        ticks.insert()
        .values(
            run_id=tick.run_id,
            mode=tick.mode,
            as_of=tick.as_of,
            planned_from=tick.planned_from,
            planned_to=tick.planned_to,
            moments=tick.moments,
            planned=0,
            settled=0,
            files_published=False,
            committed_at=committed_at,
        )
        .returning(ticks.c.id)
    )
    return int(result.scalar_one())


def _insert_jobs(
    db: Database,
    connection: sa.Connection,
    moments: sa.TableClause,
    tick_id: int,
    as_of: datetime,
    *,
    available_at: sa.ColumnElement[Any],
) -> int:
    m = moments.c
    planned = m.reason == Reason.PLANNED
    given: dict[str, sa.ColumnElement[object]] = {name: m[name] for name in _COPIED}
    given |= {
        "state": sa.case((planned, State.PENDING), else_=State.SKIPPED),
        "reason": sa.case((~planned, m.reason)),
        "finished_at": sa.case((~planned, sa.literal(as_of, UtcDateTime()))),
        "available_at": available_at,
        "attempts": sa.literal(0),
        "tick_id": sa.literal(tick_id),
    }
    select = sa.select(*given.values()).where(sa.true())  # SQLite's grammar needs a WHERE
    statement = db.insert(jobs).from_select(list(given), select).on_conflict_do_nothing()
    return connection.execute(statement, execution_options=_COUNTED).rowcount


def _insert_payloads(connection: sa.Connection, moments: sa.TableClause, tick_id: int) -> int:
    m = moments.c
    select = (
        sa.select(jobs.c.id, *(m[name] for name in _PAYLOAD))
        .select_from(moments.join(jobs, sa.and_(*(jobs.c[name] == m[name] for name in KEY))))
        .where(jobs.c.tick_id == tick_id, m.reason == Reason.PLANNED)
    )
    statement = job_payloads.insert().from_select(["job_id", *_PAYLOAD], select)
    return connection.execute(statement, execution_options=_COUNTED).rowcount


def _upsert_tenants(
    db: Database, connection: sa.Connection, profiles: pl.DataFrame, seen_at: datetime
) -> None:
    rows = [
        {"tenant_id": tenant, "profile": profile, "seen_at": seen_at}
        for tenant, profile in profiles.select("tenant_id", "profile").iter_rows()
    ]
    if not rows:
        return
    insert = db.insert(tenants)
    new = insert.excluded
    connection.execute(
        insert.on_conflict_do_update(
            index_elements=[tenants.c.tenant_id],
            set_={"profile": new.profile, "seen_at": new.seen_at},
            where=tenants.c.seen_at <= new.seen_at,  # a plan for an earlier time knows less
        ),
        rows,
    )


def unpublished(db: Database) -> Sequence[CommittedTick]:
    """The ticks whose decision files were not confirmed, oldest first: a crash lost them."""
    t = ticks.c
    columns = (t.run_id, t.mode, t.as_of, t.planned_from, t.planned_to, t.moments, t.planned, t.settled)
    with db.reading() as connection:
        rows = connection.execute(
            sa.select(t.id.label("tick_id"), *columns).where(~t.files_published).order_by(t.id)
        )
        return [CommittedTick(**row) for row in rows.mappings()]


def mark_published(db: Database, tick_id: int) -> None:
    """The tick's decision files are in place."""
    with db.begin() as connection:
        connection.execute(ticks.update().where(ticks.c.id == tick_id).values(files_published=True))


def jobs_of_tick(db: Database, tick_id: int) -> pl.DataFrame:
    """The decisions of a tick that took their key, as planning made them: `planned` or the reason.

    With the slugs, run and as_of of the decision files. `subject_text` is null where no payload is kept.
    """
    step, campaign = identities.alias("step"), identities.alias("campaign")
    reason = sa.case(
        (jobs.c.reason.is_(None) | jobs.c.reason.in_(_AFTER_PLANNING), Reason.PLANNED), else_=jobs.c.reason
    )
    copied = (jobs.c[name] for name in _COPIED if name != "priority")
    return db.read(
        sa.select(
            *copied,
            sa.type_coerce(reason, sa.String).label("reason"),
            campaign.c.campaign,
            step.c.step,
            job_payloads.c.subject_text,
            ticks.c.run_id,
            ticks.c.mode,
            ticks.c.as_of,
        )
        .join_from(jobs, ticks, ticks.c.id == jobs.c.tick_id)
        .join(campaign, campaign.c.id == jobs.c.campaign_id)
        .join(step, step.c.id == jobs.c.step_id)
        .outerjoin(job_payloads, job_payloads.c.job_id == jobs.c.id)
        .where(jobs.c.tick_id == tick_id)
        .order_by(jobs.c.id)
    )
