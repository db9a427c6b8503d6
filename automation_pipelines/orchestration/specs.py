"""The assets as the catalogue describes them: keys, descriptions, kinds, owners, column schemas, edges.

Nothing here computes; `assets` has the steps that do.
"""

from collections.abc import Iterable
from datetime import date

import dagster as dg

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import CRM_SOURCES, SOURCES
from automation_pipelines.catalogue.statistics import DAILY, DERIVED, STATISTICS
from automation_pipelines.catalogue.types import Anchor, Audience, Column, Source, Statistic, Type
from automation_pipelines.decisions import COLUMNS as DECISION_COLUMNS
from automation_pipelines.engine import SQL_TYPES
from automation_pipelines.selection import SUBJECT_COLUMNS

CRM, SOURCE, AUDIENCE, STATISTIC = "crm", "sources", "audiences", "stats"
DECISIONS, JOBS, DELIVERIES = dg.AssetKey("decisions"), dg.AssetKey("jobs"), dg.AssetKey("deliveries")
FEEDBACK, ANALYTICS = dg.AssetKey("feedback"), dg.AssetKey("analytics")
COPY = dg.AssetKey("analytics_copy")
CAMPAIGNS, STORAGE = dg.AssetKey("campaigns"), dg.AssetKey("storage")
PAYLOADS, WATCH = dg.AssetKey("payloads"), dg.AssetKey("watch")

_OWNERS = {name: [f"team:{name}"] for name in ("crm", "campaigns", "delivery", "analytics", "operations")}


def utc_days(first: date) -> dg.DailyPartitionsDefinition:
    """UTC days from `first` on, today included."""
    return dg.DailyPartitionsDefinition(start_date=first.isoformat(), timezone="UTC", end_offset=1)


def crm_key(source: str) -> dg.AssetKey:
    """The company's own table behind a source."""
    return dg.AssetKey([CRM, source])


def source_key(source: str) -> dg.AssetKey:
    """A source."""
    return dg.AssetKey([SOURCE, source])


def audience_key(audience: str) -> dg.AssetKey:
    """An audience."""
    return dg.AssetKey([AUDIENCE, audience])


def statistic_key(statistic: str) -> dg.AssetKey:
    """A statistic."""
    return dg.AssetKey([STATISTIC, statistic])


def crm_specs(kind: str) -> list[dg.AssetSpec]:
    """The company's tables: they exist without us."""
    return [
        dg.AssetSpec(
            crm_key(source.name),
            description=f"The CRM's own rows behind `{SOURCE}/{source.name}`: each {source.row}. "
            "Read by every tick; written only by campaigns with actions.",
            group_name=CRM,
            owners=_OWNERS["crm"],
            kinds={kind},
        )
        for source in CRM_SOURCES.values()
    ]


def source_specs() -> list[dg.AssetSpec]:
    """One asset per source of the catalogue."""
    return [_source_spec(source) for source in SOURCES.values()]


def _source_spec(source: Source) -> dg.AssetSpec:
    text_key = Column("id_text", Type.TEXT, "The key as the CRM writes it.", required=True)
    return dg.AssetSpec(
        source_key(source.name),
        deps=[crm_key(source.name)] if source.name in CRM_SOURCES else [],
        description=f"One row is {source.row}. {_whence(source)}; "
        "only the rows and columns travel that a started campaign could need in this tick.",
        group_name=SOURCE,
        owners=_OWNERS["crm"],
        kinds={"sql", "parquet"},
        metadata={"dagster/column_schema": schema((*source.columns, text_key))},
    )


def _whence(source: Source) -> str:
    if source.name in CRM_SOURCES:
        return f"`sql/sources/{source.name}.sql` says where the CRM keeps it"
    return "Kept in the automation database"


def audience_specs(days: dg.PartitionsDefinition) -> list[dg.AssetSpec]:
    """One asset per audience of the catalogue."""
    return [_audience_spec(audience, days) for audience in AUDIENCES.values()]


