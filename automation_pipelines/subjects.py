"""Subjects by the CRM's own keys: found, and one of a campaign told what to do by a person.

What orders make sense is `ledger.interventions`'; what they do to the steps to come is planning's.
"""

import re
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Among, Keeper
from automation_pipelines.errors import RefusedError
from automation_pipelines.extraction import Demand, Keys, Selection
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.interventions import Order, Subject, give
from automation_pipelines.planning import started_by_hand
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.tick import read_frames

_NUMBER = re.compile(r"-?[0-9]{1,18}")
_MANY = 5_000
"""More keys than this are not worth a predicate."""


def order(
    installation: Installation,
    kind: Order,
    *,
    campaign: str,
    subject: str,
    tenant_id: int | None,
    by: str,
    at: datetime,
) -> Subject:
    """Start, pause, resume or stop a campaign for one subject (the CRM's own key); returns who that is."""
    spec = installation.campaigns.show(campaign).spec
    found = find(installation, spec, subject, tenant_id)
    by_hand = started_by_hand(spec)
    give(installation.database, kind, campaign, found, by_hand=by_hand, by=by, at=at)
    return found


def find(installation: Installation, spec: Campaign, key: str, tenant_id: int | None) -> Subject:
    """The subject with this key of the CRM; `RefusedError` if there is none, or one in several tenants."""
    source = AUDIENCES[spec.audience].subject
    rows = look_up(installation, source, [key], tenant_id)
    if rows.is_empty():
        msg = f"campaign '{spec.id}' is about {source}, and none of them has the key '{key}': check the key"
        raise RefusedError(msg)
    return Subject(rows["tenant_id"][0], rows["id"][0], key)


def look_up(
    installation: Installation, source: str, keys: Sequence[str], tenant_id: int | None
) -> pl.DataFrame:
    """The rows of `source` with these keys of the CRM: `id, id_text, tenant_id`.

    `RefusedError` for a key that several tenants have, if it is not said which is meant.
    """
    where = those(installation.sqlfiles, source, "id", numbers_in(keys), keys)
    demand = Demand(source, frozenset({"tenant_id"}), (Selection(where),))
    rows = read_frames(installation, [demand])[source].filter(pl.col("id_text").is_in(list(keys)))
    if tenant_id is not None:
        rows = rows.filter(pl.col("tenant_id") == tenant_id)
    several = rows.filter(pl.col("id_text").is_duplicated())["id_text"].unique().sort()
    if len(several):
        msg = f"several {source} have the key {', '.join(several)}: say which tenant's is meant with --tenant"
        raise RefusedError(msg)
    return rows.select("id", "id_text", "tenant_id")


def numbers_in(keys: Sequence[str]) -> list[int]:
    """Those of the keys that a CRM with whole numbers for keys could have."""
    return [int(key) for key in keys if _NUMBER.fullmatch(key)]


def those(
    files: SqlFiles, source: str, column: str, numbers: Sequence[int], texts: Sequence[str]
) -> tuple[Among | Keys, ...]:
    """These keys and no others, as the CRM holds them; what cannot be asked for restricts nothing."""
    if len(texts) > _MANY:
        return ()
    kept_here = SOURCES[source].origin is Keeper.LEDGER
    if not kept_here and column in files.find("sources", source).directive("text ids"):
        return (Among(column, tuple(texts)),)
    return (Keys(column, frozenset(numbers)),)
