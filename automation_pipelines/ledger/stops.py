"""Marketing of a tenant that is stopped for its figures: what is in force, stopping, releasing.

Claims pass such lanes by (`lanes`), so what is planned waits there, and expires as ever. Why something is
stopped is `watch`'s to say. Both orders are audited.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger.database import Database, dump_json
from automation_pipelines.ledger.tables import audit, stops


@dataclass(frozen=True, slots=True)
class Stop:
    """That a tenant's marketing on a channel waits, and why."""

    tenant_id: int
    channel: str
    because: str
    stopped_at: datetime

    def __str__(self) -> str:
        """In words, with what to do."""
        return (
            f"marketing by {self.channel} of tenant {self.tenant_id} is stopped since "
            f"{self.stopped_at:%Y-%m-%d %H:%M} UTC: {self.because}. It waits, and expires as ever, until "
            f"`automation stops release {self.tenant_id} --channel {self.channel} --because …`"
        )


def in_force(db: Database) -> list[Stop]:
    """Everything that is stopped now, the newest first."""
    s = stops.c
    wanted = sa.select(s.tenant_id, s.channel, s.because, s.stopped_at)
    newest = (s.stopped_at.desc(), s.tenant_id, s.channel)
    with db.reading() as connection:
        return [Stop(*row) for row in connection.execute(wanted.where(_LASTS).order_by(*newest))]


_LASTS = stops.c.released_at.is_(None)


def listed(db: Database, *, tenant: int | None = None, limit: int) -> pl.DataFrame:
    """The newest stops, released ones included."""
    s = stops.c
    wanted = sa.select(s.tenant_id, s.channel, s.stopped_at, s.released_at, s.released_by, s.because)
    if tenant is not None:
        wanted = wanted.where(s.tenant_id == tenant)
    return db.read(wanted.order_by(s.stopped_at.desc(), s.id.desc()).limit(limit))


def released_at(db: Database, tenants: Collection[int]) -> dict[tuple[int, str], datetime]:
    """When marketing of these tenants was last let go again: by tenant and channel."""
    s = stops.c
    wanted = (
        sa.select(s.tenant_id, s.channel, sa.func.max(s.released_at).label("released_at"))
        .where(s.released_at.is_not(None), s.tenant_id.in_(sorted(tenants)))
        .group_by(s.tenant_id, s.channel)
    )
    return {(tenant, channel): at for tenant, channel, at in db.read(wanted).iter_rows()}


def stop(db: Database, wanted: Sequence[Stop], *, by: str) -> list[Stop]:
    """Stop these; the ones that were not stopped already. Two who do it at once stop it once."""
    new = []
    with db.begin() as connection:
        for one in sorted(wanted, key=lambda each: (each.tenant_id, each.channel)):
            values = {name: getattr(one, name) for name in Stop.__dataclass_fields__}
            insert = db.insert(stops).values(values).on_conflict_do_nothing()
            if connection.scalar(insert.returning(stops.c.id)) is not None:
                new.append(one)
                detail = {"tenant": one.tenant_id, "channel": one.channel, "because": one.because}
                _told(connection, "stops.stop", detail, by, one.stopped_at)
    return new


def release(db: Database, tenant: int, channel: str, *, because: str, by: str, at: datetime) -> None:
    """Let a tenant's marketing go again; `RefusedError` where it is not stopped."""
    lasting = sa.update(stops).where(stops.c.tenant_id == tenant, stops.c.channel == channel, _LASTS)
    with db.begin() as connection:
        row = connection.execute(
            lasting.values(released_at=at, released_by=by).returning(stops.c.stopped_at)
        ).one_or_none()
        if row is None:
            msg = f"marketing by {channel} of tenant {tenant} is not stopped: see `automation stops list`"
            raise RefusedError(msg)
        detail = {"tenant": tenant, "channel": channel, "since": row.stopped_at, "because": because}
        _told(connection, "stops.release", detail, by, at)


def _told(connection: sa.Connection, action: str, detail: dict[str, object], by: str, at: datetime) -> None:
    connection.execute(audit.insert().values(at=at, by=by, action=action, detail=dump_json(detail)))
