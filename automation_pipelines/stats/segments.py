"""Who is in which segment: the last look of a day at an audience without an anchor, and whom campaigns take.

Conditions are asked of the rows as they were filed, by the versions in force then. What rows cannot answer
(events, settings, scores) is not asked.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl
import sqlalchemy as sa

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.statistics.segments import EVERYBODY
from automation_pipelines.catalogue.types import Anchor, Audience
from automation_pipelines.conditions.many import Rule, belonging
from automation_pipelines.engine import Engine, open_engine
from automation_pipelines.files import FileStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import campaign_versions, campaigns

FILED = "audiences"
"""Where ticks file the rows of audiences."""

_SEGMENTS = tuple(each for each in AUDIENCES.values() if each.anchor is Anchor.SCHEDULE)
_ROW = ("row_id", "tenant_id", "subject_id")


@dataclass(frozen=True, slots=True)
class Segment:
    """One segment as a look showed it."""

    audience: str
    campaign: str
    members: pl.DataFrame
    """(tenant_id, subject_id)"""


def looked_at(db: Database, files: FileStore, day: date) -> Iterator[Segment]:
    """The segments as the last look of a UTC day at each audience showed them; of the others nothing."""
    for audience in _SEGMENTS:
        found = _last(files.paths(f"{FILED}/{audience.name}", [day]))
        if found is not None:
            path, at = found
            # A file may be of a version of ours that knew fewer columns.
            known = {column.name for column in audience.columns} & pl.read_parquet_schema(path).keys()
            specs = [spec for spec in _standing(db, audience, at) if _answerable(spec, known)]
            yield from _belonging(audience, path, specs)


def _last(paths: list[Path]) -> tuple[Path, datetime] | None:
    """The file of the last look that found anybody; one that found nobody says nothing of anybody."""
    if not paths:
        return None
    known = pl.scan_parquet(paths, include_file_paths="path", hive_partitioning=False, extra_columns="ignore")
    looks = known.group_by("path").agg(pl.col("as_of").max()).sort("as_of", "path").collect()
    return (Path(looks["path"][-1]), looks["as_of"][-1]) if len(looks) else None


def _standing(db: Database, audience: Audience, at: datetime) -> list[Campaign]:
    """The campaigns of an audience that were started at a time, in the version in force then."""
    c, v = campaigns.c, campaign_versions.c
    wanted = (
        sa.select(v.campaign, v.spec)
        .join(campaigns, c.campaign == v.campaign)
        .where(
            c.started_at <= at,
            sa.or_(c.state.in_(("running", "paused")), c.changed_at > at),
            v.applied_at <= at,
            v.spec.like(f'%"audience":"{audience.name}"%'),
        )
        .order_by(v.campaign, v.version)
    )
    newest = dict(db.read(wanted).iter_rows())
    specs = [Campaign.model_validate_json(spec) for spec in newest.values()]
    return [spec for spec in specs if spec.audience == audience.name]


def _answerable(spec: Campaign, known: Collection[str]) -> bool:
    """Whether rows with these columns alone say who belongs."""
    if spec.entry == "manual":
        return False
    if spec.conditions is None:
        return True
    asked = {leaf.field for leaf in spec.conditions.leaves}
    return asked <= set(known) and not any(spec.conditions.happenings)


def _belonging(audience: Audience, path: Path, specs: list[Campaign]) -> Iterator[Segment]:
    asked = {leaf.field for spec in specs if spec.conditions for leaf in spec.conditions.leaves}
    rows = pl.read_parquet(path, columns=[*_ROW, *sorted(asked)], hive_partitioning=False)
    yield Segment(audience.name, EVERYBODY, rows.select(_ROW[1:]).unique())
    types = {column.name: column.type for column in audience.columns}
    with open_engine() as engine:
        engine.add(looked=rows)
        rules = [Rule(place, spec.conditions, _tenants(engine, spec)) for place, spec in enumerate(specs)]
        belonging(engine, "looked", rules, types)
        members = engine.query(
            "SELECT b.rule, l.tenant_id, l.subject_id FROM belonging AS b INNER JOIN looked AS l "
            "ON b.row_id = l.row_id"
        )
    by_rule = members.unique().partition_by("rule", as_dict=True, include_key=False)
    for place, spec in enumerate(specs):
        yield Segment(audience.name, spec.id, by_rule.get((place,), members.clear().drop("rule")))


def _tenants(engine: Engine, spec: Campaign) -> tuple[int, ...] | None:
    """The tenants a campaign is for, by the CRM's own key or by the hash of its text; `None`: all."""
    if not spec.tenants:
        return None
    wanted = {"keys": [str(key) for key in spec.tenants]}
    found = engine.query(
        "SELECT DISTINCT tenant_id FROM looked WHERE list_contains($keys, CAST(tenant_id AS VARCHAR)) "
        "OR list_contains(list_transform($keys, lambda key: hash63(key)), tenant_id)",
        wanted,
    )
    return tuple(found["tenant_id"])


def campaign_audiences(db: Database, names: Collection[str]) -> pl.DataFrame:
    """(campaign, campaign_version, audience) of every version of these campaigns."""
    v = campaign_versions.c
    wanted = sa.select(v.campaign, v.version.label("campaign_version"), v.spec)
    found = db.read(wanted.where(v.campaign.in_(sorted(names))))
    types = pl.Schema({"campaign": pl.String(), "campaign_version": pl.Int64(), "spec": pl.String()})
    audience = pl.col("spec").str.json_path_match("$.audience").alias("audience")
    return found.cast(types).select("campaign", "campaign_version", audience)
