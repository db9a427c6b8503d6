"""What is new on a day of the demo: customers, enquiries, quotes, visits, opt-outs, uses of passes, accounts.

How many there are follows from the size of the CRM, which and when from the day alone.
"""

import polars as pl

from automation_pipelines.demo.history import customers
from automation_pipelines.demo.places import DESTINATIONS, HAPPENINGS, REQUESTS
from automation_pipelines.demo.sales import PRIORITIES, SLA_HOURS
from automation_pipelines.demo.storage import Storage
from automation_pipelines.demo.success import opened
from automation_pipelines.demo.traces import FAMILY, GIVEN, ORIGINS
from automation_pipelines.demo.world import DAY, HOUR, PROBES, World, agent, newcomers

_LATER = 1_000_000_000  # where the ids of rows begin that come after the CRM was built
_MOST = 10_000  # of one kind a day
# How many customers bring one of them a day.
_CUSTOMERS, _QUERIES, _QUOTES, _EVENTS, _CONSENTS, _USES, _LEADS = 1_000, 500, 400, 500, 2_500, 250, 2_000


def arrive(storage: Storage, world: World, size: int, start: int, end: int) -> None:
    """Add what arrives after `start` and until `end`, which lie on one UTC day."""
    day = start // DAY

    def some(table: str, share: int) -> pl.DataFrame:
        rows = _drawn(world, table, day, size // share + 1)
        return rows.filter(pl.col("at").is_between(start + 1, end))

    storage.insert("customers", _joined(world, some("customers", _CUSTOMERS)))
    storage.insert("leads", _interested(world, some("leads", _LEADS)))
    storage.insert("accounts", opened(world, day).filter(pl.col("created_at").is_between(start + 1, end)))
    if size > PROBES:
        storage.insert(
            "queries", _asked(world, _of_somebody(storage, world, some("queries", _QUERIES), size))
        )
        storage.insert("quotes", _offered(world, _of_somebody(storage, world, some("quotes", _QUOTES), size)))
        storage.insert(
            "events", _happened(world, _of_somebody(storage, world, some("events", _EVENTS), size))
        )
        storage.insert("consents", _stated(_of_somebody(storage, world, some("consents", _CONSENTS), size)))
        storage.update("wallet_passes", _used(world, some("wallet_passes", _USES), size), "t.active")


def _drawn(world: World, table: str, day: int, count: int) -> pl.DataFrame:
    first = _LATER + day * _MOST
    rows = pl.DataFrame({"id": pl.int_range(first, first + min(count, _MOST), eager=True, dtype=pl.Int64)})
    return rows.with_columns(at=day * DAY + world.draws(table).below("second of arrival", DAY))


def _joined(world: World, arrivals: pl.DataFrame) -> pl.DataFrame:
    return customers(world, newcomers(world, arrivals), {}).drop("merged_into")


def _interested(world: World, rows: pl.DataFrame) -> pl.DataFrame:
    draws = world.draws("leads")
    given, family = (draws.pick(name, words) for name, words in (("given", GIVEN), ("family", FAMILY)))
    return rows.select(
        "id",
        tenant_id=draws.between("tenant", 1, 19),
        name=pl.format("{} {}", given, family),
        email=pl.format("lead.{}@example.net", "id"),
        origin=draws.pick("origin", ORIGINS),
        status=pl.lit("new"),
        created_at="at",
    )


def _of_somebody(storage: Storage, world: World, rows: pl.DataFrame, size: int) -> pl.DataFrame:
    """Give each row a customer, none of the probes."""
    rows = rows.with_columns(customer_id=world.draws("somebody").between("customer", PROBES + 1, size))
    wanted = ", ".join(str(number) for number in rows["customer_id"].unique().sort())
    known = storage.read("customers", ("id", "tenant_id"), f"id IN ({wanted})" if wanted else "false")
    rows = rows.join(known.rename({"id": "customer_id"}), on="customer_id", maintain_order="left")
    return rows.join(world.tenants(), on="tenant_id", maintain_order="left")


def _asked(world: World, rows: pl.DataFrame) -> pl.DataFrame:
    draws = world.draws("queries")
    rows = rows.with_columns(priority=draws.pick("priority", PRIORITIES))
    sla = pl.col("priority").replace_strict(SLA_HOURS, return_dtype=pl.Int64) * HOUR
    return rows.with_columns(
        agent_id=agent(draws, 200),
        title=draws.pick("title", REQUESTS),
        destination=draws.pick("destination", DESTINATIONS),
        status=pl.lit("open"),
        escalation_level=pl.lit(0),
        created_at="at",
        sla_due_at=pl.col("at") + sla,
        updated_at="at",
    )


def _offered(world: World, rows: pl.DataFrame) -> pl.DataFrame:
    draws = world.draws("quotes")
    return rows.with_columns(
        agent_id=agent(draws, 30),
        number=pl.format("Q-{}", "id"),
        destination=draws.pick("destination", DESTINATIONS),
        amount=draws.between("amount", 200, 12_000) * 100,
        currency="home_currency",
        status=pl.lit("sent"),
        created_at=pl.col("at") - HOUR,
        sent_at="at",
        expires_at=pl.col("at") + draws.pick("validity", ("7", "14", "21")).cast(pl.Int64) * DAY,
        updated_at="at",
    )


def _happened(world: World, rows: pl.DataFrame) -> pl.DataFrame:
    draws = world.draws("events")
    types, details = zip(*HAPPENINGS, strict=True)
    return rows.with_columns(type=draws.pick("what", types), detail=draws.pick("what", details))


def _stated(rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(channel=pl.lit("email"), topic=pl.lit(""), state=pl.lit("opted_out"))


def _used(world: World, rows: pl.DataFrame, size: int) -> pl.DataFrame:
    customer = world.draws("uses").between("customer", PROBES + 1, size)
    return rows.select(id=customer, updated_at="at").group_by("id").agg(pl.col("updated_at").max()).sort("id")
