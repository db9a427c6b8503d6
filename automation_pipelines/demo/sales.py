"""What customers ask for and are offered: queries, quotes, bookings and payments."""

import polars as pl

from automation_pipelines.demo.places import DESTINATIONS, REQUESTS
from automation_pipelines.demo.world import BUSY, DAY, HOUR, World, agent, count_of, expand, in_history

# Seconds past the deadline at which open queries are found, one range per escalation level.
_LATENESS = ((0, 3_600), (3_600, 7_200), (7_200, 14_400), (14_400, 28_800), (28_800, 172_800))
PRIORITIES = ("low", "normal", "normal", "normal", "normal", "high", "high", "urgent")
SLA_HOURS = {"low": 48, "normal": 24, "high": 8, "urgent": 4}
# Payments per thousand that do not arrive, and those of them that the bank refused.
_UNLUCKY, _REFUSED = 50, 15
_INHERITED = ("tenant_id", "customer_id", "probe", "joined", "today", "home_currency")
# Probes 19 and 20 hold quotes that expired lately, 21 to 24 such that soon will.
_HOURS_LEFT = {19: -2, 20: -20, 21: 3, 22: 20, 23: 30, 24: 47}


def queries(world: World, people: pl.DataFrame, offset: int) -> pl.DataFrame:
    """Make enquiries: most resolved in their time, a few open around their deadline, rarely one forgotten."""
    draws, now = world.draws("queries"), world.now
    busy = pl.col("probe").is_between(1, BUSY)
    rows = expand(
        people,
        pl.when(busy).then(1).when(pl.col("probe") > 0).then(0).otherwise(count_of(draws, 180, 60)),
        offset,
    )
    slot = pl.when(pl.col("probe") > 0).then(pl.col("probe") % 10).otherwise(draws.below("slot", 10))
    rows = rows.with_columns(
        agent_id=agent(draws, 40),
        title=draws.pick("title", REQUESTS),
        destination=draws.pick("destination", DESTINATIONS),
        priority=draws.pick("priority", PRIORITIES),
        fresh=(pl.col("probe") > 0) | draws.chance("fresh", 40),
        forgotten=(pl.col("probe") == 0) & draws.chance("forgotten", 3),
        slot=slot,
    ).with_columns(sla=pl.col("priority").replace_strict(SLA_HOURS, return_dtype=pl.Int64) * HOUR)
    deadline = now + pl.col("sla") * draws.below("left", 1000) // 1000
    for level, (lowest, highest) in enumerate(_LATENESS):
        deadline = (
            pl.when(pl.col("slot") == level)
            .then(now - draws.between("late", lowest, highest - 1))
            .otherwise(deadline)
        )
    taken = pl.col("sla") * draws.below("taken", 1300) // 1000
    rows = rows.with_columns(
        sla_due_at=pl.when("fresh").then(deadline).otherwise(in_history(draws, now) + pl.col("sla"))
    ).with_columns(created_at=pl.col("sla_due_at") - pl.col("sla"))
    rows = rows.with_columns(
        resolved_at=pl.when(~pl.col("fresh") & ~pl.col("forgotten")).then(
            pl.min_horizontal(pl.col("created_at") + taken, now)
        )
    )
    late = (pl.coalesce("resolved_at", pl.lit(now)) - pl.col("sla_due_at")) // 60
    open_, done = (
        draws.pick("open", ("open", "open", "in_progress")),
        draws.pick("done", ("resolved", "resolved", "closed")),
    )
    return rows.with_columns(
        status=pl.when(pl.col("resolved_at").is_null()).then(open_).otherwise(done),
        # Past breaches were escalated in their time; fresh ones are still to be.
        escalation_level=pl.when("fresh")
        .then(0)
        .otherwise(sum((late >= minutes).cast(pl.Int64) for minutes in (60, 120, 240, 480))),
        updated_at=pl.coalesce("resolved_at", "created_at"),
    )


