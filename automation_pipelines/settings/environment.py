"""The settings of one installation, and what the environment says for all tenants."""

import re
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from pydantic import AfterValidator, AliasChoices, BaseModel, Field, SecretStr
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

from automation_pipelines.settings.limits import ALLOWED_RATES, ALLOWED_WARM_UP, read_rates, read_warm_up
from automation_pipelines.settings.providers import (
    Brevo,
    Chat,
    Dkim,
    HubSpot,
    Mailgun,
    Meta,
    Postmark,
    Push,
    Resend,
    Salesforce,
    SendGrid,
    Ses,
    SparkPost,
    Twilio,
    Wallet,
    Webhook,
)
from automation_pipelines.settings.returns import ALLOWED_COSTS, Attribution, read_costs
from automation_pipelines.settings.watching import Watch


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


def _readable(value: SecretStr) -> SecretStr:
    """Refuse a URL whose parts cannot be told apart: part of its password would pass for the host."""
    text = value.get_secret_value()
    _, separator, rest = text.partition("://")
    user, at, _ = rest.rpartition("@")
    if not separator and re.search(r":.*@|(password|pwd) *=", text):
        kind, advice = "url", "write it as a URL: scheme://user:password@host/…"
        raise PydanticCustomError(kind, advice)
    if at and not rest.startswith("/") and re.search(r"[@/?#\s]|%(?![0-9A-Fa-f]{2})", user):
        kind, advice = (
            "url",
            "write special characters of user, password and options as %XX (@ is %40, / is %2F)",
        )
        raise PydanticCustomError(kind, advice)
    if re.match(r"[^/?]*:(?!\d*([/?]|$))[^/?\]]*([/?]|$)", rest[len(user + at) :]):
        kind, advice = "url", "the port is no number: write scheme://user:password@host:port/…"
        raise PydanticCustomError(kind, advice)
    return value


def _all_readable(value: SecretStr) -> SecretStr:
    """The same for several, separated by blanks."""
    found = value.get_secret_value().split()
    for each in found:
        if len(found) > 1 and "://" not in each:
            kind, advice = "url", "write each as a URL, smtp://host or smtps://host (a blank within is %20)"
            raise PydanticCustomError(kind, advice)
        _readable(SecretStr(each))
    return value


def _known_zone(value: str | None) -> str | None:
    if value not in (None, "tenant", "recipient"):
        try:
            ZoneInfo(value)
        except (KeyError, ValueError, OSError):
            kind, advice = "zone", "write an IANA zone such as Europe/Paris, or tenant, or recipient"
            raise PydanticCustomError(kind, advice) from None
    return value


_PUBLIC = re.compile(r"https://[^\s<>\"'?#@]{1,200}")
_SECRET_LENGTH = 32
_RANDOM = "`python -c 'import secrets; print(secrets.token_urlsafe(32))'`"


def _secure(value: str) -> str:
    """Refuse what no mail program would post to (RFC 8058)."""
    if not _PUBLIC.fullmatch(value):
        kind, advice = (
            "url",
            "write https://host or https://host/path, without a query, 200 characters at most",
        )
        raise PydanticCustomError(kind, advice)
    return value.rstrip("/")


def _strong(value: SecretStr) -> SecretStr:
    """Refuse secrets that could be guessed: with them anybody could unsubscribe everybody."""
    secrets = value.get_secret_value().split()
    if not secrets or min(map(len, secrets)) < _SECRET_LENGTH:
        kind, advice = "secret", f"write {_SECRET_LENGTH} random characters or more, such as {_RANDOM} prints"
        raise PydanticCustomError(kind, advice)
    return value


def _rates(value: str) -> str:
    try:
        read_rates(value)
    except ValueError as error:
        kind, advice = "rates", f"{error}: write {ALLOWED_RATES}"
        raise PydanticCustomError(kind, advice) from None
    return value


def _warm_up(value: str) -> str:
    try:
        read_warm_up(value)
    except ValueError as error:
        kind, advice = "warm_up", f"{error}: write {ALLOWED_WARM_UP}"
        raise PydanticCustomError(kind, advice) from None
    return value


