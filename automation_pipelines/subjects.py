"""One subject of a campaign, told what to do by a person: found by the CRM's own key, ordered, recorded.

What orders make sense is `ledger.interventions`'; what they do to the steps to come is planning's.
"""

from datetime import datetime

import polars as pl

from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.errors import RefusedError
from automation_pipelines.extraction import Demand, Keys, Selection
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.interventions import Order, Subject, give
from automation_pipelines.planning import started_by_hand
from automation_pipelines.tick import read_frames


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
    # Keys that are text are compared with what was read; numbers are looked up where the rows are.
    where = (Keys("id", frozenset({int(key)})),) if key.isascii() and key.isdigit() else ()
    wanted = Demand(source, frozenset({"tenant_id"}), (Selection(where),))
    rows = read_frames(installation, [wanted])[source].filter(pl.col("id_text") == key)
    if tenant_id is not None:
        rows = rows.filter(pl.col("tenant_id") == tenant_id)
    if rows.is_empty():
        msg = f"campaign '{spec.id}' is about {source}, and none of them has the key '{key}': check the key"
        raise RefusedError(msg)
    if len(rows) > 1:
        msg = f"{len(rows)} {source} have the key '{key}': say which tenant's is meant"
        raise RefusedError(msg)
    return Subject(rows["tenant_id"][0], rows["id"][0], key)