def quotes(world: World, people: pl.DataFrame, offset: int) -> pl.DataFrame:
    """Make offers: old ones accepted, refused or expired, those of the last 20 days mostly open."""
    draws, now, probe = world.draws("quotes"), world.now, pl.col("probe")
    rows = expand(
        people,
        pl.when(probe.is_between(1, BUSY))
        .then(1)
        .when(probe > 0)
        .then(0)
        .otherwise(count_of(draws, 280, 100)),
        offset,
    )
    hours_left = probe.replace_strict(_HOURS_LEFT, default=0, return_dtype=pl.Int64)
    age = (
        pl.when(probe > BUSY - 4)
        .then(10 * DAY)
        .when(probe > 0)
        .then(probe * DAY)
        .otherwise(draws.below("age", 20 * DAY))
    )
    fresh = (probe > 0) | draws.chance("fresh", 150)
    sent = pl.when(fresh).then(now - age).otherwise(in_history(draws, now))
    rows = rows.with_columns(
        agent_id=agent(draws, 30),
        destination=draws.pick("destination", DESTINATIONS),
        amount=draws.between("amount", 200, 12_000) * 100
        + draws.pick("cents", ("0", "0", "50", "99")).cast(pl.Int64),
        currency=pl.col("home_currency"),
        fate=pl.when(probe > 0).then(999).otherwise(draws.below("fate", 1000)),
        sent=sent,
        draft=(probe == 0) & draws.chance("draft", 30),
        validity=pl.when(probe > 0)
        .then(21 * DAY)
        .otherwise(draws.pick("validity", ("7", "14", "14", "21", "30")).cast(pl.Int64) * DAY),
        accepted=pl.when(fresh).then(150).otherwise(360),
        refused=pl.when(fresh).then(250).otherwise(600),
    ).with_columns(
        created_at=pl.when("draft")
        .then(now - draws.below("drafted", 10 * DAY))
        .otherwise(pl.col("sent") - draws.below("drafting", 2 * DAY)),
        sent_at=pl.when(~pl.col("draft")).then(pl.col("sent")),
        expires_at=pl.when(~pl.col("draft")).then(
            pl.when(probe >= min(_HOURS_LEFT))
            .then(now + hours_left * HOUR)
            .otherwise(pl.col("sent") + pl.col("validity"))
        ),
    )
    open_for = pl.min_horizontal("expires_at", pl.lit(now)) - pl.col("sent_at")
    rows = rows.with_columns(
        decided_at=pl.when(pl.col("fate") < pl.col("refused")).then(
            pl.col("sent_at") + open_for * draws.below("decided", 1000) // 1000
        )
    )
    rows = rows.with_columns(
        number=pl.format(
            "Q-{}-{}", pl.from_epoch("created_at").dt.year(), pl.col("id").cast(pl.String).str.zfill(6)
        ),
        status=pl.when("draft")
        .then(pl.lit("draft"))
        .when(pl.col("fate") < pl.col("accepted"))
        .then(pl.lit("accepted"))
        .when(pl.col("fate") < pl.col("refused"))
        .then(pl.lit("rejected"))
        # The last day and a half is left open, for the expiry campaign to find.
        .when(pl.col("expires_at") < now - 36 * HOUR)
        .then(pl.lit("expired"))
        .otherwise(draws.pick("open", ("sent", "sent", "viewed"))),
    )
    # Nobody decides on what they have not looked at.
    until = (
        pl.when(status="viewed").then(pl.min_horizontal("expires_at", pl.lit(now))).otherwise("decided_at")
    )
    viewed = pl.col("sent_at") + (until - pl.col("sent_at")) * draws.below("viewed", 1000) // 1000
    return rows.with_columns(viewed_at=viewed).with_columns(
        updated_at=pl.coalesce("decided_at", "viewed_at", "sent_at", "created_at")
    )


