"""Whether a hold may end: what may have left in the time that is lost, and who has been asked about it.

A channel whose other side recognises a repeat needs no log: handing over again has no further effect.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import holds, sightings
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.holds import Hold
from automation_pipelines.model import Purpose


@dataclass(frozen=True, slots=True)
class Doubtful:
    """The jobs of one channel that may have left in the time that is lost."""

    channel: str
    jobs: int
    marketing: int
    why_not: str | None
    """Why they may not go yet; `None`: a log was read, or a repeat has no effect."""

    def __str__(self) -> str:
        """In words."""
        return f"{self.channel}: {self.jobs:,} may have been sent already, and {self.why_not}"


def doubtful(db: Database, hold: Hold, repeatable: Collection[str], now: datetime) -> list[Doubtful]:
    """By channel, those that wait and were due before the hold began."""
    read = sightings.logs_read(db, hold.at)
    found = sightings.in_doubt(db, hold.at, now)
    rows = found.group_by("channel", maintain_order=True).agg(
        pl.col("jobs").sum(),
        pl.col("jobs").filter(pl.col("purpose") == str(Purpose.MARKETING)).sum().alias("marketing"),
        pl.col("planned_at").max(),
    )
    return [
        Doubtful(
            channel,
            jobs,
            marketing,
            None
            if channel in repeatable
            else _missing([one for one in read if one.channel == channel], planned_at),
        )
        for channel, jobs, marketing, planned_at in rows.iter_rows()
    ]


def _missing(read: Sequence[sightings.LogRead], planned_at: datetime) -> str | None:
    """What must be read; a log also settles what is planned after it, an answer does not."""
    if any(not one.asked or one.at >= planned_at for one in read):
        return None
    if read:
        return "some were planned since its provider was asked: ask again"
    return "no log of it was read"


def release(
    db: Database,
    hold: Hold,
    repeatable: Collection[str],
    *,
    by: str,
    now: datetime,
    accept_unknown: bool = False,
    marketing_unknown: bool = False,
) -> list[Doubtful]:
    """End the hold; `RefusedError` while it would repeat what was sent. Returns what leaves all the same.

    `marketing_unknown`: marketing in doubt on channels without a log becomes unknown instead.
    """
    if not sightings.planned_since(db, hold.at):
        msg = (
            "the hold stays: no tick has run since it began, so what was planned in the lost time is not "
            "back in the ledger and cannot be compared: `automation tick`, then again"
        )
        raise RefusedError(msg)
    open_ = [one for one in doubtful(db, hold, repeatable, now) if one.why_not]
    if marketing_unknown:
        silent = [one.channel for one in open_ if one.marketing]
        if silent:
            sightings.give_up(db, silent, str(Purpose.MARKETING), hold.at, by=by, now=now)
            open_ = [one for one in doubtful(db, hold, repeatable, now) if one.why_not]
    if open_ and not accept_unknown:
        raise RefusedError("\n".join(["the hold stays:", *map(str, open_), _ADVICE]))
    repeated = {one.channel: one.jobs for one in open_}
    holds.end(db, {"held_at": hold.at, "repeated_at_risk": repeated}, by=by, now=now)
    return open_


_ADVICE = (
    "read their logs with `automation reconcile LOG --channel CHANNEL --apply`, ask providers with --ask; "
    "or end it with --marketing-unknown (marketing in doubt does not leave, it becomes unknown) or "
    "--accept-unknown (what is in doubt leaves, perhaps a second time)"
)
