"""What becomes of rows on a day of the demo: enquiries are resolved, quotes accepted, trips paid and made.

When and whether follows from a row's own id and times, so that no row needs to be remembered. Probes are
left alone: their story is in `plot`.
"""

from itertools import pairwise

import polars as pl

from automation_pipelines.demo import success, traces
from automation_pipelines.demo.account_probes import AccountProbe
from automation_pipelines.demo.places import STAGES
from automation_pipelines.demo.storage import Storage
from automation_pipelines.demo.world import DAY, HOUR, PROBES, World

_BOOKED = 2_000_000_000  # a booking made of a quote is numbered from here
_USUAL = f"customer_id > {PROBES}"
_OPEN_QUERY, _OPEN_QUOTE = "status IN ('open', 'in_progress')", "status IN ('sent', 'viewed')"
_GRACE = 36 * HOUR  # until an expired quote is marked so
_SCORES = ("health_score", "churn_risk", "status", "contract_ends_on", "next_meeting_at", "updated_at")
# Of a thousand quotes, how many are accepted, and how many accepted or rejected.
_ACCEPTED, _DECIDED = 300, 450


def turn(storage: Storage, world: World, start: int, end: int) -> None:
    """Let happen what is due after `start` and until `end`, which lie on one UTC day."""
    _resolve(storage, world, start, end)
    _view(storage, world, start, end)
    _decide(storage, world, start, end)
    _expire(storage, start, end)
    _book(storage, world, start, end)
    _pay(storage, world, start, end)
    _return(storage, end)
    _tell(storage, world, start, end)
    _move_on(storage, world, start, end)
    _succeed(storage, world, start, end)


def _within(rows: pl.DataFrame, moment: str, start: int, end: int) -> pl.DataFrame:
    return rows.filter(pl.col(moment).is_between(start + 1, end))


def _resolve(storage: Storage, world: World, start: int, end: int) -> None:
    draws = world.draws("resolved")
    rows = storage.read("queries", ("id", "created_at", "sla_due_at"), f"{_USUAL} AND {_OPEN_QUERY}")
    length = pl.col("sla_due_at") - pl.col("created_at")
    moment = pl.col("created_at") + length * draws.between("taken", 50, 1_500) // 1_000
    rows = _within(rows.filter(draws.chance("ever", 900)).with_columns(at=moment), "at", start, end)
    done = rows.select("id", status=pl.lit("resolved"), resolved_at="at", updated_at="at")
    storage.update("queries", done)


def _quotes(storage: Storage) -> pl.DataFrame:
    columns = ("id", "status", "sent_at", "viewed_at", "expires_at")
    return storage.read("quotes", columns, f"{_USUAL} AND {_OPEN_QUOTE}")


def _viewing(world: World) -> pl.Expr:
    """When a quote is looked at, if ever."""
    draws = world.draws("viewed")
    return pl.when(draws.chance("ever", 600)).then(pl.col("sent_at") + draws.between("after", 1, 48) * HOUR)


def _view(storage: Storage, world: World, start: int, end: int) -> None:
    rows = _quotes(storage).filter(status="sent").with_columns(at=_viewing(world))
    seen = _within(rows, "at", start, end)
    storage.update("quotes", seen.select("id", status=pl.lit("viewed"), viewed_at="at", updated_at="at"))


def _decide(storage: Storage, world: World, start: int, end: int) -> None:
    draws = world.draws("decided")
    length = pl.col("expires_at") - pl.col("sent_at")
    moment = pl.max_horizontal(
        pl.col("sent_at") + length * draws.between("after", 50, 950) // 1_000, _viewing(world) + HOUR
    )
    fate = draws.below("fate", 1_000)
    rows = _quotes(storage).filter(fate < _DECIDED).with_columns(at=moment)
    status = pl.when(fate < _ACCEPTED).then(pl.lit("accepted")).otherwise(pl.lit("rejected"))
    decided = _within(rows, "at", start, end)
    # Nobody decides on what they have not looked at.
    seen = pl.coalesce("viewed_at", "at")
    storage.update(
        "quotes", decided.select("id", status=status, viewed_at=seen, decided_at="at", updated_at="at")
    )


def _expire(storage: Storage, start: int, end: int) -> None:
    rows = _within(_quotes(storage).with_columns(at=pl.col("expires_at") + _GRACE), "at", start, end)
    storage.update("quotes", rows.select("id", status=pl.lit("expired"), updated_at="at"))


def _book(storage: Storage, world: World, start: int, end: int) -> None:
    """Every accepted quote becomes a booking, with a deposit and the balance to pay."""
    draws = world.draws("booked")
    columns = (
        "id",
        "tenant_id",
        "customer_id",
        "agent_id",
        "destination",
        "amount",
        "currency",
        "decided_at",
    )
    lately = f"decided_at > {storage.moment(start)} AND decided_at <= {storage.moment(end)}"
    rows = storage.read("quotes", columns, f"status = 'accepted' AND {lately}")
    departure = pl.col("decided_at") // DAY + draws.between("notice", 5, 120)
    trips = rows.with_columns(
        id=pl.col("id") + _BOOKED,
        quote_id="id",
        reference=pl.format("BK{}", "id"),
        status=pl.lit("confirmed"),
        booked_at="decided_at",
        departure_on=departure,
        return_on=departure + draws.between("nights", 3, 20),
        updated_at="decided_at",
    )
    storage.insert("bookings", trips)
    storage.insert("payments", _owed(trips))
    active = trips.select(id="customer_id", status=pl.lit("active"), updated_at="booked_at")
    storage.update("customers", active.unique("id", keep="last", maintain_order=True))


