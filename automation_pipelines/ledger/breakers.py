"""Circuit breakers: which providers are left alone for a while, known to all workers.

One is about a tenant, a channel and what the channel talks to. It opens after some failures in a row, or at
once where the provider says when to come back. When its time has come, one worker may send a few jobs to see;
if they get through it is closed, if not it rests for longer. What counts as a failure is delivery's.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from zlib import crc32

import sqlalchemy as sa

from automation_pipelines import retry
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import UtcDateTime, breakers

PROBES = 3
"""How many are sent to see whether a provider is back."""

_LONGEST = timedelta(minutes=15)
_LONGEST_ERROR = 500


class Key(NamedTuple):
    """Whose way out. Provider '' is whatever the channel talks to."""

    tenant_id: int
    channel: str
    provider: str = ""


@dataclass(frozen=True, slots=True)
class Breaker:
    """A provider that is in trouble: still closed, or open and not asked before `retry_at`."""

    key: Key
    failures: int = 0
    trips: int = 0
    opened_at: datetime | None = None
    retry_at: datetime | None = None
    error: str | None = None

    def rests(self, at: datetime) -> bool:
        """Whether nothing goes at that time."""
        return self.retry_at is not None and self.retry_at > at


@dataclass(frozen=True, slots=True)
class Tally:
    """What some hand-offs have shown of a provider."""

    key: Key
    failures: int
    """In a row, up to the last."""
    alive: bool
    """Some were answered by a provider in order."""
    probing: bool = False
    """They were sent to see whether it is back."""
    error: str | None = None
    after: timedelta | None = None
    """When it wants to be asked again."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How many failures in a row are too many, and how long a provider rests first."""

    failures: int
    rest: timedelta


def judged(known: Breaker | None, tally: Tally, policy: Policy, now: datetime) -> Breaker | None:
    """Say how a breaker stands after a tally; `None` is closed without a blemish. Pure."""
    before = known or Breaker(tally.key)
    late = before.opened_at is not None and not tally.probing  # handed off before it opened
    if tally.failures == 0:
        return before if late else None
    failures = tally.failures + (0 if tally.alive else before.failures)
    after = replace(before, failures=failures, error=(tally.error or "")[:_LONGEST_ERROR] or before.error)
    if late:
        asked = now + tally.after if tally.after else None
        return replace(after, retry_at=max(filter(None, (before.retry_at, asked))))
    if before.opened_at is None and failures < policy.failures and tally.after is None:
        return after
    rest = _rest(before, tally, policy)
    return replace(after, trips=before.trips + 1, opened_at=before.opened_at or now, retry_at=now + rest)


def _rest(before: Breaker, tally: Tally, policy: Policy) -> timedelta:
    """As long as it asks for at first; twice as long each time it turns out to be too short."""
    trips = before.trips + 1 - (tally.after is not None)
    jitter = retry.jitter_of(crc32(f"{':'.join(map(str, tally.key))}:{before.trips}".encode()))
    asked = min(tally.after, retry.LONGEST) if tally.after else None
    if trips == 0 and asked is not None:
        return asked * (1 + jitter / 10)
    return retry.delay(trips, policy.rest, asked, jitter, longest=_LONGEST)


def known(db: Database) -> dict[Key, Breaker]:
    """All that are in trouble; one statement, few rows."""
    with db.reading() as connection:
        return _read(connection, sa.select(breakers))


def record(
    db: Database, tallies: Sequence[Tally], policy: Policy, now: datetime
) -> dict[Key, Breaker | None]:
    """Note what hand-offs have shown, and return how those breakers stand now."""
    keys = [tally.key for tally in tallies]
    with db.begin() as connection:
        before = _read(connection, sa.select(breakers).where(_among(db, keys)).with_for_update())
        after = {tally.key: judged(before.get(tally.key), tally, policy, now) for tally in tallies}
        closed = [key for key, breaker in after.items() if breaker is None and key in before]
        if closed:
            connection.execute(sa.delete(breakers).where(_among(db, closed)))
        _write(db, connection, [breaker for breaker in after.values() if breaker is not None])
    return after


def take_probes(
    db: Database, connection: sa.Connection, keys: Collection[Key], now: datetime, until: datetime
) -> set[Key]:
    """Claim the right to probe those whose time has come, before any other worker until then."""
    if not keys:
        return set()
    taken = (
        sa.update(breakers)
        .where(_among(db, keys), breakers.c.retry_at <= now)
        .values(retry_at=until)
        .returning(breakers.c.tenant_id, breakers.c.channel, breakers.c.provider)
    )
    return {Key(*row) for row in connection.execute(taken)}


def give_back(db: Database, keys: Collection[Key], now: datetime) -> None:
    """Return the right to probe where nothing was sent after all."""
    if keys:
        statement = sa.update(breakers).where(_among(db, keys), breakers.c.opened_at.is_not(None))
        with db.begin() as connection:
            connection.execute(statement.values(retry_at=now))


_KEY: Mapping[str, sa.types.TypeEngine[Any]] = {
    "tenant_id": sa.BigInteger(),
    "channel": sa.String(),
    "provider": sa.String(),
}


def _among(db: Database, keys: Collection[Key]) -> sa.ColumnElement[bool]:
    asked = db.listed("asked", _KEY, sorted(keys)).c
    same = sa.and_(*(breakers.c[name] == asked[name] for name in _KEY))
    return sa.exists().where(same).correlate(breakers)


def _read(connection: sa.Connection, wanted: sa.Select[Any]) -> dict[Key, Breaker]:
    rows = connection.execute(wanted.order_by(*(breakers.c[name] for name in _KEY)))
    return {
        (key := Key(row.tenant_id, row.channel, row.provider)): Breaker(
            key, row.failures, row.trips, row.opened_at, row.retry_at, row.error
        )
        for row in rows
    }


def _write(db: Database, connection: sa.Connection, entries: Sequence[Breaker]) -> None:
    if not entries:
        return
    columns = {
        **_KEY,
        "failures": sa.Integer(),
        "trips": sa.Integer(),
        "opened_at": UtcDateTime(),
        "retry_at": UtcDateTime(),
        "error": sa.Text(),
    }
    rows = [(*one.key, one.failures, one.trips, one.opened_at, one.retry_at, one.error) for one in entries]
    given = db.listed("given", columns, rows)
    insert = db.insert(breakers).from_select(list(columns), sa.select(*given.c).where(sa.true()))
    changes = {name: insert.excluded[name] for name in columns if name not in _KEY}
    connection.execute(insert.on_conflict_do_update(index_elements=list(_KEY), set_=changes))
