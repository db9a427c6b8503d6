"""What providers' logs prove: hand-offs by identity → the jobs they were, also where the key was lost.

A few statements whatever the number of hand-offs. Which lines of a log are hand-offs is `reconciliation`'s.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database, dump_json
from automation_pipelines.ledger.identity import identity_of, installation_name
from automation_pipelines.ledger.tables import UtcDateTime, audit, events, identities, jobs, sightings, ticks
from automation_pipelines.model import EventType, State

OPEN = (State.PENDING, State.PROCESSING, State.UNKNOWN)
SETTLED = (*OPEN, State.SKIPPED, State.CANCELLED)
"""What a log can prove wrong. A job that is dead was refused, whatever else a log says of it."""
PROVED: dict[str, pl.DataType] = {
    "job_id": pl.Int64(),
    "identity": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "provider_id": pl.String(),
}
SIGHTED: dict[str, pl.DataType] = {"identity": pl.String(), "at": pl.Datetime("us", "UTC")}

_STEP, _CAMPAIGN = identities.alias("step"), identities.alias("campaign")
_NAMES = ("occurrence", "tenant_id", "campaign", "step", "subject_id", "recipient_id", "mode")
_COUNTED = {"preserve_rowcount": True}


def _named() -> sa.Select[tuple[object, ...]]:
    j = jobs.c
    return (
        sa.select(
            j.id.label("job_id"),
            *(j[name] for name in ("occurrence", "tenant_id", "subject_id", "recipient_id")),
            _CAMPAIGN.c.campaign,
            _STEP.c.step,
            _STEP.c.mode,
            *(j[name] for name in ("state", "channel", "purpose", "available_at", "finished_at")),
        )
        .join(_CAMPAIGN, _CAMPAIGN.c.id == j.campaign_id)
        .join(_STEP, _STEP.c.id == j.step_id)
    )


def _with_identity(db: Database, found: pl.DataFrame) -> pl.DataFrame:
    installation = installation_name(db.salt)
    keys = found.select(_NAMES).iter_rows()
    names = [identity_of(key, mode, installation) for *key, mode in keys]
    return found.with_columns(pl.Series("identity", names, dtype=pl.String))


def candidates(db: Database, since: datetime) -> pl.DataFrame:
    """The jobs that are open, and those that ended since then, each with its identity."""
    j = jobs.c
    # Two statements, each with an index of its own.
    still = db.read(_named().where(j.state.in_([str(state) for state in OPEN])))
    final = [str(state) for state in State if state not in OPEN]
    ended = db.read(_named().where(j.finished_at >= since, j.finished_at.is_not(None), j.state.in_(final)))
    return _with_identity(db, pl.concat([still, ended]))


def identities_of(db: Database, jobs_: Collection[int]) -> dict[int, str]:
    """The identities of some jobs."""
    if not jobs_:
        return {}
    asked = db.listed("asked", {"id": sa.BigInteger()}, [(number,) for number in sorted(jobs_)])
    found = _with_identity(db, db.read(_named().where(jobs.c.id.in_(sa.select(asked.c.id)))))
    return dict(found.select("job_id", "identity").iter_rows())


def of_providers(db: Database, provider_ids: Collection[str], since: datetime) -> dict[str, int]:
    """Jobs that ended since then by what their providers call them; a name of two jobs is no name."""
    if not provider_ids:
        return {}
    asked = db.listed("asked", {"provider_id": sa.String()}, [(one,) for one in sorted(provider_ids)])
    wanted = (
        sa.select(jobs.c.provider_id, sa.func.min(jobs.c.id))
        .where(jobs.c.finished_at >= since, jobs.c.provider_id.in_(sa.select(asked.c.provider_id)))
        .group_by(jobs.c.provider_id)
        .having(sa.func.count() == 1)
    )
    with db.reading() as connection:
        return {str(name): int(job) for name, job in connection.execute(wanted)}


def settle(
    db: Database,
    proved: pl.DataFrame,
    strays: pl.DataFrame,
    detail: dict[str, object],
    *,
    by: str,
    now: datetime,
) -> int:
    """Complete the jobs of `PROVED`, keep the `SIGHTED` that are nobody's for later ticks, and audit it."""
    with db.begin() as connection:
        settled = _complete(db, connection, proved, now)
        if not strays.is_empty():
            staged = db.ingest(connection, "strays", strays.select(list(SIGHTED)))
            chosen = sa.select(staged.c.identity, staged.c.at).where(sa.true())
            insert = db.insert(sightings).from_select(["identity", "at"], chosen)
            connection.execute(insert.on_conflict_do_nothing())
        text = dump_json({**detail, "completed": settled, "kept": strays.height})
        connection.execute(audit.insert().values(at=now, by=by, action="reconcile", detail=text))
    return settled


