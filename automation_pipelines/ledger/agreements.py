"""Consent as it was told to us, by address: what delivery asks just before a hand-off. Reads only."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import Contact
from automation_pipelines.ledger.tables import consents

_REFUSING = ("opted_out", "pending")


def refused_among(db: Database, contacts: Collection[Contact], at: datetime) -> dict[Contact, frozenset[str]]:
    """Those of `contacts` whose latest word on the topic, or on all, forbids marketing; one statement."""
    columns: dict[str, sa.types.TypeEngine[Any]] = {
        "tenant_id": sa.BigInteger(),
        "channel": sa.String(),
        "address_hash": sa.String(),
        "topic": sa.String(),
    }
    asked = db.listed("asked", columns, sorted(set(contacts)))
    c = consents.c
    same = [c[name] == asked.c[name] for name in ("tenant_id", "channel", "address_hash")]
    said = (
        sa.select(
            *asked.c,
            c.state,
            sa.func.row_number()
            .over(partition_by=[*asked.c, c.topic], order_by=[c.at.desc(), c.state.desc()])
            .label("place"),
        )
        .join_from(asked, consents, sa.and_(*same))
        .where(c.at <= at, c.topic.in_(["", asked.c.topic]))
        .subquery("said")
    )
    names = ("tenant_id", "channel", "address_hash", "topic", "state")
    latest = sa.select(*(said.c[name] for name in names)).where(
        said.c.place == 1, said.c.state.in_(_REFUSING)
    )
    found: dict[Contact, frozenset[str]] = {}
    with db.reading() as connection:
        for *contact, state in connection.execute(latest):
            key = Contact(*contact)
            found[key] = found.get(key, frozenset()) | {state}
    return found