def _audience_spec(audience: Audience, days: dg.PartitionsDefinition) -> dg.AssetSpec:
    reads = dict.fromkeys((*(read.source for read in audience.reads), "tenants", "users"))
    return dg.AssetSpec(
        audience_key(audience.name),
        deps=[source_key(name) for name in reads],
        description=f"One row is {audience.row}. Of all tenants at once; only anchors from which something "
        f"could fall due. `sql/audiences/{audience.name}.sql`.",
        group_name=AUDIENCE,
        owners=_OWNERS["campaigns"],
        kinds={"duckdb", "parquet"},
        partitions_def=days,
        metadata={"dagster/column_schema": schema(audience_columns(audience))},
    )


def audience_columns(audience: Audience) -> tuple[Column, ...]:
    """Every column of an audience's rows."""
    docs = {
        "tenant_id": "The tenant.",
        "subject_id": f"Key in source `{audience.subject}`.",
        "subject_text": "The key as the CRM writes it.",
        "customer_id": "The customer it concerns, if any.",
        "agent_id": "The member of staff in charge, if any.",
    }
    subject = [
        Column(name, Type.TEXT if name == "subject_text" else Type.ID, docs[name]) for name in SUBJECT_COLUMNS
    ]
    kind = Type.DATE if audience.anchor is Anchor.DATE else Type.INSTANT
    personal = any(
        column.personal for column in SOURCES[audience.subject].columns if column.name == "birthday"
    )
    anchor = Column("anchor", kind, "What the steps of a campaign count from.", personal=personal)
    return (*subject, *(() if audience.anchor is Anchor.SCHEDULE else (anchor,)), *audience.columns)


def planning_specs(database: str, days: dg.PartitionsDefinition) -> list[dg.AssetSpec]:
    """Decisions and jobs: two sides of one transaction."""
    audiences = [audience_key(name) for name in AUDIENCES]
    decisions = dg.AssetSpec(
        DECISIONS,
        deps=[*audiences, CAMPAIGNS],
        description="One row is what planning made of one moment (a step falling due for a subject and a "
        "recipient): `planned`, or the first gate that stopped it. Filed under the UTC day of `due_at`.",
        group_name="planning",
        owners=_OWNERS["campaigns"],
        kinds={"duckdb", "parquet"},
        partitions_def=days,
        skippable=True,
        metadata={"dagster/column_schema": schema(DECISION_COLUMNS)},
    )
    jobs = dg.AssetSpec(
        JOBS,
        deps=[DECISIONS],
        description="One row is one settled moment in the ledger: on its way through a channel, or settled "
        "against for good. Keys are unique for ever, so doing a tick twice adds nothing. Only the tick job "
        "writes here; a look or a backfill never does.",
        group_name="planning",
        owners=_OWNERS["campaigns"],
        kinds={database},
        skippable=True,
    )
    return [decisions, jobs]


def delivery_specs(database: str) -> dict[dg.AssetKey, dg.AssetSpec]:
    """What leaves the house and what comes back."""
    deliveries = dg.AssetSpec(
        DELIVERIES,
        deps=[JOBS],
        description="One row is one job that was handed to its channel, or settled just before: expired, "
        "suppressed, cancelled. Delivering again sends nothing again.",
        group_name="delivery",
        owners=_OWNERS["delivery"],
        kinds={"email", database},
    )
    feedback = dg.AssetSpec(
        FEEDBACK,
        deps=[DELIVERIES],
        description="One row is one event a provider told about a job: delivered, opened, clicked, bounced, "
        "unsubscribed, …. Told twice or out of order, it counts once.",
        group_name="delivery",
        owners=_OWNERS["delivery"],
        kinds={"json", database},
    )
    return {spec.key: spec for spec in (deliveries, feedback)}


_INPUTS: dict[str, tuple[dg.AssetKey, ...]] = {
    **{name: (statistic_key(name),) for name in STATISTICS},
    **dict.fromkeys(("profiles", "declared_steps", "subject_orders"), (JOBS,)),
    **dict.fromkeys(("queue", "running_campaigns", "last_tick"), (JOBS,)),
    **dict.fromkeys(("arms", "verdicts", "groups", "lifts"), (JOBS,)),
    "ledger": (DELIVERIES,),
    "events": (FEEDBACK,),
    "held": (DECISIONS, JOBS),
    "audiences_seen": tuple(map(audience_key, AUDIENCES)),
    "campaign_audiences": (CAMPAIGNS,),
    "segments_seen": tuple(
        audience_key(each.name) for each in AUDIENCES.values() if each.anchor is Anchor.SCHEDULE
    ),
}
"""The assets that inputs of statistics come from; others are settings, or words of the catalogue."""


