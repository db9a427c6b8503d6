"""Who opens a page: in which language, of which tenant, and by which ways they can be written to.

The token says whose it is; the rest is asked of the ledger, and of the CRM only where a company writes on
more than one channel. What cannot be found out leaves things out, it forbids nothing.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from automation_pipelines.api.words import Words, accepted, words_for
from automation_pipelines.errors import SourceError
from automation_pipelines.extraction import Demand, Selection
from automation_pipelines.extraction.demands import Keys
from automation_pipelines.installation import Installation
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.fallbacks import ways_of
from automation_pipelines.ledger.preferences import Party
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.ledger.tables import job_payloads, jobs, tenants
from automation_pipelines.messages.tokens import Claim

_CUSTOMERS = "customers"
_KINDS: Mapping[str, tuple[str, ...]] = {
    "email": ("email",),
    "phone": ("sms", "whatsapp", "phone"),
    "push_token": ("push",),
    "wallet_pass": ("wallet",),
}
"""The channels on which an address of the CRM is used."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody with a good token."""

    claim: Claim
    words: Words
    tenant: str
    customer_id: int | None
    addresses: tuple[tuple[str, str], ...]
    """(channel, address) of the message, while they are kept."""

    @property
    def party(self) -> Party:
        """The address that the message went to."""
        return Party(self.claim.tenant_id, self.claim.channel, self.claim.address_hash)


def reader_of(db: Database, claim: Claim, accept_language: str | None) -> Reader:
    """Look up who has this token; one statement."""
    j, p, t = jobs.c, job_payloads.c, tenants.c
    profile = sa.select(t.profile).where(t.tenant_id == claim.tenant_id).scalar_subquery()
    message = (
        sa.select(j.customer_id, j.channel, p.address, p.fallbacks, p.variables)
        .join_from(jobs, job_payloads, p.job_id == j.id)
        .where(j.id == claim.job_id, j.tenant_id == claim.tenant_id)
    )
    with db.reading() as connection:
        tenant: dict[str, Any] = json.loads(connection.scalar(sa.select(profile)) or "{}")
        row = connection.execute(message).one_or_none()
    recipient = (json.loads(row.variables).get("recipient") or {}) if row else {}
    words = words_for(recipient.get("locale"), *accepted(accept_language), tenant.get("locale"))
    ways = () if row is None else ((row.channel, row.address), *_others(row.fallbacks))
    known = tuple((channel, address) for channel, address in ways if address)
    return Reader(claim, words, str(tenant.get("name") or ""), row.customer_id if row else None, known)


def _others(fallbacks: str | None) -> Iterator[tuple[str, str]]:
    return ((way.channel, way.address) for way in ways_of(fallbacks))


def parties_of(installation: Installation, reader: Reader, channels: frozenset[str]) -> tuple[Party, ...]:
    """Every way to a reader on one of these channels, that of the message first."""
    claim, salt = reader.claim, installation.database.salt
    found = {claim.channel: reader.party}
    known = [*reader.addresses]
    if channels - found.keys() and reader.customer_id is not None:
        known += _in_crm(installation, reader.customer_id, claim.tenant_id)
    for channel, address in known:
        if channel in channels and channel not in found:
            found[channel] = Party(claim.tenant_id, channel, address_hash(salt, channel, address))
    return tuple(found.values())


def _in_crm(installation: Installation, customer_id: int, tenant_id: int) -> list[tuple[str, str]]:
    """The addresses that the CRM has of a customer now; none while it cannot be read."""
    from automation_pipelines.tick import read_frames  # noqa: PLC0415 - half a second that few installations need

    if "id" in installation.sqlfiles.find("sources", _CUSTOMERS).directive("text ids"):
        return []  # the ledger does not keep the text, and its hash cannot be asked for
    selection = Selection((Keys("id", frozenset({customer_id})),))
    wanted = Demand(_CUSTOMERS, frozenset({"tenant_id", *_KINDS}), (selection,))
    try:
        rows = read_frames(installation, [wanted])[_CUSTOMERS]
    except SourceError:
        return []
    return [
        (channel, row[kind].strip())
        for row in rows.iter_rows(named=True)
        if row["id"] == customer_id and row["tenant_id"] == tenant_id
        for kind, channels in _KINDS.items()
        if (row[kind] or "").strip()
        for channel in channels
    ]
