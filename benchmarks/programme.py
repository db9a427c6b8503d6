"""What the benchmark runs: an installation with campaigns over every audience, and messages of 10 KB."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa

from automation_pipelines.campaign import Campaign
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import plans
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import PLAN_COLUMNS, Tick
from automation_pipelines.messages import TemplateSource
from automation_pipelines.settings import Settings
from benchmarks.harness import AS_OF, Setting

STARTED = AS_OF - timedelta(days=30)

_MESSAGE = {"channel": "email", "template": "letter"}


def _levels() -> list[dict[str, Any]]:
    roles = {60: "agent_manager", 120: "department_manager", 240: "senior_management", 480: "executives"}
    messages = [
        {"id": f"tell-{minutes}", "offset": f"{minutes} minutes", "recipient": role, **_MESSAGE}
        for minutes, role in roles.items()
    ]
    actions = [
        {
            "id": f"level-{level}",
            "offset": f"{minutes} minutes",
            "action": "set_query_escalation_level",
            "with": {"level": level},
        }
        for level, minutes in enumerate(roles, 1)
    ]
    return messages + actions


def _single(name: str, audience: str, offset: str = "at once", **more: object) -> dict[str, Any]:
    step = {"id": "one", "offset": offset, **_MESSAGE}
    return {"id": name, "title": name, "audience": audience, "steps": [step], **more}


BROADCAST = _single(
    "broadcast", "customers", zone="UTC", schedule={"date": AS_OF.date().isoformat(), "at": "08:45"}
)
EVERY_AUDIENCE: tuple[dict[str, Any], ...] = (
    {"id": "sla", "title": "sla", "audience": "open_queries", "purpose": "internal", "steps": _levels()},
    {
        "id": "follow-up",
        "title": "follow-up",
        "audience": "open_quotes",
        "steps": [{"id": f"day-{days}", "offset": f"{days} days", **_MESSAGE} for days in (3, 7, 14)],
    },
    _single("expiry", "expiring_quotes", purpose="transactional", offset="-24 hours"),
    _single("birthday", "birthdays"),
    _single("anniversary", "anniversaries"),
    _single("re-engagement", "inactive_customers", offset="{inactivity_days} days"),
    _single("welcome", "new_customers"),
    _single("thanks", "payments_received", purpose="transactional"),
    {
        **BROADCAST,
        "id": "luxury",
        "conditions": {"field": "segment", "operator": "equals", "value": "luxury"},
    },
)
EVERYBODY: tuple[dict[str, Any], ...] = (BROADCAST,)

_ROW = (
    '<tr><td class="cell" style="padding:14px 24px;font-family:Georgia,serif;color:#333">'
    "Paragraph {number} of an ordinary marketing letter: long enough to fill a screen, plain enough "
    "to be read aloud, and the same for everybody who gets it. “Bon voyage”, as they say.</td></tr>\n"
)
_STYLE = ".cell { line-height: 1.5; font-size: 16px } .button { background: #0b6e69; color: #fff }"
LETTER = TemplateSource(
    subject="{{ recipient.first_name }}, a letter from {{ tenant.name }}",
    html=(
        f"<html><head><style>{_STYLE}</style></head><body><table>"
        "<tr><td>Dear {{ recipient.name }},</td></tr>\n"
        + "".join(_ROW.format(number=number) for number in range(26))
        + '<tr><td><a class="button" href="{{ tenant.website }}">Visit us</a></td></tr>'
        "<tr><td>{{ tenant.postal_address }}</td></tr></table></body></html>\n"
    ),
    text="Dear {{ recipient.name }},\n\nplease read the other part.\n\n{{ tenant.postal_address }}\n",
)


def database_url(setting: Setting, name: str) -> str:
    """Return the URL of the benchmark's ledger `name`."""
    if setting.server is None:
        return f"sqlite:///{setting.home / name}.db"
    return sa.make_url(setting.server).set(database=f"benchmark_{name}").render_as_string(hide_password=False)


def fresh_ledger(setting: Setting, name: str) -> Database:
    """Make an empty migrated ledger; an earlier one of that name goes."""
    if setting.server is None:
        for path in setting.home.glob(f"{name}.db*"):
            path.unlink()
    else:
        _recreate(setting.server, f"benchmark_{name}")
    database = Database.open(database_url(setting, name))
    database.migrate(STARTED)
    return database


def _recreate(server: str, name: str) -> None:
    engine = sa.create_engine(
        sa.make_url(server).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT"
    )
    with engine.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    engine.dispose()


def open_ledger(setting: Setting, name: str) -> Database:
    return Database.open(database_url(setting, name))


def installation(setting: Setting, name: str) -> Installation:
    """Open the installation `name`, as `install` left it."""
    home: Path = setting.home / f"home-{name}"
    settings = Settings(home=home, crm_url=setting.crm, database_url=database_url(setting, name))
    return Installation.open(settings)


def install(setting: Setting, name: str, campaigns: tuple[dict[str, Any], ...]) -> None:
    """Make an installation with these campaigns started and nothing planned yet."""
    fresh_ledger(setting, name).close()
    made = installation(setting, name)
    for document in campaigns:
        spec = Campaign.model_validate(document)
        made.campaigns.apply(spec, "", {"letter": LETTER}, "benchmark", STARTED)
        made.campaigns.start(spec.id, "benchmark", STARTED)


def source(setting: Setting, name: str) -> pl.DataFrame:
    """Read a whole source, as extraction gives it; from the files the first stage left."""
    return pl.read_parquet(setting.home / "sources" / f"{name}.parquet")


def ledger_rows(setting: Setting, limit: int | None = None) -> pl.DataFrame:
    """One planned moment per customer, as `write_plan` takes them."""
    customers = source(setting, "customers").select("id", "id_text", "tenant_id", "email")
    due = pl.lit(AS_OF).cast(pl.Datetime("us", "UTC"))
    rows = customers.head(limit or customers.height).with_columns(
        occurrence=pl.lit(29_000_000) + pl.col("id") % 1440,
        campaign_id=1,
        step_id=2,
        subject_id="id",
        recipient_id=0,
        reason=pl.lit("planned"),
        held_by=pl.lit(None, pl.String),
        purpose=pl.lit("marketing"),
        channel=pl.lit("email"),
        variant=pl.lit(None, pl.Int64),
        campaign_version=1,
        priority=5,
        due_at=due - pl.duration(minutes=pl.col("id") % 1440),
        expires_at=due + pl.duration(hours=24),
        subject_text="id_text",
        address="email",
        address_hash=pl.format("{}{}", pl.lit("0" * 54), pl.col("id") % 9_000_000_000 + 1_000_000_000),
        customer_id="id",
        variables=pl.concat_str(
            pl.lit('{"recipient":{"name":"Customer '),
            pl.col("id").cast(pl.String),
            pl.lit('","first_name":"Customer"},"segment":"family","country":"NP","lifetime_value":1250000}'),
        ),
        fallbacks=pl.lit(None, pl.String),
    )
    return rows.select(pl.col(name).cast(kind) for name, kind in PLAN_COLUMNS.items())


def tick(run_id: str, moments: int) -> Tick:
    return Tick(
        run_id=run_id,
        mode="live",
        as_of=AS_OF,
        planned_from=None,
        planned_to=AS_OF + timedelta(minutes=35),
        moments=moments,
    )


def identify(database: Database) -> None:
    """Give campaign 1 and step 2 of `ledger_rows` their names."""
    found = plans.identify(database, [("bench", ""), ("bench", "one")], "live")
    assert found == {("bench", ""): 1, ("bench", "one"): 2}, found
