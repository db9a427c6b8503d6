"""Hand-offs that a log names → the jobs they were: what is to be completed, and what is nobody's yet.

Without a hold a log proves only unknown jobs: everything else the ledger knows better.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import polars as pl

from automation_pipelines.ledger import sightings
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.holds import Hold
from automation_pipelines.ledger.identity import installation_name
from automation_pipelines.ledger.sightings import PROVED, SETTLED
from automation_pipelines.model import State

# How far the clocks of a provider and of the ledger may be apart.
_APART = timedelta(minutes=2)
# Lines without a time are compared with what ended so long before the time that is lost.
_KNOWN_WITHIN = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Match:
    """What the lines of some logs are, by hand-offs: each counts once, however many lines name it."""

    proved: pl.DataFrame
    """`PROVED`, with the channel and the state the job is in."""
    strays: pl.DataFrame
    """(identity, at): of the time that is lost, and no job of the ledger."""
    known: int = 0
    """The ledger has them as completed."""
    left: int = 0
    """Jobs that a log cannot prove wrong: dead, or open and named by an older line."""
    older: int = 0
    """No job that was looked for, and from before the time that is lost."""
    foreign: int = 0
    """Another installation's."""
    refused: int = 0
    """Not taken, the log says itself."""

    @property
    def states(self) -> Mapping[str, int]:
        """How many would be completed, by the state they are in."""
        return dict(self.proved.group_by("state").len().sort("state").rows())


def match(db: Database, lines: pl.DataFrame, hold: Hold | None, now: datetime) -> Match:
    """Find the jobs of `logs.LINES`."""
    ours = pl.col("identity").str.ends_with(f".{installation_name(db.salt)}")
    refused = lines.filter(~pl.col("taken") & ours)["identity"].n_unique()
    foreign = lines.filter(~ours)["identity"].n_unique()
    # The newest line says when it last went.
    taken = lines.filter("taken", ours).sort("at", nulls_last=False).unique("identity", keep="last")
    jobs = sightings.candidates(db, _worth_knowing(taken["at"], hold.lost_since if hold else now))
    found = taken.join(jobs, on="identity", how="left", maintain_order="left")
    return _sorted(found, hold, now, foreign=foreign, refused=refused)


def _worth_knowing(times: pl.Series, lost_since: datetime) -> datetime:
    """Since when jobs must have ended to be named by these lines."""
    oldest = times.min()
    known = [lost_since, oldest - _APART] if isinstance(oldest, datetime) else [lost_since]
    return min(*known, lost_since - _KNOWN_WITHIN) if times.has_nulls() else min(known)


def _sorted(found: pl.DataFrame, hold: Hold | None, now: datetime, *, foreign: int, refused: int) -> Match:
    lost_since = hold.lost_since if hold else now
    lost = pl.col("at").is_null() | (pl.col("at") >= lost_since - _APART)
    state, nobody = pl.col("state"), pl.col("job_id").is_null()
    unsure = state.is_in([str(State.PROCESSING), str(State.UNKNOWN)])  # handed off before, perhaps
    provable = state.is_in([str(one) for one in SETTLED]) & (lost | unsure)
    if hold is None:
        provable = state == str(State.UNKNOWN)
    done = state == str(State.COMPLETED)
    proved = found.filter(~nobody, provable).with_columns(
        # Where the log has no time: as soon as it can have been.
        at=pl.min_horizontal(
            pl.coalesce("at", pl.max_horizontal("available_at", pl.lit(lost_since))), pl.lit(now)
        ),
        provider_id=pl.lit(None, pl.String),
    )
    strays = found.filter(nobody, lost & pl.lit(hold is not None))
    return Match(
        proved=proved.select(*PROVED, "channel", "state"),
        strays=strays.select("identity", "at"),
        known=found.filter(done).height,
        left=found.filter(~nobody, ~done, ~provable).height,
        older=found.filter(nobody).height - strays.height,
        foreign=foreign,
        refused=refused,
    )


def settle(
    db: Database, found: Match, channels: Sequence[str], names: Sequence[str], *, by: str, now: datetime
) -> int:
    """Complete what is proved, and remember that the logs of these channels were read."""
    detail = {"channels": list(channels), "asked": False, "logs": list(names)}
    return sightings.settle(db, found.proved, found.strays, detail, by=by, now=now)
