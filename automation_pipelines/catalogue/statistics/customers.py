"""What customers are like: how they answer, how they buy, whether they come back."""

from collections.abc import Iterable

from automation_pipelines.catalogue.statistics.columns import TENANT, count
from automation_pipelines.catalogue.types import Column, Statistic, Type

_CUSTOMER = Column("customer_id", Type.ID, "Key of the customer in the CRM.", required=True)
_CURRENCY = "ISO 4217 code of {}: nothing is ever converted."


def _fifth(name: str, doc: str) -> Column:
    return Column(name, Type.INTEGER, doc, between=(1, 5))


def _counts(documented: Iterable[tuple[str, str]]) -> tuple[Column, ...]:
    return tuple(count(name, f"Of these, messages that they {doc}.") for name, doc in documented)


ENGAGEMENT_SCORE = Statistic(
    "engagement_score",
    "a customer who was written to in the last 180 days: what they did with it",
    (
        TENANT,
        _CUSTOMER,
        Column(
            "score",
            Type.NUMBER,
            "0 to 100: points for what they did with each message, halved every 30 days, added up, cut at 0 "
            "and 100. Opened has 5, clicked 10, answered 20, converted 30, unsubscribed -30, complained -50; "
            "the first time with a message counts, what machines did does not. The `engagement_score` of "
            "conditions has the same points and half-life; it adds what the CRM knows of meetings and calls.",
            required=True,
        ),
        Column(
            "standing",
            Type.TEXT,
            "`score` in a word: from 40 champion, from 5 active (a click within 30 days), from 1 cooling (a "
            "click within 99), below silent.",
            required=True,
            values=("champion", "active", "cooling", "silent"),
        ),
        Column(
            "last_engaged_at",
            Type.INSTANT,
            "When they last opened, clicked, answered or converted (of each message the first time); null: "
            "never.",
        ),
        Column("days_since", Type.INTEGER, "Whole days from then to the publication."),
        count("sent", "Messages of the last 180 days that were handed off, or may have been (`unknown`)."),
        *_counts(
            (
                ("opened", "opened"),
                ("clicked", "clicked in"),
                ("replied", "answered"),
                ("converted", "converted on, as an event told"),
                ("unsubscribed", "unsubscribed with"),
                ("complained", "marked as spam"),
            )
        ),
    ),
    key=("tenant_id", "customer_id"),
    daily=False,
    inputs=("message_facts",),
)

RFM = Statistic(
    "rfm",
    "a customer with a conversion that holds: recency, frequency and monetary value, each in fifths of the "
    "tenant's customers",
    (
        TENANT,
        _CUSTOMER,
        Column("last_converted_at", Type.INSTANT, "Their latest conversion.", required=True),
        count("recency_days", "Whole days from then to the publication."),
        count("frequency", "Their conversions, those cancelled since not among them."),
        Column("monetary", Type.MONEY, "What those in `currency` brought, minor units.", required=True),
        Column(
            "currency",
            Type.TEXT,
            _CURRENCY.format("most of their conversions (of several the first by name)"),
            required=True,
        ),
        count("in_other_currencies", "Of `frequency`, conversions whose money `monetary` leaves out."),
        _fifth(
            "r",
            "Fifth by `last_converted_at`, 5 the latest. Fifths are of equal size (NTILE): of equals the "
            "higher `frequency`, then the smaller `customer_id` is the better. Null: fewer than 5 customers.",
        ),
        _fifth("f", "Fifth by `frequency`, 5 the most; equals by `last_converted_at`, then as in `r`."),
        _fifth(
            "m",
            "Fifth by `monetary` among the tenant's customers of the same `currency`, 5 the most; equals by "
            "`frequency`, then `last_converted_at`, then as in `r`.",
        ),
        Column(
            "segment",
            Type.TEXT,
            "The place in the usual grid of `r` and `f`: champions (r 5, f 4-5), loyal (3-4, 4-5), "
            "potential_loyal (4-5, 2-3), new (5, 1), promising (4, 1), needs_attention (3, 3), "
            "about_to_sleep (3, 1-2), not_to_lose (1-2, 5), at_risk (1-2, 3-4), hibernating (1-2, 1-2).",
            values=(
                "champions",
                "loyal",
                "potential_loyal",
                "new",
                "promising",
                "needs_attention",
                "about_to_sleep",
                "not_to_lose",
                "at_risk",
                "hibernating",
            ),
        ),
    ),
    key=("tenant_id", "customer_id"),
    daily=False,
    inputs=("conversion_facts",),
)

COHORT_RETENTION = Statistic(
    "cohort_retention",
    "a tenant, month of first conversion (the cohort) and month since, the one going on included; months "
    "begin by the tenant's clock",
    (
        TENANT,
        Column("cohort", Type.DATE, "First day of the month of their first conversion.", required=True),
        count("months_since", "Months since then; 0 is the month itself."),
        count("customers", "Size of the cohort, the same in all its rows: does not add up over months."),
        count("active", "Of these, customers with a conversion in that month. Adds up over cohorts only."),
        count("conversions", "Their conversions in that month, those cancelled since not among them."),
        Column("revenue", Type.MONEY, "What those in `currency` brought, minor units.", required=True),
        Column(
            "currency",
            Type.TEXT,
            _CURRENCY.format("most of the tenant's conversions (of several the first by name)"),
            required=True,
        ),
        count("in_other_currencies", "Of `conversions`, those whose money `revenue` leaves out."),
        Column("complete", Type.BOOLEAN, "False: the month was not over at the publication.", required=True),
    ),
    key=("tenant_id", "cohort", "months_since"),
    daily=False,
    inputs=("conversion_facts", "tenants"),
)
