"""The people of the demo: who they are before anything happens to them, and how rows hang on them.

Instants are whole seconds and dates whole days since 1970 (`crm` turns them into a database's types).
The first customers, the *probes*, are given what must not be left to chance: a birthday yesterday,
today and tomorrow, a quote of every age, a query past each escalation level, a payment of today; those
after the first 34 are made by hand, in `probes`.
"""

from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

import polars as pl

from automation_pipelines.demo.draws import Draws
from automation_pipelines.demo.people import TRADITIONS
from automation_pipelines.demo.places import TENANTS

HOUR, DAY = 3_600, 86_400
YEARS = 6 * 365 * DAY
# Probes are reachable: an address, no opt-out, an active tenant. Those up to `BUSY` have a history,
# those up to `SILENT` have been silent for as long as their tenant bears, the others are new.
BUSY, SILENT, NEW, PROBES = 24, 30, 34, 68
# The hand-made ones: who belongs to the tenant of another one, and who was added how many hours ago.
_TENANTS = {59: 2, 60: 2, 66: 9, 67: 9}
_ADDED = {50: 2, 51: 6 * 24, 52: 8 * 24, 53: 24}


@dataclass(frozen=True, slots=True)
class World:
    """What every block needs to know."""

    seed: int
    as_of: datetime
    users: pl.DataFrame

    @property
    def now(self) -> int:
        """`as_of` in whole seconds."""
        return int(self.as_of.timestamp())

    def tenant_of(self, probe: int) -> int:
        """The tenant of a probe; tenants 1 to 19 are active and wish to re-engage."""
        return _TENANTS.get(probe, 1 + probe % 19)

    def today(self, tenant: int) -> int:
        """The day it is in a tenant's zone, as days since 1970."""
        zone = ZoneInfo(TENANTS[tenant - 1].time_zone)
        return (self.as_of.astimezone(zone).date() - date(1970, 1, 1)).days

    def midnight(self, tenant: int) -> int:
        """When that day began, in whole seconds."""
        zone = ZoneInfo(TENANTS[tenant - 1].time_zone)
        return int(datetime.combine(self.as_of.astimezone(zone), time(), zone).timestamp())

    def currency(self, tenant: int) -> str:
        """The tenant's currency."""
        return TENANTS[tenant - 1].currency

    def first_agent(self, tenant: int) -> int:
        """The tenant's first active agent."""
        agents = self.users.filter(tenant_id=tenant, role="agent", active=True)["id"]
        return int(agents.min())  # type: ignore[arg-type] # every tenant has some

    def draws(self, table: str) -> Draws:
        """Give the draws of one table."""
        return Draws(self.seed, table)

    def tenants(self) -> pl.DataFrame:
        """Per tenant what its customers' rows are made from; `today` in the tenant's own zone."""
        agents = self.users.filter(role="agent").group_by("tenant_id").agg(agents=pl.col("id").sort())
        known = pl.DataFrame(
            {
                "tenant_id": range(1, len(TENANTS) + 1),
                "tradition": [list(TRADITIONS).index(tenant.names) for tenant in TENANTS],
                "home_country": [tenant.country for tenant in TENANTS],
                "home_currency": [tenant.currency for tenant in TENANTS],
                "inactivity": [tenant.inactivity_days or 0 for tenant in TENANTS],
                "today": [self.as_of.astimezone(ZoneInfo(tenant.time_zone)).date() for tenant in TENANTS],
            }
        )
        return known.join(agents, on="tenant_id").with_columns(pl.col("today").cast(pl.Int32).cast(pl.Int64))


_SHARES = [str(number) for number, tenant in enumerate(TENANTS, 1) for _ in range(tenant.share)]


def people(world: World, first: int, last: int) -> pl.DataFrame:
    """List the customers `first` to `last` with their tenant and the second they joined."""
    draws = world.draws("customers")
    age = draws.below("age", 65_536)
    frame = pl.DataFrame({"id": pl.int_range(first, last + 1, eager=True, dtype=pl.Int64)})
    return (
        frame.with_columns(
            tenant_id=pl.when(pl.col("id") <= PROBES)
            .then(pl.col("id").replace_strict(_TENANTS, default=1 + pl.col("id") % 19, return_dtype=pl.Int64))
            .otherwise(draws.pick("tenant", _SHARES).cast(pl.Int64)),
            probe=pl.when(pl.col("id") <= PROBES).then(pl.col("id")).otherwise(0),
        )
        .with_columns(
            # Twice as many joined lately as the average over the years.
            joined=world.now
            - pl.when(pl.col("probe").is_between(SILENT + 1, NEW))
            .then((pl.col("probe") - SILENT) * 9 * HOUR)
            .when(pl.col("probe").is_in(list(_ADDED)))
            .then(pl.col("probe").replace_strict(_ADDED, default=0, return_dtype=pl.Int64) * HOUR)
            .when(pl.col("probe") > 0)
            .then(400 * DAY)
            .otherwise(age * (age + 65_536) // 131_072 * YEARS // 65_536)
        )
        .join(world.tenants(), on="tenant_id", maintain_order="left")
    )


def newcomers(world: World, arrivals: pl.DataFrame) -> pl.DataFrame:
    """List the customers who join at an instant each (`id`, `at`), as `people` lists the others."""
    tenant = world.draws("customers").pick("tenant", _SHARES).cast(pl.Int64)
    known = arrivals.select("id", tenant_id=tenant, probe=pl.lit(0, pl.Int64), joined="at")
    return known.join(world.tenants(), on="tenant_id", maintain_order="left")


def expand(people: pl.DataFrame, count: pl.Expr, offset: int) -> pl.DataFrame:
    """`count` rows per customer, numbered on from `offset`, with what they inherit from the customer."""
    kept = people.select(
        "tenant_id", "probe", "joined", "today", "agents", "home_currency", customer_id="id", count=count
    ).filter(pl.col("count") > 0)
    places = kept.select(pl.int_range(pl.len()).repeat_by("count").explode()).to_series()
    rows = kept.drop("count")[places]
    return rows.with_columns(id=pl.int_range(offset + 1, offset + rows.height + 1, dtype=pl.Int64))


def count_of(draws: Draws, one: int, two: int) -> pl.Expr:
    """0, 1 or 2 rows: `one` and `two` customers in a thousand have that many."""
    drawn = draws.below("count", 1000)
    return pl.when(drawn < two).then(2).when(drawn < two + one).then(1).otherwise(0)


def agent(draws: Draws, none: int) -> pl.Expr:
    """Choose an agent of the tenant; nobody for `none` rows in a thousand."""
    place = draws.below("agent", 1_000_000) % pl.col("agents").list.len().cast(pl.Int64)
    return pl.when(~draws.chance("unassigned", none)).then(pl.col("agents").list.get(place))


def in_history(draws: Draws, now: int) -> pl.Expr:
    """Draw a second between the customer's joining and now."""
    return pl.col("joined") + (now - pl.col("joined")) * draws.below("when", 65_536) // 65_536
