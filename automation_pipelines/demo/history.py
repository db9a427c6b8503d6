"""Everything about a block of customers, put together: their own rows and what belongs to them."""

from collections.abc import Sequence

import polars as pl

from automation_pipelines.demo.draws import Draws
from automation_pipelines.demo.people import TRADITIONS
from automation_pipelines.demo.places import HAPPENINGS, TENANTS, ZONES
from automation_pipelines.demo.sales import bookings, payments, queries, quotes
from automation_pipelines.demo.world import (
    BUSY,
    DAY,
    HOUR,
    SILENT,
    World,
    agent,
    count_of,
    expand,
    in_history,
    people,
)

_SEGMENTS = ("family", "family", "family", "adventure", "adventure", "business", "luxury", None)
_BROKEN = (
    "not given",
    "no-at-sign.example.com",
    "two@@example.com",
    "dots@example..com",
    "space @example.com",
    "@",
)
_DOMAINS = ("example.com", "example.org", "example.net", "post.example.org", "mail.example.com")
# Addresses per thousand customers.
_MISSING, _BLANK, _USELESS = 25, 5, 10
# Traditions that write the family name first.
_FAMILY_FIRST = ("japanese", "chinese", "korean", "vietnamese")


def block(world: World, first: int, last: int, offsets: dict[str, int]) -> dict[str, pl.DataFrame]:
    """Make all rows of the customers `first` to `last`; ids of other tables continue after `offsets`."""
    known = people(world, first, last)
    asked = queries(world, known, offsets["queries"])
    offers = quotes(world, known, offsets["quotes"])
    trips = bookings(world, known, offers, offsets["bookings"])
    money = payments(world, trips, offsets["payments"])
    happened = events(world, known, offsets["events"])
    dealings = {"queries": asked, "quotes": offers, "bookings": trips, "payments": money, "events": happened}
    return {"customers": customers(world, known, dealings), **dealings}


def events(world: World, known: pl.DataFrame, offset: int) -> pl.DataFrame:
    """Make typed, dated things that happened to customers."""
    draws, now, probe = world.draws("events"), world.now, pl.col("probe")
    count = (
        pl.when(probe.is_between(17, 20)).then(1).when(probe > 0).then(0).otherwise(count_of(draws, 300, 100))
    )
    what = pl.when(probe > 0).then(0).otherwise(draws.below("what", len(HAPPENINGS)))
    types, details = (pl.lit(pl.Series(words)) for words in zip(*HAPPENINGS, strict=True))
    return expand(known, count, offset).with_columns(
        type=types.gather(what),
        detail=details.gather(what),
        at=pl.when(probe > 0).then(now - (probe - 16) * 7 * HOUR).otherwise(in_history(draws, now)),
    )


