"""What messages are credited with and cost: conversions by campaign, and what a campaign returns."""

from automation_pipelines.catalogue.conversions import CONVERSIONS
from automation_pipelines.catalogue.statistics.columns import CAMPAIGN, CHANNEL, DAY, STEP, TENANT, count
from automation_pipelines.catalogue.types import Among, Column, InRange, Read, Statistic, Type, Window

COSTS = "message_costs"
"""The tenant setting that says what a message costs."""

_CONVERTED_ON = Column("day", Type.DATE, "UTC day of `converted_at`; the partition.", required=True)
_CURRENCY = Column("currency", Type.TEXT, "ISO 4217 code of the money in this row.", required=True)
_VARIANT = Column("variant", Type.TEXT, "Arm of the campaign's experiment; null: it has none.")
REACH = 30 + 7
"""Days: the longest that attribution may reach back, and how late a message may leave to be found."""


def _credit(name: str, doc: str) -> Column:
    return Column(name, Type.NUMBER, doc, required=True)


def _money(name: str, doc: str) -> Column:
    return Column(name, Type.MONEY, doc, required=True)


def estimate(name: str, doc: str) -> tuple[Column, ...]:
    """A figure with its interval."""
    return (
        Column(name, Type.NUMBER, doc),
        Column(f"{name}_low", Type.NUMBER, f"Lower end of the 95 % interval of `{name}`."),
        Column(f"{name}_high", Type.NUMBER, f"Upper end of the 95 % interval of `{name}`."),
    )


INCREMENTAL = (
    *estimate(
        "incremental_conversions",
        "Conversions that there would not have been without the campaign, by its holdout; null: it has none. "
        "By the tenant's own holdout: without any marketing; such figures do not add up over campaigns.",
    ),
    *estimate(
        "incremental_revenue",
        "Revenue that there would not have been, minor units of the tenant's currency; null: no holdout.",
    ),
)

CONVERSION_FACTS = Statistic(
    "conversion_facts",
    "a conversion in the CRM, of the UTC day it happened: ids, times and amounts, nothing personal",
    (
        _CONVERTED_ON,
        Column("conversion_id", Type.ID, "Key of the conversion in the CRM.", required=True),
        TENANT,
        Column("customer_id", Type.ID, "The customer who converted.", required=True),
        *(
            CONVERSIONS.column(name)
            for name in ("converted_at", "amount", "currency", "cancelled_at", "updated_at")
        ),
    ),
    key=("conversion_id",),
    reads=(
        Read(
            "conversions",
            tuple(column.name for column in CONVERSIONS.columns),
            where=(InRange("converted_at"),),
        ),
    ),
    published=False,
)

ATTRIBUTION_DAILY = Statistic(
    "attribution_daily",
    "a UTC day of conversion, tenant, model, message and currency: the conversions of that day, credited to "
    "the messages before them. Each model credits every conversion once: never add models up",
    (
        _CONVERTED_ON,
        TENANT,
        Column(
            "model",
            Type.TEXT,
            "Which messages are credited: the `last` or the `first` before the conversion, or each `even`ly.",
            required=True,
            values=("last", "first", "even"),
        ),
        Column(
            "campaign",
            Type.TEXT,
            "Id of the campaign; null: nothing came before that may be credited (`AUTOMATION_ATTRIBUTION__…`:"
            " marketing to the customer, sent in the 7 days before).",
        ),
        Column("step", Type.TEXT, "Id of the step."),
        _VARIANT,
        Column("channel", Type.TEXT, "How the message went out."),
        _CURRENCY,
        _credit(
            "conversions",
            "Conversions credited, cancelled ones not among them. Shares of one add up to exactly 1.",
        ),
        _money(
            "revenue", "What they bring, minor units. Shares of one amount add up to exactly that amount."
        ),
        _credit("cancelled", "Conversions of that day that were cancelled since, credited likewise."),
        _money("cancelled_revenue", "What those would have brought, minor units."),
    ),
    key=("day", "tenant_id", "model", "campaign", "step", "variant", "channel", "currency"),
    inputs=("conversion_facts", "message_facts", "credited"),
    reads=(Read("conversions", ("id",), where=(InRange("converted_at"),)),),
    windows=(Window("message_facts", before=REACH),),
)

SPEND_DAILY = Statistic(
    "spend_daily",
    "a UTC day, tenant, campaign, step, variant and channel: the messages due that day that were handed off, "
    "and what they cost by the prices in force when the day was computed",
    (
        DAY,
        TENANT,
        CAMPAIGN,
        STEP,
        _VARIANT,
        CHANNEL,
        count("sent", "Jobs the provider took responsibility for."),
        _credit("cost", "What they cost, minor units of the tenant's currency; 0 where no price is set."),
    ),
    key=("day", "tenant_id", "campaign", "step", "variant", "channel"),
    inputs=("message_facts", "prices"),
    reads=(Read("tenant_settings", ("id", "tenant_id", "name", "value"), where=(Among("name", (COSTS,)),)),),
)

CAMPAIGN_RETURNS = Statistic(
    "campaign_returns",
    "a tenant, campaign and currency: what a campaign cost and brought. Where it has a holdout, its "
    "`incremental_…` columns are the figure to go by; credit alone also takes what would have come anyway",
    (
        TENANT,
        CAMPAIGN,
        _CURRENCY,
        *INCREMENTAL,
        count("sent", "Messages handed off; in the row of the tenant's own currency."),
        _credit("cost", "What they cost, minor units; in the row of the tenant's own currency."),
        Column("model", Type.TEXT, "The model of attribution that the rest is by.", required=True),
        _credit(
            "conversions",
            "Conversions credited, cancelled ones not among them; none if its purpose may not be credited.",
        ),
        _money("revenue", "What they bring, minor units of this row's currency: currencies are never mixed."),
        _credit("cancelled", "Conversions that were cancelled since, credited likewise."),
    ),
    key=("tenant_id", "campaign", "currency"),
    daily=False,
    inputs=("spend_daily", "attribution_daily", "holdout_lift", "tenants", "terms"),
)