def _costs(value: str) -> str:
    try:
        read_costs(value)
    except ValueError as error:
        kind, advice = "costs", f"{error}: write {ALLOWED_COSTS}"
        raise PydanticCustomError(kind, advice) from None
    return value


AbsolutePath = Annotated[Path, AfterValidator(_absolute)]
SecretUrl = Annotated[SecretStr, AfterValidator(_readable)]
SecretUrls = Annotated[SecretStr, AfterValidator(_all_readable)]
StrongSecret = Annotated[SecretStr, AfterValidator(_strong)]
PublicUrl = Annotated[str, AfterValidator(_secure)]


_Minutes = Annotated[int | None, Field(ge=1, le=525_600)]


class TenantDefaults(BaseSettings):
    """What the environment sets for all tenants; the variables have the names of the fields, in capitals.

    The catalogue of tenant settings says which setting each of them is the default of.
    """

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    sla_escalation_level1_minutes: _Minutes = None
    sla_escalation_level2_minutes: _Minutes = None
    sla_escalation_level3_minutes: _Minutes = None
    sla_escalation_level4_minutes: _Minutes = None
    quote_followup_days: str | None = Field(
        default=None,
        pattern=r"^ *[1-9]\d{0,2} *(, *[1-9]\d{0,2} *){0,2}$",
        description="Up to three, such as 3,7,14.",
    )
    birthday_email_hour: int | None = Field(default=None, ge=0, le=23)
    birthday_email_timezone: Annotated[str | None, AfterValidator(_known_zone)] = None
    quote_expiry_warning_hours: int | None = Field(default=None, ge=1, le=8784)
    disable_auto_engagement: bool = Field(
        default=False, description="True: silent customers are left alone, whatever a tenant says."
    )

    def value(self, variable: str) -> str | None:
        """What the environment variable says, if it is set."""
        found = getattr(self, variable.lower())
        return None if found is None else str(found)


