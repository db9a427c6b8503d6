"""Pools of codes that are given out one by one. A code belongs to its job for ever."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

import polars as pl
import sqlalchemy as sa

from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.ledger.tables import coupons, jobs

LONGEST = 120
"""Characters of a code."""


@dataclass(frozen=True, slots=True)
class Pool:
    """How many codes a pool has had, and how many are left."""

    pool: str
    codes: int
    given: int

    @property
    def left(self) -> int:
        """Codes that nobody has."""
        return self.codes - self.given


def add(db: Database, pool: str, codes: Iterable[str]) -> int:
    """Add codes behind those of the pool; one that it had is not added again. Returns how many were new."""
    c = coupons.c
    with db.begin() as connection:
        last = connection.scalar(sa.select(sa.func.max(c.place)).where(c.pool == pool)) or 0
        rows = [
            {"pool": pool, "code": code, "place": place}
            for place, code in enumerate(dict.fromkeys(codes), start=last + 1)
        ]
        if not rows:
            return 0
        staged = db.ingest(connection, "new_codes", pl.DataFrame(rows))
        columns = ["pool", "code", "place"]
        new = sa.select(*(staged.c[name] for name in columns)).where(sa.true())
        statement = db.insert(coupons).from_select(columns, new).on_conflict_do_nothing()
        return connection.execute(statement, execution_options={"preserve_rowcount": True}).rowcount


def status(db: Database) -> list[Pool]:
    """Every pool."""
    c = coupons.c
    counted = sa.select(c.pool, sa.func.count(), sa.func.count(c.job_id)).group_by(c.pool).order_by(c.pool)
    with db.reading() as connection:
        return [Pool(*row) for row in connection.execute(counted)]


def free(db: Database, pools: Collection[str], limit: int) -> pl.DataFrame:
    """(pool, place, code): of each pool at least the next `limit` codes, fewer if there are no more."""
    c = coupons.c
    first = [
        sa.select(c.pool, c.place, c.code)
        .where(c.pool == pool, c.job_id.is_(None))
        .order_by(c.place)
        .limit(limit)
        .subquery()
        for pool in sorted(pools)
    ]
    return db.read(sa.union_all(*(sa.select(one) for one in first)))


def give(db: Database, connection: sa.Connection, given: pl.DataFrame, tick_id: int, at: datetime) -> None:
    """Bind codes (`KEY`, pool, code) to the jobs of a tick. Whose key was taken before gets none."""
    if given.is_empty():
        return
    staged = db.ingest(connection, "given_codes", given)
    same = sa.and_(jobs.c.tick_id == tick_id, *(jobs.c[name] == staged.c[name] for name in KEY))
    new = sa.select(staged.c.pool, staged.c.code, jobs.c.id.label("job_id")).join(jobs, same).subquery("new")
    wanted = connection.scalar(sa.select(sa.func.count()).select_from(new)) or 0
    bound = connection.execute(
        coupons.update()
        .where(coupons.c.pool == new.c.pool, coupons.c.code == new.c.code, coupons.c.job_id.is_(None))
        .values(job_id=new.c.job_id, given_at=at),
        execution_options={"preserve_rowcount": True},
    ).rowcount
    if bound != wanted:
        msg = "a coupon was given to somebody else meanwhile: nothing is written; run the tick again"
        raise RefusedError(msg)
