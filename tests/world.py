"""A small company for tests: a real CRM, a real ledger and a clock that the test moves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import sqlalchemy as sa
import yaml

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.sources import CRM_SOURCES
from automation_pipelines.catalogue.types import Source, Type
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.tables import identities, job_payloads, jobs
from automation_pipelines.messages import TemplateSource
from automation_pipelines.settings import Settings
from automation_pipelines.tick import TickResult, run_tick

_DEFAULTS: dict[str, dict[str, Any]] = {
    "tenants": {
        "name": "Acme Travel",
        "time_zone": "UTC",
        "send_time": "09:00",
        "locale": "en",
        "currency": "EUR",
        "sender_name": "Acme",
        "sender_email": "hello@acme.example.com",
        "active": True,
    },
    "users": {"tenant_id": 1, "name": "Ada", "role": "agent", "department": "sales", "active": True},
    "customers": {
        "tenant_id": 1,
        "name": "Kim Doe",
        "first_name": "Kim",
        "email_opt_out": False,
        "created_at": "2020-01-01T00:00",
        "last_activity_at": "2020-01-01T00:00",
    },
    "queries": {
        "tenant_id": 1,
        "customer_id": 1,
        "title": "Trip",
        "status": "open",
        "created_at": "2020-01-01T00:00",
    },
    "quotes": {
        "tenant_id": 1,
        "customer_id": 1,
        "number": "Q-1",
        "currency": "EUR",
        "amount": 100,
        "status": "sent",
        "created_at": "2020-01-01T00:00",
    },
    "bookings": {
        "tenant_id": 1,
        "customer_id": 1,
        "reference": "B-1",
        "currency": "EUR",
        "status": "confirmed",
        "booked_at": "2020-01-01T00:00",
    },
    "payments": {"tenant_id": 1, "customer_id": 1, "amount": 100, "currency": "EUR", "status": "paid"},
    "events": {"tenant_id": 1, "customer_id": 1, "type": "visit"},
    "accounts": {"tenant_id": 1, "name": "Initech", "status": "active", "created_at": "2020-01-01T00:00"},
    "engagements": {
        "tenant_id": 1,
        "account_id": 1,
        "type": "meeting",
        "status": "completed",
        "at": "2020-01-01T00:00",
    },
    "goals": {
        "tenant_id": 1,
        "account_id": 1,
        "title": "Go live",
        "status": "active",
        "created_at": "2020-01-01T00:00",
    },
    "contacts": {
        "tenant_id": 1,
        "account_id": 1,
        "name": "Lee Roe",
        "first_name": "Lee",
        "role": "admin",
        "email_opt_out": False,
        "active": True,
    },
    "documents": {"tenant_id": 1, "customer_id": 1, "kind": "passport", "uploaded_at": "2020-01-01T00:00"},
    "reviews": {"tenant_id": 1, "customer_id": 1, "rating": 5, "submitted_at": "2020-01-01T00:00"},
    "wallet_passes": {
        "tenant_id": 1,
        "customer_id": 1,
        "serial": "W-1",
        "active": True,
        "installed_at": "2020-01-01T00:00",
    },
    "consents": {
        "tenant_id": 1,
        "customer_id": 1,
        "channel": "email",
        "topic": "",
        "state": "opted_out",
        "at": "2020-01-01T00:00",
    },
    "tasks": {
        "tenant_id": 1,
        "title": "Call them",
        "priority": "medium",
        "status": "open",
        "created_at": "2020-01-01T00:00",
    },
    "leads": {"tenant_id": 1, "name": "Sam Poe", "status": "new", "created_at": "2020-01-01T00:00"},
    "tenant_settings": {"tenant_id": 1},
}

# In SQLite only an INTEGER key numbers the rows that a campaign's own actions insert.
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_COLUMN_TYPES: dict[Type, Any] = {
    Type.INTEGER: sa.BigInteger,
    Type.MONEY: sa.BigInteger,
    Type.NUMBER: sa.Double,
    Type.TEXT: sa.Text,
    Type.BOOLEAN: sa.Boolean,
    Type.DATE: sa.Date,
    Type.INSTANT: sa.DateTime(timezone=True),
}


def at(text: str) -> datetime:
    """`2026-03-01T09:00`, UTC unless it says otherwise."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _table(source: Source, metadata: sa.MetaData, *, text_ids: bool) -> sa.Table:
    def kind(type_: Type) -> Any:
        return (sa.Text() if text_ids else _KEY) if type_ is Type.ID else _COLUMN_TYPES[type_]

    columns = (sa.Column(c.name, kind(c.type), primary_key=c.name == "id") for c in source.columns)
    return sa.Table(source.name, metadata, *columns)


@cache
def _tables(*, text_ids: bool) -> dict[str, sa.Table]:
    metadata = sa.MetaData()
    return {name: _table(source, metadata, text_ids=text_ids) for name, source in CRM_SOURCES.items()}


