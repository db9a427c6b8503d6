"""What several audiences read and tell alike. No audience."""

from automation_pipelines.catalogue.types import Column, Read, Type

CONTACT = (
    "id",
    "tenant_id",
    "name",
    "first_name",
    "company_name",
    "email",
    "phone",
    "push_token",
    "wallet_pass",
    "locale",
    "time_zone",
    "country",
    "email_opt_out",
    "merged_into",
)
"""What planning needs of the customer a message goes to."""

PROFILE = ("segment", "status", "lifetime_value", "pipeline_stage", "agent_id")
"""What the audiences of customers tell beside it."""

CUSTOMER_NAME = Column("customer_name", Type.TEXT, "Full name of the customer.", personal=True)
FIRST_NAME = Column("first_name", Type.TEXT, "Given name of the customer.", personal=True)
COMPANY_NAME = Column("company_name", Type.TEXT, "The company the customer buys for.")
NAMES = (CUSTOMER_NAME, FIRST_NAME, COMPANY_NAME)
AGENT_NAME = Column("agent_name", Type.TEXT, "Full name of the agent in charge.", personal=True)
CURRENCY = Column("currency", Type.TEXT, "ISO 4217 code.")

PROFILE_COLUMNS = (
    *NAMES,
    Column("segment", Type.TEXT, "Marketing segment."),
    Column("country", Type.TEXT, "ISO 3166 alpha-2 code."),
    Column("status", Type.TEXT, "lead, active or past."),
    Column("lifetime_value", Type.MONEY, "Paid so far, minor units of the tenant's currency."),
    Column("pipeline_stage", Type.TEXT, "Stage of the sales pipeline."),
)


def customers_of(source: str) -> tuple[Read, Read]:
    """The customers of the rows read of `source`, and those their records were merged into."""
    merged = Read("customers", CONTACT, of=("customers", "merged_into"))
    return Read("customers", CONTACT, of=(source, "customer_id")), merged
