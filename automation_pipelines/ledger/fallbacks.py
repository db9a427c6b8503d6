"""Where a message goes when its channel rejects it: the ways that planning found open beside the first.

Ways are tried in the order of the step, each once. What a rejection is, delivery knows; here rejected jobs
are moved on, and ways that were open are shut, in two statements however many they are.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import job_payloads, jobs
from automation_pipelines.model import State


@dataclass(frozen=True, slots=True)
class Way:
    """A channel that a message may take, and the address there."""

    channel: str
    address: str
    address_hash: str


@dataclass(frozen=True, slots=True)
class FellBack:
    """Rejected by the channel it was on: it goes at once by the first of `ways`. `suppress`: as of `Dead`."""

    channel: str
    error: str
    ways: tuple[Way, ...]
    suppress: Literal["bounced", "unsubscribed"] | None = None

    @property
    def told(self) -> str:
        """What people read of it, on one line."""
        return " ".join(f"{self.channel}: {self.error}".split())


def ways_of(text: str | None) -> tuple[Way, ...]:
    """Read the ways as a payload keeps them."""
    return tuple(Way(**one) for one in json.loads(text)) if text else ()


def text_of(ways: Sequence[Way]) -> str | None:
    """Write ways as a payload keeps them; none: nothing."""
    return json.dumps([asdict(way) for way in ways], ensure_ascii=False) if ways else None


def channels_of(text: str | None) -> str | None:
    """Name the channels of ways as a payload keeps them: no address is told."""
    return ", ".join(way.channel for way in ways_of(text)) or None


_MOVED: dict[str, sa.types.TypeEngine[Any]] = {
    "id": sa.BigInteger(),
    "channel": sa.String(),
    "address": sa.Text(),
    "address_hash": sa.String(),
    "fallbacks": sa.Text(),
    "error": sa.Text(),
}


def move_on(db: Database, connection: sa.Connection, moved: Sequence[tuple[int, FellBack]]) -> None:
    """Put jobs on their next channel, with all their attempts there."""
    if not moved:
        return
    told = db.listed("told", _MOVED, [_row(job, answer) for job, answer in moved]).c
    connection.execute(
        sa.update(jobs).where(jobs.c.id == told.id).values(channel=told.channel, attempts=sa.literal(0))
    )
    earlier = sa.func.coalesce(job_payloads.c.rejections + "\n", "")
    connection.execute(
        sa.update(job_payloads)
        .where(job_payloads.c.job_id == told.id)
        .values(
            address=told.address,
            address_hash=told.address_hash,
            fallbacks=told.fallbacks,
            rejections=earlier + told.error,
            error=told.error,
        )
    )


def shut(db: Database, closed: Iterable[tuple[int, str]]) -> None:
    """Let jobs that wait fall back no more on these channels: (job, channel); two statements."""
    pairs = frozenset(closed)
    if not pairs:
        return
    asked = db.listed("asked", {"id": sa.BigInteger()}, sorted({(job,) for job, _ in pairs}))
    payload = job_payloads.c
    wanted = (
        sa.select(payload.job_id, payload.fallbacks)
        .join(asked, asked.c.id == payload.job_id)
        .join(jobs, sa.and_(jobs.c.id == payload.job_id, jobs.c.state == str(State.PENDING)))
    )
    with db.begin() as connection:
        found = connection.execute(wanted).all()
        left = [(job, text_of(_without(ways_of(text), job, pairs))) for job, text in found]
        told = db.listed("told", {"id": sa.BigInteger(), "fallbacks": sa.Text()}, left).c
        connection.execute(
            sa.update(job_payloads).where(payload.job_id == told.id).values(fallbacks=told.fallbacks)
        )


def _without(ways: Iterable[Way], job: int, closed: Collection[tuple[int, str]]) -> list[Way]:
    return [way for way in ways if (job, way.channel) not in closed]


def _row(job: int, answer: FellBack) -> tuple[object, ...]:
    """The new values of a job, in the order of `_MOVED`."""
    way, *rest = answer.ways
    return job, way.channel, way.address, way.address_hash, text_of(rest), answer.told
