"""The hand-made customers of the demo: for each kind of campaign somebody it is for and somebody it is not.

Who they are is `Probe`; here are their rows, a few of each table, in plain Python. Probes 1 to 34 are made
with the others (`world` says how); what happens to probes after the CRM was built is in `plot`.
"""

from collections import defaultdict
from enum import IntEnum

import polars as pl

from automation_pipelines.demo.world import DAY, HOUR, World

BASE = 500_000_000
"""Rows of a probe are numbered from here, a hundred for each."""


class Probe(IntEnum):
    """The customers 35 to 68. Days are the tenant's own, times count from when the CRM was built."""

    QUOTE_VIEWED = 35
    """Sent 50 hours ago, looked at two hours ago, holds for ten more days."""
    QUOTE_SOON_ACCEPTED = 36
    """Sent two days ago; two days from now accepted, so only the reminder of the third day is due."""
    DEPARTS_IN_30 = 37
    """The balance falls due today."""
    DEPARTS_IN_7 = 38
    DEPARTS_TOMORROW = 39
    DEPARTS_IN_8 = 40
    CANCELLED = 41
    """Would depart in seven days, but cancelled."""
    BACK_YESTERDAY = 42
    """The trip ended yesterday."""
    REVIEWED = 43
    """The trip ended five days ago; reviewed two days ago."""
    PAYMENT_DUE_IN_3 = 44
    PAYMENT_OVERDUE = 45
    """Due two days ago, not paid."""
    DOCUMENT_UPLOADED = 46
    """Two hours ago."""
    UNASSIGNED = 47
    """An enquiry of an hour ago that nobody is in charge of; its deadline is in 20 hours."""
    UNASSIGNED_LATE = 48
    """Likewise, but 90 minutes past its deadline."""
    QUOTE_EXPIRED = 49
    """Three hours ago, and the CRM says so."""
    NEW_COMPANY = 50
    """Added two hours ago, with a company; was a lead of the same hour."""
    NEW_6_DAYS = 51
    NEW_8_DAYS = 52
    NEW_PHONE_ONLY = 53
    """Added yesterday, without an address."""
    STAGE_DAY_1 = 54
    """Entered `new_lead` at the start of today."""
    STAGE_LEFT = 55
    """Entered `new_lead` the day before yesterday; five days from now moves on."""
    STAGE_DAY_45 = 56
    STAGE_WON = 57
    """Ten days in another stage."""
    WALLET_SILENT = 58
    """Nothing for ten days, neither from the customer nor from their pass."""
    WALLET_USED = 59
    """Nothing for ten days but a use of the pass yesterday."""
    WALLET_REMOVED = 60
    """Nothing for ten days, and the pass was removed."""
    OPTED_OUT = 61
    """Of all e-mail."""
    OPTED_OUT_OF_PROMOTIONS = 62
    """Of e-mail on the topic `promotions` only."""
    UNCONFIRMED = 63
    """Asked to confirm (double opt-in), not done."""
    OPTED_IN_AGAIN = 64
    SAME_ADDRESS = 65
    SAME_ADDRESS_TOO = 66
    """Another person with the address of SAME_ADDRESS."""
    MERGED = 67
    """A duplicate of SAME_ADDRESS, merged into it."""
    SOON_OPTED_OUT = 68
    """Opts out of e-mail three days from now."""


Rows = dict[str, pl.DataFrame]


