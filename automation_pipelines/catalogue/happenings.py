"""What happens to customers and accounts, as conditions may ask for it: one typed entry each.

Each has one `sql/happenings/<name>.sql`, which selects tenant_id, customer_id, account_id, at and these
columns from source frames. How often they are counted, and for whom, is planning's.
"""

from dataclasses import dataclass

from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Among, Column, Predicate, Read


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of event. `at` is the source's column of when, for reading no more than a time asked for."""

    name: str
    row: str
    """What one row is."""
    source: str
    columns: tuple[Column, ...]
    """What a condition's `where` may use."""
    at: str | None
    by: tuple[str, ...] = ("customer_id",)
    """Whose it is: matched by the first of these keys that the subject has."""
    needs: tuple[str, ...] = ()
    """Further columns of the source that its SQL reads."""
    where: tuple[Predicate, ...] = ()
    """What may be left out when the source is read."""

    @property
    def of_messages(self) -> bool:
        """Whether it is about a message, which has a campaign and a step."""
        return self.source == "message_events"

    @property
    def read(self) -> Read:
        """What it needs of its source, whatever the time."""
        named = (column.name for column in self.columns)
        columns = dict.fromkeys(("id", "tenant_id", *self.by, *named, *self.needs, *filter(None, [self.at])))
        return Read(self.source, tuple(columns), self.where)


def _columns(source: str, *names: str) -> tuple[Column, ...]:
    return tuple(SOURCES[source].column(name) for name in names)


def _message(name: str, row: str, kind: str) -> Event:
    columns = _columns("message_events", "campaign", "step", "channel", "purpose")
    where = (Among("type", (kind,)),)
    return Event(name, row, "message_events", columns, "at", needs=("type", "machine"), where=where)


_ENTRIES = (
    _message("message_sent", "one message that was sent, whatever its channel", "sent"),
    _message("email_sent", "one e-mail that was sent", "sent"),
    _message("email_opened", "one e-mail opened by a person, once for each time", "opened"),
    _message("email_clicked", "one click of a person on a link in an e-mail", "clicked"),
    _message("message_replied", "one answer of a person to a message", "replied"),
    _message("message_bounced", "one message that came back", "bounced"),
    _message("converted", "one conversion that followed from a message", "converted"),
    _message("unsubscribed", "one unsubscription through a message", "unsubscribed"),
    Event(
        "booking_made",
        "one booking, whatever became of it",
        "bookings",
        _columns("bookings", "destination", "amount", "currency", "status", "departure_on"),
        "booked_at",
    ),
    Event(
        "trip_completed",
        "one completed trip, at the end of its last day in UTC",
        "bookings",
        _columns("bookings", "destination", "amount", "currency"),
        None,
        needs=("return_on", "status"),
        where=(Among("status", ("completed",)),),
    ),
    Event(
        "quote_sent",
        "one quote sent to a customer",
        "quotes",
        _columns("quotes", "destination", "amount", "currency", "status"),
        "sent_at",
    ),
    Event(
        "quote_viewed",
        "one quote a customer has looked at, the first time",
        "quotes",
        _columns("quotes", "destination", "amount", "currency", "status"),
        "viewed_at",
    ),
    Event(
        "quote_accepted",
        "one quote a customer accepted",
        "quotes",
        _columns("quotes", "destination", "amount", "currency"),
        "decided_at",
        needs=("status",),
        where=(Among("status", ("accepted",)),),
    ),
    Event(
        "payment_made",
        "one payment that arrived and was kept",
        "payments",
        _columns("payments", "amount", "currency"),
        "paid_at",
        needs=("status",),
        where=(Among("status", ("paid",)),),
    ),
    Event(
        "enquiry_made",
        "one enquiry of a customer",
        "queries",
        _columns("queries", "destination", "status", "priority"),
        "created_at",
    ),
    Event(
        "document_uploaded",
        "one document a customer uploaded",
        "documents",
        _columns("documents", "kind"),
        "uploaded_at",
    ),
    Event(
        "review_submitted",
        "one review a customer wrote",
        "reviews",
        _columns("reviews", "rating"),
        "submitted_at",
    ),
    Event(
        "wallet_pass_updated",
        "the last use, renewal or installation of one pass in a customer's phone",
        "wallet_passes",
        _columns("wallet_passes", "active"),
        None,
        needs=("updated_at", "installed_at"),
    ),
    Event("activity", "one typed event of the CRM's own", "events", _columns("events", "type"), "at"),
    Event(
        "engagement",
        "one contact with an account that took place",
        "engagements",
        _columns("engagements", "type", "outcome"),
        "at",
        by=("account_id", "customer_id"),
        needs=("status",),
        where=(Among("status", ("completed",)),),
    ),
    Event(
        "meeting_missed",
        "one meeting that was missed",
        "engagements",
        _columns("engagements", "outcome"),
        "at",
        by=("account_id", "customer_id"),
        needs=("status", "type"),
        where=(Among("status", ("missed",)),),
    ),
)

HAPPENINGS: dict[str, Event] = {event.name: event for event in _ENTRIES}
"""Every event a condition may ask for."""

SCORE_READS: tuple[Read, ...] = (
    Read("message_events", ("id", "tenant_id", "customer_id", "type", "machine", "at")),
    Read("engagements", ("id", "tenant_id", "customer_id", "type", "status", "outcome", "at")),
)
"""What `sql/happenings/engagement_score.sql` needs of its sources."""