def settle_planned(db: Database, connection: sa.Connection, tick_id: int, most: int, *, now: datetime) -> int:
    """Complete those of the newest `most` jobs that this tick wrote and a log has proved; how many."""
    if connection.scalar(sa.select(sightings.c.identity).limit(1)) is None:
        return 0
    newest = sa.select(jobs.c.id).order_by(jobs.c.id.desc()).limit(most)
    written = connection.execute(_named().where(jobs.c.id.in_(newest), jobs.c.tick_id == tick_id))
    rows = [row._asdict() for row in written]
    if not rows:
        return 0
    schema = {"available_at": pl.Datetime("us", "UTC"), "finished_at": pl.Datetime("us", "UTC")}
    named = _with_identity(db, pl.DataFrame(rows, schema_overrides=schema, infer_schema_length=None))
    seen = db.listed("seen", {"identity": sa.String()}, [(one,) for one in named["identity"]])
    wanted = sa.select(sightings.c.identity, sightings.c.at).join(
        seen, seen.c.identity == sightings.c.identity
    )
    known = pl.DataFrame(list(map(tuple, connection.execute(wanted))), schema=SIGHTED, orient="row")
    proved = named.join(known, on="identity").with_columns(
        pl.min_horizontal(pl.coalesce("at", "available_at"), pl.lit(now)), provider_id=pl.lit(None, pl.String)
    )
    settled = _complete(db, connection, proved, now)
    gone = db.listed("gone", {"identity": sa.String()}, [(one,) for one in proved["identity"]])
    connection.execute(sa.delete(sightings).where(sightings.c.identity.in_(sa.select(gone.c.identity))))
    return settled


def _complete(db: Database, connection: sa.Connection, proved: pl.DataFrame, now: datetime) -> int:
    """Complete jobs that are not, at the times given, with an event for each."""
    if proved.is_empty():
        return 0
    p = db.ingest(connection, "proved", proved.select(list(PROVED))).c
    added = sa.select(
        sa.literal("reconcile:").concat(p.identity),
        sa.literal(str(EventType.SENT)),
        p.at,
        sa.literal(now, UtcDateTime()),
        p.job_id,
        sa.literal("log"),
    )
    columns = ["identity", "type", "at", "received_at", "job_id", "provider"]
    insert = db.insert(events).from_select(columns, added.where(sa.true()).order_by(p.identity))
    connection.execute(insert.on_conflict_do_nothing(index_elements=["identity"]))
    update = (
        sa.update(jobs)
        .where(jobs.c.id == p.job_id, jobs.c.state.in_([str(state) for state in SETTLED]))
        .values(
            state=str(State.COMPLETED),
            reason=None,
            attempts=sa.case((jobs.c.attempts == 0, 1), else_=jobs.c.attempts),
            handed_off_at=p.at,
            finished_at=p.at,
            provider_id=p.provider_id,
            lease_owner=None,
            lease_until=None,
        )
    )
    return connection.execute(update, execution_options=_COUNTED).rowcount


def in_doubt(db: Database, until: datetime, now: datetime) -> pl.DataFrame:
    """(channel, purpose, jobs, planned_at): what waits, was due by then, and so may have left before.

    `planned_at` is when the newest of them was planned. What has expired will not leave in any case.
    """
    return db.read(
        sa.select(
            jobs.c.channel,
            jobs.c.purpose,
            sa.func.count().label("jobs"),
            sa.type_coerce(sa.func.max(ticks.c.committed_at), UtcDateTime).label("planned_at"),
        )
        .join(ticks, ticks.c.id == jobs.c.tick_id)
        .where(*_doubtful(until, now))
        .group_by(jobs.c.channel, jobs.c.purpose)
        .order_by(jobs.c.channel, jobs.c.purpose)
    )


def doubtful_ids(db: Database, channels: Sequence[str], until: datetime, now: datetime) -> list[int]:
    """The jobs of `in_doubt` on these channels."""
    wanted = sa.select(jobs.c.id).where(*_doubtful(until, now), jobs.c.channel.in_(sorted(channels)))
    with db.reading() as connection:
        return list(connection.scalars(wanted.order_by(jobs.c.id)))


def give_up(
    db: Database, channels: Sequence[str], purpose: str, until: datetime, *, by: str, now: datetime
) -> int:
    """What of one purpose is in doubt on these channels becomes unknown: it does not leave by itself."""
    lost = {"state": State.UNKNOWN, "finished_at": now, "lease_owner": None, "lease_until": None}
    where = (*_doubtful(until, now), jobs.c.channel.in_(sorted(channels)), jobs.c.purpose == purpose)
    with db.begin() as connection:
        given = connection.execute(sa.update(jobs).where(*where).values(**lost)).rowcount
        detail = dump_json({"channels": sorted(channels), "purpose": purpose, "jobs": given})
        connection.execute(audit.insert().values(at=now, by=by, action="reconcile give up", detail=detail))
    return given


def _doubtful(until: datetime, now: datetime) -> list[sa.ColumnElement[bool]]:
    tests = sa.select(identities.c.id).where(identities.c.step == "", identities.c.mode == "test")
    return [
        jobs.c.state.in_([str(State.PENDING), str(State.PROCESSING)]),
        jobs.c.available_at <= until,
        sa.or_(jobs.c.expires_at.is_(None), jobs.c.expires_at > now),
        jobs.c.campaign_id.not_in(tests),
    ]


@dataclass(frozen=True, slots=True)
class LogRead:
    """A channel whose log was read, or whose provider was asked, and when."""

    channel: str
    asked: bool
    at: datetime


def logs_read(db: Database, since: datetime) -> list[LogRead]:
    """The channels that `settle` was told of since then (`channels` and `asked` of its detail)."""
    a = audit.c
    told = sa.select(a.at, a.detail).where(a.action == "reconcile", a.at >= since)
    with db.reading() as connection:
        said = [(at, json.loads(text)) for at, text in connection.execute(told)]
    return [LogRead(name, bool(detail["asked"]), at) for at, detail in said for name in detail["channels"]]


def planned_since(db: Database, since: datetime) -> bool:
    """Whether a live tick was committed since then."""
    wanted = sa.select(ticks.c.id).where(ticks.c.mode == "live", ticks.c.committed_at >= since)
    with db.reading() as connection:
        return connection.scalar(wanted.limit(1)) is not None
