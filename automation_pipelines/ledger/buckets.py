"""What may still go under rate limits, counted in the database for all workers together.

Which limits there are is said elsewhere; a bucket nobody took from yet is full.
"""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import UtcDateTime, buckets
from automation_pipelines.settings.limits import Allowance

# Clocks of workers differ by less. What was filled later than that is of a clock that was set back since.
_AHEAD = timedelta(minutes=1)


def take(db: Database, scope: str, allowance: Allowance, count: int, now: datetime) -> int:
    """Take up to `count` of one bucket and return how many there were; what is less than none gives back."""
    with db.begin() as connection:
        level = levels(db, connection, {scope: allowance}, now)[scope]
        taken = min(count, whole(level))
        spend(db, connection, {scope: level - taken}, now)
    return taken


def whole(level: float) -> int:
    """How many may go; a hair's breadth below one is one."""
    return max(int(level + 1e-6), 0)


def give_back(
    db: Database, allowances: Mapping[str, Allowance], counts: Mapping[str, int], now: datetime
) -> None:
    """Return what was taken and not used."""
    with db.begin() as connection:
        known = levels(db, connection, allowances, now)
        filled = {scope: min(known[scope] + counts[scope], one.full) for scope, one in allowances.items()}
        spend(db, connection, filled, now)


def levels(
    db: Database, connection: sa.Connection, allowances: Mapping[str, Allowance], now: datetime
) -> dict[str, float]:
    """What each bucket holds now. Other workers wait for the end of this transaction with theirs."""
    if not allowances:
        return {}
    found = _locked(connection, allowances)
    absent = allowances.keys() - found.keys()
    if absent:
        # They are made before they are used: a row that is not there cannot be locked.
        rows = [(scope, allowances[scope].full, now) for scope in sorted(absent)]
        given = db.listed("given", _COLUMNS, rows)
        insert = db.insert(buckets).from_select(list(_COLUMNS), sa.select(*given.c).where(sa.true()))
        connection.execute(insert.on_conflict_do_nothing())
        found |= _locked(connection, absent)
    # Else they would stay empty until the clock is again where it was.
    ahead = {scope: tokens for scope, (tokens, at) in found.items() if at - now > _AHEAD}
    spend(db, connection, ahead, now)
    return {scope: allowances[scope].level(tokens, at, now) for scope, (tokens, at) in found.items()}


_COLUMNS: dict[str, sa.types.TypeEngine[Any]] = {
    "scope": sa.String(),
    "tokens": sa.Float(),
    "refilled_at": UtcDateTime(),
}


def _locked(connection: sa.Connection, scopes: Collection[str]) -> dict[str, tuple[float, datetime]]:
    # Always in the same order, so that no two workers wait for each other.
    wanted = sa.select(buckets).where(buckets.c.scope.in_(sorted(scopes))).order_by(buckets.c.scope)
    rows = connection.execute(wanted.with_for_update())
    return {row.scope: (row.tokens, row.refilled_at) for row in rows}


def spend(db: Database, connection: sa.Connection, left: Mapping[str, float], now: datetime) -> None:
    """Write what is left in buckets whose `levels` were asked in this transaction; one statement."""
    if not left:
        return
    told = db.listed("told", _COLUMNS, [(scope, tokens, now) for scope, tokens in sorted(left.items())]).c
    connection.execute(
        sa.update(buckets)
        .where(buckets.c.scope == told.scope)
        .values(tokens=told.tokens, refilled_at=told.refilled_at)
    )
