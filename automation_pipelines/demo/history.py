"""Everything about a block of customers, put together: their own rows and what belongs to them."""

from collections.abc import Sequence

import polars as pl

from automation_pipelines.demo.draws import Draws
from automation_pipelines.demo.people import TRADITIONS
from automation_pipelines.demo.places import COMPANIES, HAPPENINGS, PHONES, STAGES, TENANTS, ZONES
from automation_pipelines.demo.probes import dealings as by_hand
from automation_pipelines.demo.probes import profile
from automation_pipelines.demo.sales import bookings, payments, queries, quotes
from automation_pipelines.demo.success import accounts, surroundings
from automation_pipelines.demo.traces import traces
from automation_pipelines.demo.world import (
    BUSY,
    DAY,
    HOUR,
    PROBES,
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
# Of a thousand customers, how many wrote their phone number so or one of the ways before.
_ABROAD, _AT_HOME, _ODD = 600, 870, 880
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
    if first == 1:
        dealings = _together(dealings, by_hand(world, last))
    own = customers(world, known, dealings)
    companies = accounts(world, own, offsets["accounts"])
    return {
        "customers": own,
        **dealings,
        "accounts": companies,
        **surroundings(world, companies),
        **_together(traces(world, own, dealings["bookings"]), by_hand(world, last) if first == 1 else {}),
    }


def _together(made: dict[str, pl.DataFrame], more: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """The rows of both, for the tables of the first."""
    return {
        name: pl.concat([frame, more[name]], how="diagonal_relaxed") if name in more else frame
        for name, frame in made.items()
    }


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
    rows = (
        _dated(rows, world, draws)
        .with_columns(
            email=_email(draws),
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
            push_token=pl.when(draws.chance("app", 300)).then(pl.format("push-{}", "id")),
            serial=pl.when(draws.chance("pass", 250) & (pl.col("probe") == 0)).then(
                pl.format("W-{}", pl.col("id").cast(pl.String).str.zfill(7))
            ),
            removed=world.draws("wallet_passes").chance("removed", 100),
            company_name=_company(draws),
        )
        .with_columns(wallet_pass=pl.when(~pl.col("removed")).then("serial"))
    )
    rows = _families(_staged(rows, world, draws), draws).with_columns(phone=_phone(draws))
    return rows.update(profile(world), on="id").with_columns(
        updated_at=pl.max_horizontal("updated_at", "last_activity_at", "stage_entered_at")
    )


def _company(draws: Draws) -> pl.Expr:
    first, second = COMPANIES
    name = pl.format("{} {}", draws.pick("company", first), draws.pick("branch", second))
    return pl.when((pl.col("probe") == 0) & draws.chance("business", 180)).then(name)


def _staged(rows: pl.DataFrame, world: World, draws: Draws) -> pl.DataFrame:
    """Add the stage of the sales pipeline of a third of all customers, entered within 120 days."""
    within = (pl.col("probe") == 0) & draws.chance("within", 330)
    entered = pl.max_horizontal("joined", world.now - draws.below("entered", 120 * DAY))
    return rows.with_columns(
        pipeline_stage=pl.when(within).then(draws.pick("stage", STAGES)),
        stage_entered_at=pl.when(within).then(entered),
    )


def _families(rows: pl.DataFrame, draws: Draws) -> pl.DataFrame:
    """A few customers have the address of another one of the tenant; some of them are the same person."""
    relative = (pl.col("probe") == 0) & draws.chance("relative", 12)
    rows = rows.with_columns(relative=relative, twin=relative & draws.chance("twin", 300))
    before, alone = (pl.col(name).shift(1).over("tenant_id") for name in ("id", "relative"))
    their = pl.col("email").shift(1).over("tenant_id")
    chosen = ~alone & (before > PROBES)
    return rows.with_columns(
        email=pl.when(pl.col("relative") & chosen).then(their).otherwise("email"),
        merged_into=pl.when(pl.col("twin") & chosen).then(before),
    )


def _phone(draws: Draws) -> pl.Expr:
    """As people write them: with the country's code, within the country, or something else."""
    code, trunk, start, digits = (
        pl.col("country").replace_strict({name: parts[place] for name, parts in PHONES.items()})
        for place in range(4)
    )
    rest = draws.below("phone", 10_000).cast(pl.String).str.zfill(4).str.slice(-digits, digits)
    style = pl.when(pl.col("probe") > 0).then(0).otherwise(draws.below("style", 1000))
    return (
        pl.when(style < _ABROAD)
        .then(pl.concat_str(code, pl.lit(" "), start, rest))
        .when(style < _AT_HOME)
        .then(pl.concat_str(trunk, start, rest))
        .when(style < _ODD)
        .then(draws.pick("odd", ("ask my wife", "12", "n/a")))
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
    if not dealings:
        columns = ("customer_id", "first", "last", "last_trip", "paid")
        return pl.DataFrame(schema=dict.fromkeys(columns, pl.Int64))
    stamps = {
        "queries": "created_at",
        "quotes": "created_at",
        "bookings": "booked_at",
        "payments": "paid_at",
        "events": "at",
    }
    happened = [
        dealings[table].select("customer_id", at=pl.col(stamp), theirs=pl.lit(table != "quotes"))
        for table, stamp in stamps.items()
    ]
    # A quote is what we did: it is no activity of the customer.
    seen = (
        pl.concat(happened)
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
