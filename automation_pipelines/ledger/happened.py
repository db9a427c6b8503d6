"""What the automation database itself knows to have happened, in the form in which sources are read.

Answers for the sources whose `origin` is the ledger: tracked changes, interventions, what became of
messages. Reads only; tests of a campaign count nowhere.
"""

from collections.abc import Iterable, Sequence
from typing import Any, assert_never

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Among, InRange, OnMonthDay, Predicate, Range
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import changes, events, identities, interventions, jobs
from automation_pipelines.model import EventType, State

Part = tuple[Sequence[Predicate], tuple[Range, ...]]
"""Predicates that rows match, and the ranges of anchors which bind them."""


def read(db: Database, source: str, parts: Iterable[Part]) -> pl.DataFrame:
    """The rows of a source of the ledger that match any of the parts; columns as the catalogue says."""
    rows = _rows(db, source).subquery("happened")
    statement = sa.select(*rows.c).where(sa.or_(*(_matches(rows, part) for part in parts)))
    columns = [column.name for column in SOURCES[source].columns]
    return db.read(statement).select("id", pl.col("id").cast(pl.String).alias("id_text"), *columns[1:])


def _rows(db: Database, source: str) -> sa.Select[Any] | sa.CompoundSelect[Any]:
    match source:
        case "changes":
            return sa.select(changes)
        case "interventions":
            names = [column.name for column in SOURCES[source].columns]
            return sa.select(*(interventions.c[name] for name in names))
        case "message_events":
            return sa.union_all(_sent(), _told(db))
        case _:
            msg = f"the ledger does not answer for source {source}"
            raise ValueError(msg)


def _sent() -> sa.Select[Any]:
    machine = sa.literal(value=False, type_=sa.Boolean())
    sent = _messages(jobs.c.id, sa.literal(str(EventType.SENT), sa.String()), machine, jobs.c.finished_at)
    return sent.where(jobs.c.state == str(State.COMPLETED))


def _told(db: Database) -> sa.Select[Any]:
    # Below the ids of jobs, which name what was sent. A provider's own "sent" says it a second time.
    told = _messages(-events.c.id, events.c.type, by_machine(db), events.c.at)
    return told.join(events, events.c.job_id == jobs.c.id).where(events.c.type != str(EventType.SENT))


def _messages(*own: sa.ColumnElement[Any]) -> sa.Select[Any]:
    key, type_, machine, at = own
    return (
        sa.select(
            key.label("id"),
            jobs.c.tenant_id,
            jobs.c.customer_id,
            jobs.c.subject_id,
            identities.c.campaign,
            identities.c.step,
            jobs.c.channel,
            jobs.c.purpose,
            type_.label("type"),
            machine.label("machine"),
            at.label("at"),
        )
        .select_from(jobs)
        .join(identities, identities.c.id == jobs.c.step_id)
        .where(identities.c.mode == "live")
    )


def by_machine(db: Database) -> sa.ColumnElement[bool]:
    """What feedback says of its origin, or its detail; nothing said is no machine."""
    said: sa.ColumnElement[str] = sa.func.jsonb_extract_path_text(sa.cast(events.c.detail, JSONB), "machine")
    if db.dialect == "sqlite":
        said = sa.cast(sa.func.json_extract(events.c.detail, "$.machine"), sa.Text)
    return sa.func.coalesce(events.c.machine, said.in_(("true", "1")), sa.false(), type_=sa.Boolean())


def _matches(rows: sa.Subquery, part: Part) -> sa.ColumnElement[bool]:
    where, ranges = part
    return sa.and_(sa.true(), *(_condition(rows, predicate, ranges) for predicate in where))


def _condition(rows: sa.Subquery, predicate: Predicate, ranges: tuple[Range, ...]) -> sa.ColumnElement[bool]:
    column = rows.c[predicate.column]
    match predicate:
        case Among(values=values):
            return column.in_(values)
        case InRange():
            within = [_within(column, lo, hi) for lo, hi in predicate.reach(ranges)]
            return sa.or_(*within) if within else sa.true()
        case OnMonthDay():
            return sa.true()
        case _:
            assert_never(predicate)


def _within(column: sa.ColumnElement[Any], lo: object, hi: object) -> sa.ColumnElement[bool]:
    bounds = [column >= lo] if lo is not None else []
    bounds += [column <= hi] if hi is not None else []
    return sa.and_(sa.true(), *bounds)
