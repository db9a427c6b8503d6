"""What customers leave behind: documents, reviews, passes, consents, leads, and tasks for staff.

Rows are numbered after what they belong to, so that `advance` finds the same.
"""

import polars as pl

from automation_pipelines.demo.draws import Draws
from automation_pipelines.demo.people import TRADITIONS
from automation_pipelines.demo.world import DAY, HOUR, World

ORIGINS = ("website", "website", "referral", "fair", "advertisement")
GIVEN = tuple(plain.capitalize() for _, plain in TRADITIONS["english"].given)
FAMILY = tuple(written for written, _ in TRADITIONS["english"].family)


def traces(world: World, customers: pl.DataFrame, trips: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Make these tables for a block of customers and their trips."""
    usual = customers.filter(pl.col("probe") == 0)
    drawn = trips.filter(pl.col("probe") == 0)
    return {
        "documents": documents(world.seed, drawn, 0, world.now),
        "reviews": reviews(world.seed, drawn, 0, world.now),
        "wallet_passes": _passes(world, usual),
        "consents": _consents(world, usual),
        "leads": _leads(world, usual),
        "tasks": _tasks(world, usual),
    }


def documents(seed: int, trips: pl.DataFrame, since: int, now: int) -> pl.DataFrame:
    """The document uploaded for some trips, after `since` and until now."""
    draws = Draws(seed, "documents")
    rows = trips.select(
        "id", "tenant_id", "customer_id", "booked_at", "status", booking_id="id"
    ).with_columns(
        uploaded_at=pl.col("booked_at") + draws.between("after", 1, 20 * 24) * HOUR,
        kind=draws.pick("kind", ("passport", "passport", "visa", "insurance")),
    )
    happened = (pl.col("uploaded_at") > since) & (pl.col("uploaded_at") <= now)
    return rows.filter(draws.chance("asked", 400) & happened & (pl.col("status") != "cancelled")).drop(
        "status"
    )


def reviews(seed: int, trips: pl.DataFrame, since: int, now: int) -> pl.DataFrame:
    """The review written after some trips, after `since` and until now."""
    draws = Draws(seed, "reviews")
    rows = trips.select(
        "id", "tenant_id", "customer_id", "return_on", "status", booking_id="id"
    ).with_columns(
        submitted_at=(pl.col("return_on") + 1) * DAY + draws.between("after", 1, 10 * 24) * HOUR,
        rating=draws.pick("rating", ("5", "5", "5", "4", "4", "3", "2", "1")).cast(pl.Int64),
    )
    happened = (pl.col("submitted_at") > since) & (pl.col("submitted_at") <= now)
    return rows.filter(draws.chance("writes", 200) & happened & (pl.col("status") != "cancelled")).drop(
        "status"
    )


def _passes(world: World, customers: pl.DataFrame) -> pl.DataFrame:
    draws = world.draws("wallet_passes")
    rows = customers.filter(pl.col("serial").is_not_null()).select(
        "id", "tenant_id", "created_at", "serial", customer_id="id", active=~pl.col("removed")
    )
    installed = (
        pl.col("created_at") + (world.now - pl.col("created_at")) * draws.below("installed", 1000) // 1000
    )
    used = installed + (world.now - installed) * draws.below("used", 1000) // 1000
    return rows.with_columns(installed_at=installed, updated_at=used)


def _consents(world: World, customers: pl.DataFrame) -> pl.DataFrame:
    draws = world.draws("consents")
    rows = customers.filter(draws.chance("stated", 120)).select(
        "id", "tenant_id", "created_at", customer_id="id"
    )
    return rows.with_columns(
        channel=draws.pick("channel", ("email", "email", "email", "sms", "whatsapp", "push", "wallet")),
        topic=draws.pick("topic", ("", "", "promotions", "newsletter")),
        state=draws.pick("state", ("opted_out", "opted_in", "opted_in", "pending")),
        at=pl.col("created_at") + (world.now - pl.col("created_at")) * draws.below("at", 1000) // 1000,
    )


def _leads(world: World, customers: pl.DataFrame) -> pl.DataFrame:
    """Some leads were customers' beginnings, most are nobody's yet."""
    draws = world.draws("leads")
    given, family = draws.pick("given", GIVEN), draws.pick("family", FAMILY)
    became = draws.chance("became", 300)
    return (
        customers.filter(draws.chance("lead", 30))
        .select("id", "tenant_id", "email", theirs="name", created="created_at")
        .with_columns(
            customer_id=pl.when(became).then("id"),
            name=pl.when(became).then("theirs").otherwise(pl.format("{} {}", given, family)),
            email=pl.when(became).then("email").otherwise(pl.format("lead.{}@example.net", "id")),
            origin=draws.pick("origin", ORIGINS),
            status=pl.when(became)
            .then(pl.lit("converted"))
            .otherwise(draws.pick("status", ("new", "new", "contacted", "qualified", "lost"))),
            created_at=pl.when(became).then("created").otherwise(world.now - draws.below("ago", 300 * DAY)),
        )
    )


def _tasks(world: World, customers: pl.DataFrame) -> pl.DataFrame:
    draws = world.draws("tasks")
    rows = customers.filter(draws.chance("task", 25)).select(
        "id", "tenant_id", "agent_id", "today", customer_id="id"
    )
    due = pl.col("today") + draws.between("due", -20, 15)
    return rows.with_columns(
        title=draws.pick("title", ("Call back", "Send the brochure", "Check the visa", "Ask for a deposit")),
        assignee_id="agent_id",
        priority=draws.pick("priority", ("low", "medium", "medium", "high")),
        status=draws.pick("status", ("open", "open", "done", "cancelled")),
        due_on=due,
        created_at=world.now - draws.below("ago", 40 * DAY),
    )
