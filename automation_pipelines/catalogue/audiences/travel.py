"""The audiences of a travel desk: enquiries, quotes, bookings, payments, documents, reviews, leads."""

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

_QUERY_READ = (
    "id",
    "tenant_id",
    "customer_id",
    "agent_id",
    "title",
    "destination",
    "status",
    "priority",
    "escalation_level",
    "created_at",
    "sla_due_at",
)
_QUERY_COLUMNS = (
    Column("title", Type.TEXT, "Subject line of the enquiry."),
    Column("destination", Type.TEXT, "Where the customer wants to go."),
    Column("priority", Type.TEXT, "low, normal, high or urgent."),
    Column("status", Type.TEXT, "open, in_progress, resolved or closed."),
    Column("escalation_level", Type.INTEGER, "0-4 as the CRM has it now."),
    Column("created_at", Type.INSTANT, "When it arrived."),
    Column("sla_due_at", Type.INSTANT, "The deadline."),
    *NAMES,
    AGENT_NAME,
)
_UNRESOLVED = Among("status", ("open", "in_progress"))


def _queries(name: str, row: str, grain: Grain, *where: Predicate) -> Audience:
    reads = (Read("queries", _QUERY_READ, where), customers_of("queries"))
    return Audience(name, row, "queries", Anchor.INSTANT, grain, reads, _QUERY_COLUMNS)


OPEN_QUERIES = _queries(
    "open_queries",
    "an unresolved enquiry; its deadline is the anchor",
    Grain.INSTANT,
    _UNRESOLVED,
    InRange("sla_due_at"),
)
QUERIES_CREATED = _queries(
    "queries_created",
    "an enquiry, whatever became of it; the moment it arrived is the anchor",
    Grain.ONCE,
    InRange("created_at"),
)
UNASSIGNED_QUERIES = _queries(
    "unassigned_queries",
    "an unresolved enquiry that no agent has; the moment it arrived is the anchor",
    Grain.ONCE,
    _UNRESOLVED,
    InRange("created_at"),
)

_QUOTE_READ = (
    "id",
    "tenant_id",
    "customer_id",
    "agent_id",
    "number",
    "destination",
    "amount",
    "currency",
    "status",
    "sent_at",
    "viewed_at",
    "expires_at",
)
_QUOTE_COLUMNS = (
    Column("number", Type.TEXT, "Number printed on the quote."),
    Column("destination", Type.TEXT, "What is offered."),
    Column("amount", Type.MONEY, "Total, minor units."),
    CURRENCY,
    Column("status", Type.TEXT, "sent, viewed, accepted, rejected or expired."),
    Column("sent_at", Type.INSTANT, "When the customer got the quote."),
    Column("viewed_at", Type.INSTANT, "When the customer first looked at it."),
    Column("expires_at", Type.INSTANT, "Until when it holds."),
    *NAMES,
    AGENT_NAME,
)
_UNANSWERED = Among("status", ("sent", "viewed"))


def _quotes(name: str, row: str, grain: Grain, *where: Predicate) -> Audience:
    reads = (Read("quotes", _QUOTE_READ, where), customers_of("quotes"))
    return Audience(name, row, "quotes", Anchor.INSTANT, grain, reads, _QUOTE_COLUMNS)


OPEN_QUOTES = _quotes(
    "open_quotes",
    "a quote the customer has not answered; the day it was sent is the anchor",
    Grain.ONCE,
    _UNANSWERED,
    InRange("sent_at"),
)
EXPIRING_QUOTES = _quotes(
    "expiring_quotes",
    "a quote the customer has not answered; its expiry is the anchor",
    Grain.INSTANT,
    _UNANSWERED,
    InRange("expires_at"),
)
QUOTES_SENT = _quotes(
    "quotes_sent",
    "a quote the customer got, whatever became of it; the moment it was sent is the anchor",
    Grain.ONCE,
    InRange("sent_at"),
)
QUOTES_VIEWED = _quotes(
    "quotes_viewed",
    "a quote the customer looked at; the first time is the anchor",
    Grain.ONCE,
    InRange("viewed_at"),
)
QUOTES_EXPIRED = _quotes(
    "quotes_expired",
    "a quote that ran out without an answer; its expiry is the anchor",
    Grain.INSTANT,
    Among("status", ("sent", "viewed", "expired")),
    InRange("expires_at"),
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
    reads = (Read("bookings", _BOOKING_READ, where), customers_of("bookings"))
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


def _about_booking(source: str) -> tuple[Read, Read]:
    booking = ("id", "tenant_id", "reference", "destination", "agent_id")
    return customers_of(source), Read("bookings", booking, of=(source, "booking_id"))


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

LEADS_CREATED = Audience(
    "leads_created",
    "a person who might become a customer; the moment they were added is the anchor",
    subject="leads",
    anchor=Anchor.INSTANT,
    grain=Grain.ONCE,
    reads=(
        Read(
            "leads",
            ("id", "tenant_id", "customer_id", "name", "email", "origin", "status", "created_at"),
            (InRange("created_at"),),
        ),
        customers_of("leads"),
    ),
    columns=(
        Column("lead_name", Type.TEXT, "Full name.", personal=True),
        Column("lead_email", Type.TEXT, "E-mail address as entered.", personal=True),
        Column("origin", Type.TEXT, "Where they came from."),
        Column("lead_status", Type.TEXT, "For example new, contacted, qualified, converted, lost."),
        Column("created_at", Type.INSTANT, "When they were added."),
        *NAMES,
    ),
)

TRAVEL = (
    OPEN_QUERIES,
    QUERIES_CREATED,
    UNASSIGNED_QUERIES,
    OPEN_QUOTES,
    EXPIRING_QUOTES,
    QUOTES_SENT,
    QUOTES_VIEWED,
    QUOTES_EXPIRED,
    BOOKINGS_CONFIRMED,
    DEPARTURES,
    TRIPS_COMPLETED,
    PAYMENTS_DUE,
    PAYMENTS_RECEIVED,
    DOCUMENTS_UPLOADED,
    REVIEWS_SUBMITTED,
    LEADS_CREATED,
)
