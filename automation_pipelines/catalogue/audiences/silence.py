"""The audience of customers who fell silent: what counts as a sign of life is each tenant's own choice."""

from collections.abc import Iterator

from automation_pipelines.catalogue.audiences.customers import some_customers
from automation_pipelines.catalogue.audiences.shared import CONTACT, PROFILE, PROFILE_COLUMNS
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

_SETTING = "re_engagement_activities"
_SUMMARY = frozenset({"booking", "payment", "enquiry", "visit"})
"""What the CRM's own `last_activity_at` sums up: where all of it counts, it need not be looked at singly."""

_SIGNS: tuple[tuple[str, str, tuple[str, ...], tuple[Predicate, ...]], ...] = (
    ("booking", "bookings", ("booked_at",), ()),
    ("payment", "payments", ("paid_at",), (Among("status", ("paid", "refunded")),)),
    ("enquiry", "queries", ("created_at",), ()),
    ("visit", "events", ("at",), (Among("type", ("visit",)),)),
    ("login", "events", ("at",), (Among("type", ("login",)),)),
    ("quote", "quotes", ("viewed_at", "decided_at"), ()),
    ("review", "reviews", ("submitted_at",), ()),
    ("document", "documents", ("uploaded_at",), ()),
    ("engagement", "engagements", ("at",), (Among("status", ("completed",)),)),
    ("wallet_pass", "wallet_passes", ("installed_at", "updated_at"), ()),
)
"""Each sign of life: where it shows, when it was, and what else it takes."""


def _looked_at(sign: str, activities: str) -> bool:
    """Whether a tenant's choice makes it necessary to look at this sign by itself."""
    listed = frozenset(activities.split(","))
    return sign in (listed - _SUMMARY if listed >= _SUMMARY else listed)


def _reads() -> Iterator[Read]:
    """Whoever gave a last sign in a range gave one there; any later sign shows that it was not the last."""
    for sign, source, instants, also in _SIGNS:
        asked = (_SETTING, lambda activities, sign=sign: _looked_at(sign, activities))
        needed = ("id", "tenant_id", "customer_id", *instants, *(p.column for p in also))
        within = [Read(source, needed, (*also, InRange(instant)), asked=asked) for instant in instants]
        yield from within
        yield Read("customers", (*CONTACT, *PROFILE), of=(source, "customer_id"), asked=asked)
        for instant in instants:
            yield Read(source, needed, (*also, InRange(instant, onwards=True)), asked=asked)


INACTIVE_CUSTOMERS = Audience(
    "inactive_customers",
    "a customer of a tenant that re-engages; the last sign of life is the anchor, else the day they came",
    subject="customers",
    anchor=Anchor.INSTANT,
    grain=Grain.DAY,
    reads=(
        some_customers("last_activity_at", where=(InRange("last_activity_at"),)),
        some_customers("last_activity_at", where=(InRange("created_at"),)),
        *_reads(),
    ),
    columns=(
        *PROFILE_COLUMNS,
        Column("last_activity_on", Type.DATE, "Day of the last sign of life, tenant's zone."),
        Column("inactivity_days", Type.INTEGER, "The tenant's threshold."),
    ),
)