def _owed(trips: pl.DataFrame) -> pl.DataFrame:
    booked_on, deposit = pl.col("booked_at") // DAY, pl.col("amount") * 30 // 100
    shared = trips.select(
        "tenant_id", "customer_id", "currency", "amount", "booked_at", "departure_on", booking_id="id"
    ).with_columns(status=pl.lit("due"), updated_at="booked_at", id=pl.col("booking_id") * 2)
    balance_on = pl.max_horizontal(pl.col("departure_on") - 30, booked_on)
    return pl.concat(
        [
            shared.with_columns(amount=deposit, due_on=booked_on + 2),
            shared.with_columns(id=pl.col("id") + 1, amount=pl.col("amount") - deposit, due_on=balance_on),
        ]
    )


def _pay(storage: Storage, world: World, start: int, end: int) -> None:
    """Most pay from half a day before the day it is due until its end."""
    draws = world.draws("paid")
    rows = storage.read("payments", ("id", "customer_id", "due_on"), f"{_USUAL} AND status = 'due'")
    moment = (pl.col("due_on") + 1) * DAY - draws.below("before", 36 * HOUR)
    rows = _within(rows.filter(draws.chance("ever", 920)).with_columns(at=moment), "at", start, end)
    storage.update("payments", rows.select("id", status=pl.lit("paid"), paid_at="at", updated_at="at"))
    if not rows.is_empty():
        theirs = ", ".join(str(number) for number in rows["customer_id"].unique().sort())
        paid = (
            "SELECT sum(p.amount) FROM payments AS p WHERE p.customer_id = customers.id AND p.status = 'paid'"
        )
        storage.run(f"UPDATE customers SET lifetime_value = coalesce(({paid}), 0) WHERE id IN ({theirs})")


def _return(storage: Storage, end: int) -> None:
    home = f"status = 'confirmed' AND return_on < {storage.day(end // DAY)}"
    rows = storage.read("bookings", ("id", "return_on"), home)
    over = rows.select("id", status=pl.lit("completed"), updated_at=(pl.col("return_on") + 1) * DAY)
    storage.update("bookings", over)


def _tell(storage: Storage, world: World, start: int, end: int) -> None:
    """Documents come within three weeks of booking, reviews within ten days of returning."""
    columns = ("id", "tenant_id", "customer_id", "booked_at", "return_on", "status")
    fresh = storage.read("bookings", columns, f"{_USUAL} AND booked_at > {storage.moment(end - 21 * DAY)}")
    storage.insert("documents", traces.documents(world.seed, fresh, start, end))
    back = f"return_on BETWEEN {storage.day(end // DAY - 12)} AND {storage.day(end // DAY)}"
    home = storage.read("bookings", columns, f"{_USUAL} AND {back}")
    storage.insert("reviews", traces.reviews(world.seed, home, start, end))


def _move_on(storage: Storage, world: World, start: int, end: int) -> None:
    """Customers stay in a stage of the pipeline for 3 to 60 days."""
    draws, following = world.draws("stays"), dict(pairwise(STAGES))
    staged = f"id > {PROBES} AND stage_entered_at > {storage.moment(end - 62 * DAY)}"
    rows = storage.read("customers", ("id", "pipeline_stage", "stage_entered_at"), staged)
    moment = pl.col("stage_entered_at") + draws.between("hours", 72, 1_440) * HOUR
    rows = _within(
        rows.filter(pl.col("pipeline_stage").is_in(list(following))).with_columns(at=moment), "at", start, end
    )
    after = pl.col("pipeline_stage").replace_strict(following, default=None, return_dtype=pl.String)
    storage.update(
        "customers", rows.select("id", pipeline_stage=after, stage_entered_at="at", updated_at="at")
    )


def _succeed(storage: Storage, world: World, start: int, end: int) -> None:
    """Accounts are scored anew, engagements held, goals reached or not."""
    columns = ("id", "tenant_id", "customer_id", "csm_id", "created_at")
    rows = storage.read("accounts", columns, f"id > {len(AccountProbe)}")
    scored = _within(success.standing(world.seed, rows, end), "updated_at", start, end)
    storage.update("accounts", scored.select("id", *_SCORES))
    held = success.engagements(world.seed, rows, start, end)
    storage.insert("engagements", held)
    storage.update("engagements", held.select("id", "status", "outcome", "updated_at"))
    goals = success.goals(world.seed, rows, start, end)
    storage.insert("goals", goals)
    storage.update("goals", goals.select("id", "status", "updated_at"))