@dataclass
class World:
    """One installation over one CRM, in a directory and databases of its own."""

    installation: Installation
    crm: sa.Engine
    tables: dict[str, sa.Table]
    ticks: int = 0

    @classmethod
    def create(
        cls, home: Path, database_url: str, crm_url: str, *, text_ids: bool = False, **settings: Any
    ) -> "World":
        """A CRM of empty tables, and a migrated ledger."""
        made = cls.over(home, database_url, crm_url, text_ids=text_ids, **settings)
        next(iter(made.tables.values())).metadata.create_all(made.crm)
        made.installation.initialise(at("2020-01-01T00:00"))
        return made

    @classmethod
    def over(
        cls, home: Path, database_url: str, crm_url: str, *, text_ids: bool = False, **settings: Any
    ) -> "World":
        """An installation over databases that have their tables."""
        home.mkdir(parents=True, exist_ok=True)
        made = Settings(home=home, database_url=database_url, crm_url=crm_url, **settings)
        engine = sa.create_engine(crm_url.replace("postgresql://", "postgresql+psycopg://"))
        return cls(Installation.open(made), engine, _tables(text_ids=text_ids))

    def close(self) -> None:
        """Let go of every connection."""
        self.crm.dispose()
        self.installation.database.close()

    def add(self, source: str, **row: Any) -> None:
        """Insert a row; what is not given has a sensible value."""
        values = {**_DEFAULTS[source], **row}
        if source == "customers" and "email" not in values:
            values["email"] = f"customer{values['id']}@mail.example.com"
        if source == "contacts" and "email" not in values:
            values["email"] = f"contact{values['id']}@account.example.com"
        if source == "users" and "email" not in values:
            values["email"] = f"user{values['id']}@staff.example.com"
        with self.crm.begin() as connection:
            connection.execute(self.tables[source].insert().values(self._typed(source, values)))

    def change(self, source: str, id_: Any, **values: Any) -> None:
        """Update one row."""
        table = self.tables[source]
        with self.crm.begin() as connection:
            connection.execute(table.update().where(table.c.id == id_).values(self._typed(source, values)))

    def remove(self, source: str, id_: Any) -> None:
        """Delete one row."""
        table = self.tables[source]
        with self.crm.begin() as connection:
            connection.execute(table.delete().where(table.c.id == id_))

    def _typed(self, source: str, values: dict[str, Any]) -> dict[str, Any]:
        return {name: _value(CRM_SOURCES[source].column(name).type, value) for name, value in values.items()}

    def apply(
        self, text: str | dict[str, Any], *, start: str | None = None, on: str = "2020-01-01T00:00"
    ) -> Campaign:
        """Apply a campaign given as YAML; `start` is when it is started."""
        document = yaml.safe_load(text) if isinstance(text, str) else text
        spec = Campaign.model_validate(document)
        template = TemplateSource(subject="Hello", html="<p>Hello</p>", text="Hello", layouts={})
        templates = {step.template: template for step in spec.steps if step.template}
        source = text if isinstance(text, str) else yaml.safe_dump(document)
        self.installation.campaigns.apply(spec, source, templates, "test", at(start or on))
        if start is not None and self.installation.campaigns.states()[spec.id] == "draft":
            self.installation.campaigns.start(spec.id, "test", at(start))
        return spec

    def with_ticks(self, minutes: int) -> None:
        """Plan that often from here on."""
        settings = self.installation.settings.model_copy(update={"tick_minutes": minutes})
        self.installation = replace(self.installation, settings=settings)

    def tick(self, moment: str, **kwargs: Any) -> TickResult:
        """Run the tick of that moment."""
        self.ticks += 1
        return run_tick(self.installation, as_of=at(moment), run_id=f"run-{self.ticks}", **kwargs)

    def tick_through(self, first: str, last: str, minutes: int = 30) -> list[TickResult]:
        """Run every tick from `first` to `last`, both included."""
        moment, results = at(first), []
        while moment <= at(last):
            results.append(self.tick(moment.isoformat()))
            moment += timedelta(minutes=minutes)
        return results

    def jobs(self) -> pl.DataFrame:
        """The ledger with slugs: planned and settled alike."""
        campaign, step = identities.alias(), identities.alias()
        return self.installation.database.read(
            sa.select(
                jobs,
                campaign.c.campaign.label("campaign"),
                step.c.step.label("step"),
                job_payloads.c.address,
                job_payloads.c.subject_text,
            )
            .join(campaign, campaign.c.id == jobs.c.campaign_id)
            .join(step, step.c.id == jobs.c.step_id)
            .outerjoin(job_payloads, job_payloads.c.job_id == jobs.c.id)
            .order_by(jobs.c.due_at, jobs.c.id)
        )

    def sent(self) -> list[tuple[Any, ...]]:
        """(step, subject, recipient, due_at as text) of every planned job, ordered."""
        rows = self.jobs().filter(pl.col("state") != "skipped")
        picked = rows.select(
            "step", "subject_id", "recipient_id", pl.col("due_at").dt.strftime("%Y-%m-%dT%H:%M")
        )
        return sorted(picked.rows())

    def skipped(self) -> list[tuple[Any, ...]]:
        """(step, subject, reason) of every settled negative decision, ordered."""
        return sorted(
            self.jobs().filter(pl.col("state") == "skipped").select("step", "subject_id", "reason").rows()
        )

    def decisions(self, days: Iterable[date] | None = None) -> pl.DataFrame:
        """The recorded decisions."""
        return self.installation.files.read("decisions", days)


NewWorld = Callable[..., World]
"""Makes one in `sqlite` or `postgres`, with settings."""


def _value(type_: Type, value: Any) -> Any:
    if isinstance(value, str) and type_ is Type.INSTANT:
        return at(value)
    if isinstance(value, str) and type_ is Type.DATE:
        return date.fromisoformat(value)
    return value
