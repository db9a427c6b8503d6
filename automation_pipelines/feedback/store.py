"""What was told → the ledger: one bulk transaction, whatever the order and however often it is told.

Here addresses become hashes and ids become jobs; what events do there is `ledger.events`'.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from automation_pipelines.feedback.rules import judged
from automation_pipelines.feedback.told import Told
from automation_pipelines.ledger import sightings
from automation_pipelines.ledger.database import Database, dump_json
from automation_pipelines.ledger.events import Recorded, record
from automation_pipelines.ledger.identity import PATTERN, installation_name
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.ledger.words import Inbound
from automation_pipelines.model import EventType

REMEMBERED = timedelta(days=30)
"""Jobs that ended longer before an event are found by their numbers alone."""

_LONGEST = {"identity": 200, "provider": 40, "kind": 20, "channel": 20, "link": 2000, "detail": 4000}
_COLUMNS: dict[str, pl.DataType] = {
    "identity": pl.String(),
    "type": pl.String(),
    "told_at": pl.Datetime("us", "UTC"),
    "job_id": pl.Int64(),
    "detail": pl.String(),
    "detail_of_stranger": pl.String(),
    "provider": pl.String(),
    "kind": pl.String(),
    "cause": pl.String(),
    "machine": pl.Boolean(),
    "link": pl.String(),
    "tenant_id": pl.Int64(),
    "channel": pl.String(),
    "address_hash": pl.String(),
    "topic": pl.String(),
}
_IDENTITY = re.compile(PATTERN)
_LARGEST = 2**63


def store(db: Database, told: Sequence[Told], now: datetime) -> Recorded:
    """Record events and apply what they mean; when it returns, all of them are durable.

    The job is the one that is named, else the one that a Message-ID or the provider's id of the message
    belongs to. What another installation sent with the same account is kept as a stranger's.
    """
    if not told:
        return Recorded(0, 0, 0)
    rows = _Rows(db, told)
    frame = pl.DataFrame(rows.rows(), schema=_COLUMNS, orient="row")
    return record(db, judged(frame), now=now, inbound=rows.inbound(), durable=True)


class _Rows:
    """The rows of some events, with everything that needs to be looked up for all of them at once."""

    def __init__(self, db: Database, told: Sequence[Told]) -> None:
        self._told = told
        self._salt = db.salt
        self._ours = installation_name(db.salt)
        self._identities = [_identity_in(one.message_id) for one in told]
        self._jobs = self._find(db)
        self._hashes = list(map(self._hash, told, self._jobs))

    def rows(self) -> list[tuple[object, ...]]:
        """As `_COLUMNS` has them."""
        return list(map(_row, self._told, self._jobs, self._hashes))

    def inbound(self) -> list[Inbound]:
        """Those that people wrote."""
        return [
            Inbound(_cut("identity", one.identity), one.type, one.channel, digest, one.at, *_concerned(one))
            for one, digest in zip(self._told, self._hashes, strict=True)
            if _is_written(one) and one.channel and digest and _concerned(one) != (None, None)
        ]

    def _find(self, db: Database) -> list[int | None]:
        doubtful = {one.job_id for one in self._told if not one.proved and one.job_id is not None}
        proofs = sightings.identities_of(db, {number for number in doubtful if 0 < number < _LARGEST})
        named = [
            self._named(one, identity) if one.proved else self._proved(one, identity, proofs)
            for one, identity in zip(self._told, self._identities, strict=True)
        ]
        missing = [
            place
            for place, (one, job) in enumerate(zip(self._told, named, strict=True))
            if job is None and not self._foreign(place) and (self._identities[place] or one.provider_id)
        ]
        if missing:
            found = self._look_up(db, missing)
            for place in missing:
                one, identity = self._told[place], self._identities[place]
                named[place] = found.get(identity or "") or found.get(f"id:{one.provider_id}")
        return named

    def _named(self, one: Told, identity: str | None) -> int | None:
        """The job that an event names, if it is a job of this installation's."""
        foreign = identity is not None and not identity.endswith(f".{self._ours}")
        valid = one.job_id is not None and 0 < one.job_id < _LARGEST
        return one.job_id if valid and not foreign else None

    def _proved(self, one: Told, identity: str | None, proofs: Mapping[int, str]) -> int | None:
        """The job that somebody names whom nobody knows: it is, if they know its identity, too."""
        job = one.job_id
        return job if job is not None and identity is not None and proofs.get(job) == identity else None

    def _foreign(self, place: int) -> bool:
        identity = self._identities[place]
        return identity is not None and not identity.endswith(f".{self._ours}")

    def _look_up(self, db: Database, places: Sequence[int]) -> dict[str, int]:
        """Jobs by identity, and by the provider's id behind `id:`."""
        since = min(self._told[place].at for place in places) - REMEMBERED
        wanted = {identity for place in places if (identity := self._identities[place])}
        found: dict[str, int] = {}
        if wanted:
            known = sightings.candidates(db, since).filter(pl.col("identity").is_in(list(wanted)))
            found |= dict(known.select("identity", "job_id").iter_rows())
        ids = {one for place in places if (one := self._told[place].provider_id)}
        return found | {f"id:{one}": job for one, job in sightings.of_providers(db, ids, since).items()}

    def _hash(self, one: Told, job: int | None) -> str | None:
        if one.address_hash is not None or one.address is None:
            return one.address_hash
        # In ASCII a domain reads otherwise than in the CRM: the job knows its own address better.
        if job is not None and "xn--" in one.address.lower():
            return None
        return address_hash(self._salt, one.channel or "email", one.address)


def _identity_in(message_id: str | None) -> str | None:
    found = _IDENTITY.search(message_id) if message_id else None
    return found[1] if found else None


def _is_written(one: Told) -> bool:
    """Whether somebody wrote on the channel; who leaves by a page or a mail has not."""
    stopped = one.type is EventType.UNSUBSCRIBED and (one.kind == "stop" or one.all_tenants_but is not None)
    return stopped or one.type is EventType.REPLIED


def _concerned(one: Told) -> tuple[int | None, frozenset[int] | None]:
    return one.tenant_id, one.all_tenants_but


def _row(one: Told, job: int | None, digest: str | None) -> tuple[object, ...]:
    detail: dict[str, Any] = {**one.detail, **({"cause": one.cause} if one.cause else {})}
    if one.provider_id:
        detail.setdefault("provider_id", one.provider_id[:200])
    stranger = detail | ({"job_id": one.job_id} if one.job_id is not None else {})
    return (
        _cut("identity", one.identity),
        str(one.type),
        one.at,
        job,
        _json(detail),
        _json(stranger),
        _cut("provider", one.provider),
        _cut("kind", one.kind),
        one.cause,
        one.machine,
        _cut("link", one.link),
        one.tenant_id,
        _cut("channel", one.channel),
        digest,
        one.topic,
    )


def _cut(name: str, text: str | None) -> Any:  # noqa: ANN401 - as optional as the text
    return text[: _LONGEST[name]] if text else text


def _json(detail: dict[str, Any]) -> str | None:
    text = dump_json(detail) if detail else None
    return text if text is None or len(text) <= _LONGEST["detail"] else dump_json({"too_long": len(text)})