def profile(world: World) -> pl.DataFrame:
    """What the customers' own rows say of probes beyond what all customers' rows say; null: as for all."""
    now = world.now
    silent: dict[str, object] = {"last_activity_at": now - 10 * DAY}
    special: dict[Probe, dict[str, object]] = {
        Probe.NEW_COMPANY: {"company_name": "Fernweh Consulting"},
        Probe.NEW_PHONE_ONLY: {"email": ""},
        Probe.STAGE_DAY_1: _stage("new_lead", _midnight(world, Probe.STAGE_DAY_1)),
        Probe.STAGE_LEFT: _stage("new_lead", _midnight(world, Probe.STAGE_LEFT) - 2 * DAY + 10 * HOUR),
        Probe.STAGE_DAY_45: _stage("new_lead", _midnight(world, Probe.STAGE_DAY_45) - 44 * DAY + 10 * HOUR),
        Probe.STAGE_WON: _stage("won", now - 10 * DAY),
        Probe.WALLET_SILENT: {**silent, "wallet_pass": f"W-{Probe.WALLET_SILENT:07}"},
        Probe.WALLET_USED: {**silent, "wallet_pass": f"W-{Probe.WALLET_USED:07}"},
        Probe.WALLET_REMOVED: silent,
        **{
            probe: {"email": "the.okafors@example.com"}
            for probe in (Probe.SAME_ADDRESS, Probe.SAME_ADDRESS_TOO)
        },
        Probe.MERGED: {"email": "the.okafors@example.com", "merged_into": int(Probe.SAME_ADDRESS)},
    }
    schema = {
        "id": pl.Int64,
        **dict.fromkeys(("email", "company_name", "wallet_pass", "pipeline_stage"), pl.String),
        **dict.fromkeys(("stage_entered_at", "last_activity_at", "merged_into"), pl.Int64),
    }
    return pl.DataFrame([{"id": int(probe), **values} for probe, values in special.items()], schema=schema)


def _stage(stage: str, entered: int) -> dict[str, object]:
    return {"pipeline_stage": stage, "stage_entered_at": entered}


def _midnight(world: World, probe: Probe) -> int:
    """When the probe's day began in its tenant's zone."""
    return world.midnight(world.tenant_of(probe))


def dealings(world: World, last: int) -> Rows:
    """The rows of the probes among the first `last` customers."""
    made = _Making(world)
    _quotes(made)
    _trips(made)
    _enquiries(made)
    _passes_and_consents(made)
    return {
        table: pl.DataFrame(rows, infer_schema_length=None).filter(pl.col("customer_id") <= last)
        for table, rows in made.rows.items()
    }


