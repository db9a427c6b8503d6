"""The audiences of what was sold: bookings, payments, documents and reviews."""

from automation_pipelines.catalogue.audiences.shared import AGENT_NAME, CURRENCY, NAMES, customers_of
from automation_pipelines.catalogue.types import (
    Among,
    Anchor,
    Audience,
    Column,
    Grain,
    InRange,
    Predicate,
    Read,
    Type,
)

_BOOKING_READ = (
    "id",
    "tenant_id",
    "customer_id",
    "agent_id",
    "reference",
    "destination",
    "amount",
    "currency",
    "status",
    "booked_at",
    "departure_on",
    "return_on",
)
_BOOKING_COLUMNS = (
    Column("reference", Type.TEXT, "Booking reference."),
    Column("destination", Type.TEXT, "Where to."),
    Column("amount", Type.MONEY, "Price, minor units."),
    CURRENCY,
    Column("status", Type.TEXT, "confirmed, cancelled or completed."),
    Column("booked_at", Type.INSTANT, "When it was booked."),
    Column("departure_on", Type.DATE, "First day of the trip."),
    Column("return_on", Type.DATE, "Last day of the trip."),
    *NAMES,
    AGENT_NAME,
)


def _bookings(name: str, row: str, anchor: Anchor, grain: Grain, *where: Predicate) -> Audience:
    reads = (Read("bookings", _BOOKING_READ, where), *customers_of("bookings"))
    return Audience(name, row, "bookings", anchor, grain, reads, _BOOKING_COLUMNS)


BOOKINGS_CONFIRMED = _bookings(
    "bookings_confirmed",
    "a booking that was not cancelled; the moment it was booked is the anchor",
    Anchor.INSTANT,
    Grain.ONCE,
    Among("status", ("confirmed", "completed")),
    InRange("booked_at"),
)
DEPARTURES = _bookings(
    "departures",
    "a confirmed trip; its first day is the anchor, and a trip that is moved departs anew",
    Anchor.DATE,
    Grain.DAY,
    Among("status", ("confirmed",)),
    InRange("departure_on"),
)
TRIPS_COMPLETED = _bookings(
    "trips_completed",
    "a trip that was not cancelled; its last day is the anchor, and it ends once",
    Anchor.DATE,
    Grain.ONCE,
    Among("status", ("confirmed", "completed")),
    InRange("return_on"),
)

_PAYMENT_READ = (
    "id",
    "tenant_id",
    "customer_id",
    "booking_id",
    "amount",
    "currency",
    "status",
    "due_on",
    "paid_at",
)
_BOOKING_REFERENCE = Column("booking_reference", Type.TEXT, "Reference of the booking it is about, if any.")
_DESTINATION = Column("destination", Type.TEXT, "Where that trip goes.")
_ABOUT_BOOKING = (_BOOKING_REFERENCE, _DESTINATION, *NAMES, AGENT_NAME)


def _about_booking(source: str) -> tuple[Read, ...]:
    booking = ("id", "tenant_id", "reference", "destination", "agent_id")
    return *customers_of(source), Read("bookings", booking, of=(source, "booking_id"))


PAYMENTS_RECEIVED = Audience(
    "payments_received",
    "a payment that arrived; its instant is the anchor",
    subject="payments",
    anchor=Anchor.INSTANT,
    grain=Grain.INSTANT,
    reads=(
        Read("payments", _PAYMENT_READ, (Among("status", ("paid",)), InRange("paid_at"))),
        *_about_booking("payments"),
    ),
    columns=(
        Column("amount", Type.MONEY, "Amount, minor units."),
        CURRENCY,
        Column("paid_at", Type.INSTANT, "When it arrived."),
        *_ABOUT_BOOKING,
    ),
)

PAYMENTS_DUE = Audience(
    "payments_due",
    "a payment that has not arrived; the day it is due is the anchor",
    subject="payments",
    anchor=Anchor.DATE,
    grain=Grain.DAY,
    reads=(
        Read("payments", _PAYMENT_READ, (Among("status", ("due",)), InRange("due_on"))),
        *_about_booking("payments"),
    ),
    columns=(
        Column("amount", Type.MONEY, "Amount, minor units."),
        CURRENCY,
        Column("due_on", Type.DATE, "The day it is due."),
        *_ABOUT_BOOKING,
    ),
)

DOCUMENTS_UPLOADED = Audience(
    "documents_uploaded",
    "a document a customer uploaded; its arrival is the anchor",
    subject="documents",
    anchor=Anchor.INSTANT,
    grain=Grain.INSTANT,
    reads=(
        Read(
            "documents",
            ("id", "tenant_id", "customer_id", "booking_id", "kind", "uploaded_at"),
            (InRange("uploaded_at"),),
        ),
        *_about_booking("documents"),
    ),
    columns=(
        Column("kind", Type.TEXT, "What it is, for example passport."),
        Column("uploaded_at", Type.INSTANT, "When it arrived."),
        *_ABOUT_BOOKING,
    ),
)

REVIEWS_SUBMITTED = Audience(
    "reviews_submitted",
    "a review a customer wrote; its arrival is the anchor",
    subject="reviews",
    anchor=Anchor.INSTANT,
    grain=Grain.INSTANT,
    reads=(
        Read(
            "reviews",
            ("id", "tenant_id", "customer_id", "booking_id", "rating", "submitted_at"),
            (InRange("submitted_at"),),
        ),
        *_about_booking("reviews"),
    ),
    columns=(
        Column("rating", Type.INTEGER, "Usually 1 to 5 stars."),
        Column("submitted_at", Type.INSTANT, "When it was submitted."),
        *_ABOUT_BOOKING,
    ),
)

ABOUT_TRIPS = (
    BOOKINGS_CONFIRMED,
    DEPARTURES,
    TRIPS_COMPLETED,
    PAYMENTS_DUE,
    PAYMENTS_RECEIVED,
    DOCUMENTS_UPLOADED,
    REVIEWS_SUBMITTED,
)