class Settings(BaseSettings):
    """One installation. Every field can be passed by name; the environment fills the rest."""

    model_config = SettingsConfigDict(
        env_prefix="AUTOMATION_",
        env_nested_delimiter="__",
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        # Errors are raised before a value is a secret.
        hide_input_in_errors=True,
    )

    home: AbsolutePath = Field(
        default=Path(".automation"), description="Directory of everything the system writes."
    )
    crm_url: SecretUrl | None = Field(
        default=None,
        description="The CRM: sqlite:///file, postgresql://…, a directory of Parquet/CSV files, or "
        "any SQLAlchemy URL. Default: <home>/crm.db.",
    )
    database_url: SecretUrl | None = Field(
        default=None,
        description="The automation database (ledger, campaigns): sqlite:///file or postgresql://…. "
        "Default: <home>/automation.db.",
    )
    stats_url: SecretUrl | None = Field(
        default=None,
        description="A PostgreSQL database that gets a copy of the published statistics for BI tools: "
        "postgresql://…. Default: none, they are in <home>/analytics.duckdb.",
    )
    stats_schema: str = Field(
        default="analytics",
        pattern=r"^[a-z_][a-z0-9_]{0,62}$",
        description="The schema there that is ours.",
    )
    sql_dir: AbsolutePath | None = Field(
        default=None, description="Directory whose SQL files take precedence over the shipped ones."
    )
    smtp_url: SecretUrls | None = Field(
        default=None,
        description="smtp://user:password@host:587?tls=starttls, or smtps://…; several servers are separated "
        "by blanks. Default: messages are written to the maildir <home>/outbox.",
    )
    dkim: Dkim | None = Field(default=None, description="What e-mails are signed with.")
    twilio: Twilio | None = Field(default=None, description="Channels sms and whatsapp.")
    push: Push | None = Field(default=None, description="Channel push.")
    wallet: Wallet | None = Field(default=None, description="Channel wallet.")
    webhook: Webhook = Field(default_factory=Webhook, description="Channel webhook.")
    chat: Chat | None = Field(default=None, description="Channel chat.")
    hubspot: HubSpot | None = Field(default=None, description="Channel hubspot.")
    salesforce: Salesforce | None = Field(default=None, description="Channel salesforce.")
    sendgrid: SendGrid | None = Field(default=None, description="Events from SendGrid.")
    mailgun: Mailgun | None = Field(default=None, description="Events from Mailgun.")
    postmark: Postmark | None = Field(default=None, description="Events from Postmark.")
    ses: Ses | None = Field(default=None, description="Events from Amazon SES.")
    sparkpost: SparkPost | None = Field(default=None, description="Events from SparkPost.")
    brevo: Brevo | None = Field(default=None, description="Events from Brevo.")
    resend: Resend | None = Field(default=None, description="Events from Resend.")
    meta: Meta | None = Field(default=None, description="Events from WhatsApp, straight from Meta.")
    feedback_inbox: SecretUrl | None = Field(
        default=None,
        description="Where files of feedback are put: a directory, or a bucket, s3://bucket/folder, gs://… "
        "or az://… (extra buckets). Default: <home>/feedback.",
    )
    feedback_mailbox: SecretUrl | None = Field(
        default=None,
        description="Where bounces, complaints, replies and requests to unsubscribe arrive: "
        "imaps://user:password@host/INBOX, or a directory (a maildir, or of .eml files).",
    )
    filed_channels: str = Field(
        default="",
        description="Channels without a provider whose hand-offs become files under <home>/outbox for "
        "somebody else to carry on, separated by commas. While there is no SMTP server: all of them.",
    )
    public_url: PublicUrl | None = Field(
        default=None,
        description="https://… where recipients reach this system: links to unsubscribe, to preferences and "
        "to the message in a browser lead there. Marketing over an SMTP server needs it.",
    )
    link_secret: StrongSecret | None = Field(
        default=None,
        description="What those links are signed with. Several, separated by blanks: the first signs, "
        "links signed with any of them work.",
    )
    unsubscribe_mailbox: str | None = Field(
        default=None,
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="Where mail programs send requests to unsubscribe. Default: the tenant's own address.",
    )
    serve_host: str = Field(default="127.0.0.1", description="Where `automation serve` listens.")
    serve_port: int = Field(default=8080, ge=1, le=65_535, description="And on which port.")
    serve_workers: int = Field(default=1, ge=1, le=64, description="Its processes.")
    serve_log: bool = Field(
        default=True, description="Whether each request is a line in its log: no token, no address."
    )
    smtp_connections: int = Field(default=8, ge=1, le=256, description="Concurrent connections.")
    leap_day: Literal["02-28", "03-01"] = Field(
        default="02-28", description="Day of common years on which 29 February is observed."
    )
    tick_minutes: int = Field(default=30, ge=1, le=1440, description="Cadence of the tick.")
    first_day: date | None = Field(
        default=None, description="First UTC day the Dagster UI offers. Default: the day of the first tick."
    )
    notify_email: str | None = Field(
        default=None,
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="Who is told of failed runs and of what the watch stops; sent through the email channel.",
    )
    watch: Watch = Field(default_factory=Watch, description="When what comes back pauses, stops and warns.")
    job_max_retries: int = Field(
        default=3,
        ge=0,
        validation_alias=AliasChoices("job_max_retries", "JOB_MAX_RETRIES"),
        description="Retries after the first attempt, before the dead-letter queue.",
    )
    job_retry_delay_ms: int = Field(
        default=300_000,
        ge=0,
        validation_alias=AliasChoices("job_retry_delay_ms", "JOB_RETRY_DELAY"),
        description="Delay before the first retry in milliseconds; doubles with each one.",
    )
    lease_seconds: int = Field(default=300, ge=1, description="How long a claimed job stays claimed.")
    claim_batch: int = Field(default=1000, ge=1, description="Jobs taken per claim.")
    breaker_failures: int = Field(
        default=5,
        ge=1,
        description="Failures of a provider in a row after which a tenant's channel rests.",
    )
    breaker_rest_seconds: int = Field(
        default=30, ge=1, description="How long at first; doubles up to 15 minutes until it answers again."
    )
    rate_limits: Annotated[str, AfterValidator(_rates)] = Field(
        default="",
        description="How fast channels may send, and each tenant on them: email 50/s; tenant email 20/s. "
        "Periods are s, min, h and day.",
    )
    warm_up: Annotated[str, AfterValidator(_warm_up)] = Field(
        default="",
        description="How marketing from a new sending domain grows by UTC days: "
        "news.acme.example from 2026-11-01: 50 doubling to 5000.",
    )
    attribution: Attribution = Field(
        default_factory=Attribution, description="Which messages conversions are credited to."
    )
    costs: Annotated[str, AfterValidator(_costs)] = Field(
        default="",
        description="What a message costs by channel, in minor units of the tenant's currency: "
        "email=0.08, sms=4.5.",
    )
    payload_retention_days: int = Field(
        default=90,
        ge=1,
        description="How long addresses and variables of finished jobs are kept, and notifications.",
    )
    dead_retention_days: int = Field(
        default=365, ge=1, description="The same of dead and unknown jobs, which may be tried again."
    )
    payload_archive: bool = Field(
        default=True,
        description="Whether they go to <home>/files/payloads (Parquet) before they are dropped.",
    )
    archive_retention_days: int | None = Field(
        default=None, ge=1, description="After how long files there are removed. Default: never."
    )
    brand_color: str | None = Field(
        default=None,
        pattern=r"^#[0-9a-fA-F]{6}$",
        description="Main colour of messages, #rrggbb, for tenants that have none.",
    )
    brand_logo_url: str | None = Field(
        default=None, pattern=r"^https?://", description="Logo in messages, for tenants that have none."
    )
    brand_website: str | None = Field(
        default=None, pattern=r"^https?://", description="Link in messages, for tenants that have none."
    )
    brand_postal_address: str | None = Field(
        default=None, description="Address below messages, for tenants that have none."
    )
    tenant_defaults: TenantDefaults = Field(
        default_factory=TenantDefaults, description="What the environment says for all tenants."
    )

    @property
    def crm(self) -> str:
        """The CRM's URL or directory, defaults applied. Holds secrets: never print it."""
        return self.crm_url.get_secret_value() if self.crm_url else f"sqlite:///{self.home / 'crm.db'}"

    @property
    def crm_backend(self) -> str | None:
        """Which database the CRM is, in SQLAlchemy's words; `None` for a directory of files."""
        try:
            backend = sa.make_url(self.crm).get_backend_name()
        except sa.exc.ArgumentError:
            return None
        return {"file": None, "postgres": "postgresql"}.get(backend, backend)

    @property
    def database(self) -> str:
        """The automation database's URL, defaults applied. Holds secrets: never print it."""
        if self.database_url:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.home / 'automation.db'}"

    @property
    def filed(self) -> frozenset[str]:
        """The channels whose hand-offs are filed on purpose."""
        return frozenset(filter(None, map(str.strip, self.filed_channels.split(","))))

    @property
    def tick(self) -> timedelta:
        """The cadence as a duration."""
        return timedelta(minutes=self.tick_minutes)

    @property
    def retry_delay(self) -> timedelta:
        """Delay before the first retry."""
        return timedelta(milliseconds=self.job_retry_delay_ms)

    @cached_property
    def outbox(self) -> Path:
        """The maildir of the embedded default."""
        return self.home / "outbox"

    @cached_property
    def files(self) -> Path:
        """Frames, decisions and statistics as Parquet."""
        return self.home / "files"

    @cached_property
    def analytics(self) -> Path:
        """The published statistics database."""
        return self.home / "analytics.duckdb"

    @cached_property
    def feedback(self) -> Path:
        """Where files of feedback are put for us to read, unless `feedback_inbox` says otherwise."""
        return self.home / "feedback"


def provider_of(setting: str) -> type[BaseModel] | None:
    """The model that a provider's setting holds; `None`: it is no provider's."""
    annotation = Settings.model_fields[setting].annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel) and not issubclass(kind, BaseSettings):
            return kind
    return None
