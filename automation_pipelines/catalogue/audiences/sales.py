"""The audiences of selling: enquiries, quotes and leads."""

from dataclasses import replace

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
    reads = (Read("queries", _QUERY_READ, where), *customers_of("queries"))
    return Audience(name, row, "queries", Anchor.INSTANT, grain, reads, _QUERY_COLUMNS)


def _assignable(audience: Audience) -> Audience:
    """With all open enquiries beside: `assign` counts how many each agent has."""
    workload = Read("queries", ("id", "tenant_id", "agent_id", "status"), (_UNRESOLVED,))
    return replace(audience, reads=(*audience.reads, workload))


OPEN_QUERIES = _queries(
    "open_queries",
    "an unresolved enquiry; its deadline is the anchor",
    Grain.INSTANT,
    _UNRESOLVED,
    InRange("sla_due_at"),
)
QUERIES_CREATED = _assignable(
    _queries(
        "queries_created",
        "an enquiry, whatever became of it; the moment it arrived is the anchor",
        Grain.ONCE,
        InRange("created_at"),
    )
)
UNASSIGNED_QUERIES = _assignable(
    _queries(
        "unassigned_queries",
        "an unresolved enquiry that no agent has; the moment it arrived is the anchor",
        Grain.ONCE,
        _UNRESOLVED,
        InRange("created_at"),
    )
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
    reads = (Read("quotes", _QUOTE_READ, where), *customers_of("quotes"))
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
        *customers_of("leads"),
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

ABOUT_SALES = (
    OPEN_QUERIES,
    QUERIES_CREATED,
    UNASSIGNED_QUERIES,
    OPEN_QUOTES,
    EXPIRING_QUOTES,
    QUOTES_SENT,
    QUOTES_VIEWED,
    QUOTES_EXPIRED,
    LEADS_CREATED,
)
