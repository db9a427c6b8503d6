"""Frames → audiences: nine of them over all rows of all customers."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime

import duckdb
import polars as pl

from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.catalogue.types import Anchor
from automation_pipelines.engine import open_engine
from automation_pipelines.selection import EARLIEST, Need, select
from automation_pipelines.sqlfiles import SHIPPED, SqlFiles
from automation_pipelines.tick import find_work, known
from benchmarks.harness import AS_OF, Measured, Setting, Stage, Way, stopwatch
from benchmarks.programme import installation, source

_SAMPLE = 100_000  # customers


def needs(setting: Setting) -> tuple[Need, ...]:
    return find_work(installation(setting, "small"), AS_OF).needs


def in_engine(setting: Setting) -> Measured:
    wanted = needs(setting)
    frames = known(installation(setting, "small"), {name: source(setting, name) for name in CRM_SOURCES})
    with open_engine() as engine, stopwatch() as watch:
        engine.add(**frames)
        found = sum(select(engine, SqlFiles(), need, as_of=AS_OF, leap_day="02-28")[1] for need in wanted)
    return Measured(watch, setting.customers, found=found)


def bare_duckdb(setting: Setting) -> Measured:
    wanted, found = needs(setting), 0
    settings = _settings(setting)
    with stopwatch() as watch, duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute((SHIPPED / "macros.sql").read_text(encoding="utf-8"))
        for name in CRM_SOURCES:
            path = setting.home / "sources" / f"{name}.parquet"
            connection.execute(f"CREATE VIEW {name} AS SELECT * FROM read_parquet('{path}')")
        connection.register("settings", settings)
        for need in wanted:
            dated = need.entry.anchor is Anchor.DATE
            connection.register("ranges", _ranges(need))
            connection.register("days", _days(need) if dated else pl.DataFrame({"day": [], "month_day": []}))
            text = (SHIPPED / "audiences" / f"{need.audience}.sql").read_text(encoding="utf-8")
            parameters = {"as_of": AS_OF} if "$as_of" in text else {}
            found += connection.sql(text, params=parameters).to_arrow_table().num_rows
    return Measured(watch, setting.customers, found=found)


def _ranges(need: Need) -> pl.DataFrame:
    kind = pl.Datetime("us", "UTC")
    rows = [(lo or EARLIEST, hi) for lo, hi in need.ranges]
    return pl.DataFrame(rows, schema={"lo": kind, "hi": kind}, orient="row")


def _days(need: Need) -> pl.DataFrame:
    spans = [pl.date_range((lo or EARLIEST).date(), hi.date(), eager=True) for lo, hi in need.ranges]
    days = pl.concat(spans).unique()
    return pl.DataFrame({"day": days, "month_day": days.dt.strftime("%m-%d")})


def python_loop(setting: Setting) -> Measured:
    """One customer after the other, one row after the other, in plain Python."""
    wanted = {need.audience: need.ranges for need in needs(setting)}
    limit = min(_SAMPLE, setting.customers)
    frames = {
        name: source(setting, name).filter(pl.col("customer_id") <= limit)
        for name in ("queries", "quotes", "payments")
    }
    customers = source(setting, "customers").head(limit)
    # The demo's tenants all count what the CRM's `last_activity_at` sums up.
    silent = _settings(setting).filter("re_engagement_enabled", pl.col("inactivity_days").is_not_null())
    with stopwatch() as watch:
        found = _per_customer(customers, set(silent["tenant_id"]), wanted) + _per_row(frames, wanted)
    return Measured(watch, limit, of=setting.customers, found=sum(found.values()))


Ranges = Mapping[str, tuple[tuple[datetime | None, datetime], ...]]


def _inside(moment: datetime | None, ranges: Iterable[tuple[datetime | None, datetime]]) -> bool:
    return moment is not None and any((lo is None or moment >= lo) and moment <= hi for lo, hi in ranges)


def _days_by_name(ranges: Iterable[tuple[datetime | None, datetime]]) -> dict[tuple[int, int], set[date]]:
    days: dict[tuple[int, int], set[date]] = {}
    for lo, hi in ranges:
        for day in pl.date_range((lo or EARLIEST).date(), hi.date(), eager=True):
            days.setdefault((day.month, day.day), set()).add(day)
    return days


def _settings(setting: Setting) -> pl.DataFrame:
    few = {name: source(setting, name) for name in ("tenants", "tenant_settings")}
    return known(installation(setting, "small"), few)["settings"]


def _per_customer(customers: pl.DataFrame, re_engaging: set[int], wanted: Ranges) -> Counter[str]:
    found: Counter[str] = Counter()
    birthdays, anniversaries = _days_by_name(wanted["birthdays"]), _days_by_name(wanted["anniversaries"])
    for customer in customers.iter_rows(named=True):
        if customer["merged_into"] is not None:
            continue
        born, created = customer["birthday"], customer["created_at"]
        joined = created.astimezone(UTC).date()
        if born:
            days = birthdays.get((born.month, born.day), ())
            found["birthdays"] += sum(day.year > born.year for day in days)
        days = anniversaries.get((joined.month, joined.day), ())
        found["anniversaries"] += sum(day.year > joined.year for day in days)
        if created <= AS_OF:
            found["customers"] += 1
            found["new_customers"] += _inside(created, wanted["new_customers"])
            last = max(created, customer["last_activity_at"])
            if customer["tenant_id"] in re_engaging and last <= AS_OF:
                found["inactive_customers"] += _inside(last, wanted["inactive_customers"])
    return found


def _per_row(frames: Mapping[str, pl.DataFrame], wanted: Ranges) -> Counter[str]:
    found: Counter[str] = Counter()
    for query in frames["queries"].iter_rows(named=True):
        if query["status"] in ("open", "in_progress") and query["created_at"] <= AS_OF:
            found["open_queries"] += _inside(query["sla_due_at"], wanted["open_queries"])
    for quote in frames["quotes"].iter_rows(named=True):
        if quote["status"] in ("sent", "viewed") and quote["sent_at"] and quote["sent_at"] <= AS_OF:
            found["open_quotes"] += _inside(quote["sent_at"], wanted["open_quotes"])
            found["expiring_quotes"] += _inside(quote["expires_at"], wanted["expiring_quotes"])
    for payment in frames["payments"].iter_rows(named=True):
        if payment["status"] == "paid" and payment["paid_at"] <= AS_OF:
            found["payments_received"] += _inside(payment["paid_at"], wanted["payments_received"])
    return found


STAGES = (
    Stage(
        "nine audiences",
        (
            Way("audience SQL over frames", in_engine),
            Way("limit: bare DuckDB over Parquet", bare_duckdb),
            Way("per-customer Python loop", python_loop),
        ),
    ),
)