class _Making:
    """Collects rows and numbers them."""

    def __init__(self, world: World) -> None:
        self.world, self.now = world, world.now
        self.rows: dict[str, list[dict[str, object]]] = defaultdict(list)
        self._count: dict[tuple[str, int], int] = defaultdict(int)

    def today(self, probe: Probe) -> int:
        return self.world.today(self.world.tenant_of(probe))

    def add(self, table: str, probe: Probe, **values: object) -> int:
        """Add one row of a probe and return its id."""
        tenant = self.world.tenant_of(probe)
        self._count[table, probe] += 1
        number = BASE + 100 * probe + self._count[table, probe]
        row = {"id": number, "tenant_id": tenant, "customer_id": int(probe), **values}
        if table in ("quotes", "bookings", "payments"):
            row["currency"] = self.world.currency(tenant)
        if table in ("quotes", "bookings"):
            row["agent_id"] = self.world.first_agent(tenant)
        self.rows[table].append(row)
        return number

    def quote(self, probe: Probe, sent: int, expires: int, **values: object) -> None:
        values = {"status": "sent", "viewed_at": None, "updated_at": sent, **values}
        self.add(
            "quotes",
            probe,
            number=f"Q-P{int(probe):03}",
            destination="Lofoten Islands",
            amount=240_000,
            created_at=sent - HOUR,
            sent_at=sent,
            expires_at=expires,
            **values,
        )

    def trip(
        self, probe: Probe, departs: int, *, nights: int = 7, owes: bool = False, **values: object
    ) -> int:
        """A trip booked 90 days ago, paid unless something is owed."""
        booked = self.now - 90 * DAY
        values = {"status": "confirmed", "updated_at": booked, **values}
        booking = self.add(
            "bookings",
            probe,
            reference=f"BKP{int(probe):03}",
            destination="Rapa Nui",
            amount=100_000,
            booked_at=booked,
            departure_on=departs,
            return_on=departs + nights,
            **values,
        )
        due = {"deposit": booked // DAY + 2, "balance": max(departs - 30, booked // DAY)}
        self._payment(probe, booking, 30_000, due["deposit"], booked + HOUR)
        if values["status"] != "cancelled":
            paid = None if owes else min(due["balance"] * DAY - DAY, self.now - DAY)
            self._payment(probe, booking, 70_000, due["balance"], paid)
        return booking

    def _payment(self, probe: Probe, booking: int, amount: int, due_on: int, paid: int | None) -> None:
        status = "due" if paid is None else "paid"
        updated = self.now - 80 * DAY if paid is None else paid
        self.add("payments", probe, booking_id=booking, amount=amount, status=status, due_on=due_on,
                 paid_at=paid, updated_at=updated)  # fmt: skip

    def consent(self, probe: Probe, state: str, *, days: int, topic: str = "") -> None:
        self.add("consents", probe, channel="email", topic=topic, state=state, at=self.now - days * DAY)


def _quotes(made: _Making) -> None:
    now = made.now
    seen = now - 2 * HOUR
    made.quote(
        Probe.QUOTE_VIEWED, now - 50 * HOUR, now + 10 * DAY, status="viewed", viewed_at=seen, updated_at=seen
    )
    made.quote(Probe.QUOTE_SOON_ACCEPTED, now - 2 * DAY, now + 12 * DAY)
    gone = now - 3 * HOUR
    made.quote(Probe.QUOTE_EXPIRED, gone - 14 * DAY, gone, status="expired", updated_at=gone)


def _trips(made: _Making) -> None:
    for probe, days in (
        (Probe.DEPARTS_IN_30, 30),
        (Probe.DEPARTS_IN_7, 7),
        (Probe.DEPARTS_TOMORROW, 1),
        (Probe.DEPARTS_IN_8, 8),
    ):
        made.trip(probe, made.today(probe) + days, owes=probe is Probe.DEPARTS_IN_30)
    made.trip(
        Probe.CANCELLED, made.today(Probe.CANCELLED) + 7, status="cancelled", updated_at=made.now - 4 * DAY
    )
    for probe, ago in ((Probe.BACK_YESTERDAY, 1), (Probe.REVIEWED, 5)):
        home = made.today(probe) - ago
        ended = min((home + 1) * DAY, made.now)
        booking = made.trip(probe, home - 7, status="completed", updated_at=ended)
        if probe is Probe.REVIEWED:
            made.add("reviews", probe, booking_id=booking, rating=5, submitted_at=made.now - 2 * DAY)
    made.trip(Probe.PAYMENT_DUE_IN_3, made.today(Probe.PAYMENT_DUE_IN_3) + 33, owes=True)
    made.trip(Probe.PAYMENT_OVERDUE, made.today(Probe.PAYMENT_OVERDUE) + 28, owes=True)
    booking = made.trip(Probe.DOCUMENT_UPLOADED, made.today(Probe.DOCUMENT_UPLOADED) + 60, owes=True)
    made.add(
        "documents",
        Probe.DOCUMENT_UPLOADED,
        booking_id=booking,
        kind="passport",
        uploaded_at=made.now - 2 * HOUR,
    )


def _enquiries(made: _Making) -> None:
    for probe, created, due in (
        (Probe.UNASSIGNED, made.now - HOUR, made.now + 20 * HOUR),
        (Probe.UNASSIGNED_LATE, made.now - 25 * HOUR - HOUR // 2, made.now - HOUR - HOUR // 2),
    ):
        made.add(
            "queries",
            probe,
            agent_id=None,
            title="Honeymoon ideas",
            destination="Milford Track",
            status="open",
            priority="normal",
            escalation_level=0,
            created_at=created,
            sla_due_at=due,
            resolved_at=None,
            updated_at=created,
        )


def _passes_and_consents(made: _Making) -> None:
    for probe, used, active in (
        (Probe.WALLET_SILENT, 10, True),
        (Probe.WALLET_USED, 1, True),
        (Probe.WALLET_REMOVED, 10, False),
    ):
        made.add(
            "wallet_passes",
            probe,
            serial=f"W-{int(probe):07}",
            active=active,
            installed_at=made.now - 100 * DAY,
            updated_at=made.now - used * DAY,
        )
    made.add("leads", Probe.NEW_COMPANY, name="Fernweh Consulting", email="hello@fernweh.example.com",
             origin="website", status="converted", created_at=made.now - 2 * HOUR)  # fmt: skip
    made.consent(Probe.OPTED_OUT, "opted_out", days=30)
    made.consent(Probe.OPTED_OUT_OF_PROMOTIONS, "opted_out", days=30, topic="promotions")
    made.consent(Probe.UNCONFIRMED, "pending", days=2)
    made.consent(Probe.OPTED_IN_AGAIN, "opted_out", days=30)
    made.consent(Probe.OPTED_IN_AGAIN, "opted_in", days=10)
