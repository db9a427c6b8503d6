"""One row per tenant: what somebody who looks after many of them reads first."""

from automation_pipelines.catalogue.statistics.columns import count
from automation_pipelines.catalogue.types import Column, Statistic, Type

_LATELY = {
    "sent": "Messages the provider took responsibility for",
    "emails": "Of these: e-mails",
    "delivered": "Messages the receiver's side confirmed",
    "opened": "Messages opened by a person",
    "clicked": "Messages clicked by a person",
    "bounced": "Messages that bounced",
    "complained": "Messages marked as spam",
    "unsubscribed": "Messages whose reader unsubscribed",
}

TENANT_OVERVIEW = Statistic(
    "tenant_overview",
    "a tenant: what it was sent lately and what came back, and how it stands at the time of publication",
    (
        Column("tenant_id", Type.ID, "Key of the tenant in the CRM.", required=True),
        Column("name", Type.TEXT, "Name shown to customers."),
        *(
            count(f"{name}_{days}_days", f"{doc}, due in the last {days} UTC days, today included.")
            for days in (7, 30)
            for name, doc in _LATELY.items()
        ),
        count("waiting", "Jobs that wait to be handed off now, retries included."),
        count("processing", "Jobs in the hands of a worker now."),
        count("failed", "Jobs in the dead-letter queue now."),
        count("unknown", "Jobs now whose worker died during hand-off and that nothing has proved since."),
        Column(
            "oldest_waiting_at",
            Type.INSTANT,
            "Since when the first of the waiting could have gone, retries left out; null: none waits.",
        ),
        count("running_campaigns", "Campaigns that run for this tenant."),
        Column(
            "last_tick_at", Type.INSTANT, "The time the latest planning run of the installation spoke for."
        ),
    ),
    key=("tenant_id",),
    daily=False,
    inputs=("campaign_daily", "profiles", "queue", "running_campaigns", "last_tick"),
)