def customers(world: World, known: pl.DataFrame, dealings: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Make the customers' own rows, in agreement with what they did."""
    draws = world.draws("customers")
    rows = _named(known, draws).join(_summary(dealings), on="customer_id", how="left", maintain_order="left")
    return _dated(rows, world, draws).with_columns(
        email=_email(draws),
        phone=pl.when(~draws.chance("no_phone", 100)).then(
            pl.format("+44 1632 960{}", draws.below("phone", 1000).cast(pl.String).str.zfill(3))
        ),
        locale=pl.when(draws.chance("own_locale", 100)).then("locale"),
        time_zone=pl.when(draws.chance("abroad", 80)).then(draws.pick("zone", ZONES)),
        country=pl.when(draws.chance("foreigner", 200))
        .then(draws.pick("country", [tenant.country for tenant in TENANTS]))
        .otherwise("home_country"),
        segment=draws.pick("segment", _SEGMENTS),
        lifetime_value=pl.col("paid").fill_null(0),
        status=pl.when(pl.col("last_trip").is_null())
        .then(pl.lit("lead"))
        .when(pl.col("last_trip") >= pl.col("today") - 730)
        .then(pl.lit("active"))
        .otherwise(pl.lit("past")),
        email_opt_out=(pl.col("probe") == 0) & draws.chance("opt_out", 80),
        agent_id=agent(draws, 50),
        first_name=pl.when(pl.col("probe").gt(0) | ~draws.chance("surname_only", 10)).then("first_name"),
    )


def _named(known: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """Add name, first_name and a plain spelling: seven in ten in the tenant's own tradition."""
    elsewhere = draws.below("tradition", len(TRADITIONS))
    named = known.with_columns(
        customer_id=pl.col("id"),
        tradition=pl.when(draws.chance("at_home", 700)).then("tradition").otherwise(elsewhere),
    )
    first, first_plain = _word(draws, "given", [names.given for names in TRADITIONS.values()])
    last, last_plain = _word(draws, "family", [names.family for names in TRADITIONS.values()])
    return named.with_columns(
        name=pl.when(_of_tradition([name in _FAMILY_FIRST for name in TRADITIONS]))
        .then(pl.format("{} {}", last, first))
        .otherwise(pl.format("{} {}", first, last)),
        first_name=first,
        plain_name=pl.format("{}.{}", first_plain, last_plain),
        locale=_of_tradition([names.locale for names in TRADITIONS.values()]),
    )


def _of_tradition(values: Sequence[object]) -> pl.Expr:
    return pl.lit(pl.Series(values)).gather(pl.col("tradition"))


def _word(draws: Draws, column: str, words: Sequence[Sequence[tuple[str, str]]]) -> tuple[pl.Expr, pl.Expr]:
    """Choose a word of the row's tradition as written, and its plain spelling."""
    sizes = [len(group) for group in words]
    starts = [sum(sizes[:place]) for place in range(len(sizes))]
    place = _of_tradition(starts) + draws.below(column, 1_000_000) % _of_tradition(sizes)
    written, plain = zip(*(pair for group in words for pair in group), strict=True)
    return pl.lit(pl.Series(written)).gather(place), pl.lit(pl.Series(plain)).gather(place)


def _email(draws: Draws) -> pl.Expr:
    """Missing for 3 %, of which a few are blank; of no use as an address for 1 %."""
    usual = pl.format("{}.{}@{}", "plain_name", "id", draws.pick("domain", _DOMAINS))
    quality = draws.below("email", 1000)
    return (
        pl.when(pl.col("probe") > 0)
        .then(usual)
        .when(quality < _MISSING)
        .then(None)
        .when(quality < _MISSING + _BLANK)
        .then(pl.lit(""))
        .when(quality < _MISSING + _BLANK + _USELESS)
        .then(draws.pick("broken", _BROKEN))
        .otherwise(usual)
    )


def _summary(dealings: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Per customer: the first and last thing that happened, the last trip, what was paid."""
    stamps = {
        "queries": "created_at",
        "quotes": "created_at",
        "bookings": "booked_at",
        "payments": "paid_at",
        "events": "at",
    }
    traces = [
        dealings[table].select("customer_id", at=pl.col(stamp), theirs=pl.lit(table != "quotes"))
        for table, stamp in stamps.items()
    ]
    # A quote is what we did: it is no activity of the customer.
    seen = (
        pl.concat(traces)
        .group_by("customer_id")
        .agg(first=pl.col("at").min(), last=pl.col("at").filter("theirs").max())
    )
    trips = dealings["bookings"].filter(pl.col("status") != "cancelled")
    travelled = trips.group_by("customer_id").agg(last_trip=pl.col("departure_on").max())
    money = (
        dealings["payments"].filter(status="paid").group_by("customer_id").agg(paid=pl.col("amount").sum())
    )
    return seen.join(travelled, on="customer_id", how="left").join(money, on="customer_id", how="left")


def _dated(rows: pl.DataFrame, world: World, draws: Draws) -> pl.DataFrame:
    """Add birthday, created_at, last_activity_at and updated_at."""
    probe, leap_year = pl.col("probe"), pl.date(2000, 1, 1).cast(pl.Int32).cast(pl.Int64)
    nearby = probe.is_between(1, 6)
    day = (
        pl.when(nearby).then(pl.col("today") + probe % 3 - 1)
        .when(probe.is_between(7, 8)).then(leap_year + 59)
        .otherwise(leap_year + draws.below("birthday", 366))
    ).cast(pl.Int32).cast(pl.Date)  # fmt: skip
    year = pl.when(probe > 0).then(1988).otherwise(draws.between("year", 1940, 2005))
    leaps = day.dt.strftime("%m-%d") == "02-29"
    born = pl.date(pl.when(leaps).then(year // 4 * 4).otherwise(year), day.dt.month(), day.dt.day())
    silent = probe.is_between(BUSY + 1, SILENT)  # their silence ends yesterday, today or tomorrow
    silence = (pl.col("inactivity") + probe % 3 - 1) * DAY
    return rows.with_columns(
        birthday=pl.when((probe > 0) | ~draws.chance("no_birthday", 150)).then(
            born.cast(pl.Int32).cast(pl.Int64)
        ),
        created_at=pl.min_horizontal("joined", pl.col("first") - HOUR),
        last_activity_at=pl.when(silent)
        .then(world.now - silence)
        .otherwise(pl.max_horizontal("joined", "last")),
    ).with_columns(
        created_at=pl.min_horizontal("created_at", "last_activity_at"),
        updated_at=pl.max_horizontal("last_activity_at", "created_at"),
    )