def daily_specs(days: dg.PartitionsDefinition) -> list[dg.AssetSpec]:
    """The statistics that are filed by UTC day."""
    return [_statistic_spec(each, days) for each in DAILY]


def published_specs() -> list[dg.AssetSpec]:
    """The statistics derived from the days, and the database that analysts open."""
    days = [statistic_key(each.name) for each in DAILY]
    analytics = dg.AssetSpec(
        ANALYTICS,
        deps=[*days, *(statistic_key(each.name) for each in DERIVED)],
        description="One file, `analytics.duckdb`, with every statistic as a table and every column "
        "commented. Replaced as a whole, so readers neither wait nor are waited for.",
        group_name=STATISTIC,
        owners=_OWNERS["analytics"],
        kinds={"duckdb"},
    )
    return [*(_statistic_spec(each, None) for each in DERIVED), analytics]


def copy_spec() -> dg.AssetSpec:
    """What a database server has of the published statistics."""
    return dg.AssetSpec(
        COPY,
        deps=[ANALYTICS],
        description="The tables and views of `analytics.duckdb` in a schema of the server that "
        "AUTOMATION_STATS_URL names, for BI tools. Only rows that changed are written, in one transaction.",
        group_name=STATISTIC,
        owners=_OWNERS["analytics"],
        kinds={"postgres"},
    )


def _statistic_spec(statistic: Statistic, days: dg.PartitionsDefinition | None) -> dg.AssetSpec:
    frames = (key for name in statistic.inputs for key in _INPUTS.get(name, ()))
    return dg.AssetSpec(
        statistic_key(statistic.name),
        deps=[*frames, *(crm_key(read.source) for read in statistic.reads)],
        description=f"One row is {statistic.row}. `sql/stats/{statistic.name}.sql`.",
        group_name=STATISTIC,
        owners=_OWNERS["analytics"],
        kinds={"duckdb", "parquet"},
        partitions_def=days,
        metadata={"dagster/column_schema": schema(statistic.columns)},
    )


def upkeep_specs(database: str) -> dict[dg.AssetKey, dg.AssetSpec]:
    """What an operator looks after."""
    campaigns = dg.AssetSpec(
        CAMPAIGNS,
        description="One row is one campaign: its state and version. The daily job ends those whose "
        "validity is over; everything else is `automation campaign …`.",
        group_name="campaigns",
        owners=_OWNERS["campaigns"],
        kinds={database, "yaml"},
    )
    storage = dg.AssetSpec(
        STORAGE,
        description="One row is one kind of file on disk and how much there is of it. The daily job removes "
        "frames and audiences that are old enough; decisions and statistics stay.",
        group_name="operations",
        owners=_OWNERS["operations"],
        kinds={"parquet"},
    )
    payloads = dg.AssetSpec(
        PAYLOADS,
        deps=[DELIVERIES],
        description="One row is what a finished job was sent with: address and variables. The daily job "
        "drops those over their time, into an archive if one is kept; the jobs themselves stay for ever.",
        group_name="operations",
        owners=_OWNERS["operations"],
        kinds={database, "parquet"},
    )
    watch = dg.AssetSpec(
        WATCH,
        deps=[FEEDBACK],
        description="One row is something that is not as it should be: a campaign that is paused because too "
        "many of its messages bounced, were complained of or unsubscribed from, a tenant whose marketing is "
        "stopped, a rate to look at. Looked at after each feedback and every night.",
        group_name="operations",
        owners=_OWNERS["operations"],
        kinds={database},
    )
    return {spec.key: spec for spec in (campaigns, payloads, storage, watch)}


def schema(columns: Iterable[Column]) -> dg.TableSchema:
    """The catalogue's columns as the UI shows them."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                column.name,
                SQL_TYPES[column.type].lower(),
                description=column.doc + (" Personal." if column.personal else ""),
                constraints=dg.TableColumnConstraints(nullable=not column.required, unique=False),
            )
            for column in columns
        ]
    )