def bookings(world: World, people: pl.DataFrame, offers: pl.DataFrame, offset: int) -> pl.DataFrame:
    """Make bookings: every accepted quote became a booking; others booked without one."""
    draws, now, probe = world.draws("bookings"), world.now, pl.col("probe")
    accepted = offers.filter(status="accepted").select(
        *_INHERITED, "agent_id", "destination", "amount", quote_id="id", booked_at="decided_at"
    )
    direct = expand(
        people,
        pl.when(probe.is_between(13, 16)).then(1).when(probe > 0).then(0).otherwise(count_of(draws, 300, 70)),
        0,
    ).select(*_INHERITED, "agents", quote_id=pl.lit(None, pl.Int64))
    rows = pl.concat([accepted, direct], how="diagonal").with_columns(
        id=pl.int_range(offset + 1, offset + accepted.height + direct.height + 1, dtype=pl.Int64)
    )
    hurried = (probe > 0) | draws.chance("hurried", 100)
    notice = pl.when(hurried).then(draws.between("notice", 3, 22)).otherwise(draws.between("notice", 14, 194))
    rows = rows.with_columns(
        agent_id=pl.coalesce("agent_id", pl.when(pl.col("quote_id").is_null()).then(agent(draws, 30))),
        destination=pl.coalesce("destination", draws.pick("destination", DESTINATIONS)),
        amount=pl.coalesce("amount", draws.between("amount", 150, 9_000) * 100),
        booked_at=pl.coalesce(
            "booked_at", pl.when(probe > 0).then(now - 5 * HOUR).otherwise(in_history(draws, now))
        ),
        currency=pl.col("home_currency"),
        reference=pl.format("BK{}", 100_000 + pl.col("id")),
        cancelled=(probe == 0) & draws.chance("cancelled", 60),
    ).with_columns(departure_on=pl.col("booked_at") // DAY + notice)
    rows = rows.with_columns(return_on=pl.col("departure_on") + draws.between("nights", 3, 20))
    back = pl.col("return_on") < pl.col("today")
    return rows.with_columns(
        status=pl.when("cancelled")
        .then(pl.lit("cancelled"))
        .when(back)
        .then(pl.lit("completed"))
        .otherwise(pl.lit("confirmed")),
        updated_at=pl.when(back & ~pl.col("cancelled"))
        .then(pl.min_horizontal((pl.col("return_on") + 1) * DAY, now))
        .otherwise("booked_at"),
    )


def payments(world: World, trips: pl.DataFrame, offset: int) -> pl.DataFrame:
    """Make payments: a deposit, and the balance 30 days before departure; both at once for hurried trips."""
    draws, now = world.draws("payments"), world.now
    booked_on = pl.col("booked_at") // DAY
    shared = trips.select(
        "tenant_id",
        "customer_id",
        "currency",
        "today",
        "booked_at",
        "departure_on",
        "cancelled",
        "probe",
        booking_id="id",
        price="amount",
    )
    deposits = shared.with_columns(deposit=True, amount=pl.col("price") * 30 // 100, due_on=booked_on + 2)
    balances = shared.filter(~pl.col("cancelled")).with_columns(
        deposit=False,
        amount=pl.col("price") - pl.col("price") * 30 // 100,
        due_on=pl.max_horizontal(pl.col("departure_on") - 30, booked_on),
    )
    rows = (
        pl.concat([deposits, balances])
        .sort("booking_id", "due_on", "deposit", maintain_order=True)
        .with_columns(
            id=pl.int_range(offset + 1, offset + deposits.height + balances.height + 1, dtype=pl.Int64)
        )
    )
    hurried = pl.col("departure_on") - 30 <= booked_on
    paid_at = (
        pl.when(pl.col("probe") > 0)
        .then(pl.col("booked_at") + HOUR + pl.col("deposit").cast(pl.Int64) * 600)
        .when("deposit")
        .then(pl.col("booked_at") + draws.below("after", 2 * DAY))
        .when(hurried)
        .then(pl.col("booked_at") + draws.below("after", DAY))
        .otherwise(pl.max_horizontal(pl.col("due_on") * DAY - draws.below("before", 5 * DAY), "booked_at"))
    )
    rows = rows.with_columns(paid_at=paid_at, luck=draws.below("luck", 1000))
    arrived = (pl.col("paid_at") <= now) & ((pl.col("luck") >= _UNLUCKY) | (pl.col("probe") > 0))
    return rows.with_columns(
        status=pl.when(arrived & pl.col("cancelled"))
        .then(pl.lit("refunded"))
        .when(arrived)
        .then(pl.lit("paid"))
        .when((pl.col("luck") < _REFUSED) & (pl.col("due_on") < pl.col("today")))
        .then(pl.lit("failed"))
        .otherwise(pl.lit("due")),
        paid_at=pl.when(arrived).then("paid_at"),
        updated_at=pl.when(arrived).then("paid_at").otherwise("booked_at"),
    )
