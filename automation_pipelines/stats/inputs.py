"""What statistics are computed from: the frames of a day, and what the ledger knows at a publication.

A statistic names its inputs in the catalogue; each is read only where one is computed that names it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

import polars as pl

from automation_pipelines import decisions
from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.engine import FRAME_TYPES
from automation_pipelines.files import FileStore
from automation_pipelines.ledger import daily
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import KEY
from automation_pipelines.model import SETTLED, Reason
from automation_pipelines.selection import midnight
from automation_pipelines.stats import measures, standing
from automation_pipelines.stats.attribution import Terms
from automation_pipelines.stats.scope import scope_of_day

_HELD = [str(reason) for reason in Reason if reason not in SETTLED]
_RECORD = ["live", "manual"]  # test runs and reconstructed days count nowhere
_JUDGED = {
    column.name: FRAME_TYPES[column.type]
    for column in decisions.COLUMNS
    if column.name in {*KEY, "campaign", "step", "channel", "reason", "run_id", "as_of"}
}


@dataclass(frozen=True, slots=True)
class Kept:
    """Where the record is, and the time a computation speaks for."""

    database: Database
    files: FileStore
    as_of: datetime
    terms: Terms = field(default_factory=Terms)


def bounds(day: date) -> tuple[datetime, datetime]:
    """The instants from which and before which a UTC day lasts."""
    return midnight(day), midnight(day + timedelta(days=1))


def of_day(kept: Kept, day: date) -> dict[str, pl.DataFrame]:
    """The record of one UTC day: what was due then, and what was told of it since."""
    lo, hi = bounds(day)
    ledger = daily.jobs_due(kept.database, lo, hi)
    return {
        "ledger": ledger,
        "events": daily.events_of_jobs_due(kept.database, lo, hi),
        "held": _held(kept, day),
        "profiles": daily.profiles(kept.database),
        "credited": kept.terms.credited(),
        **scope_of_day(kept.database, kept.files, day, ledger["campaign"].unique().to_list()),
    }


def _held(kept: Kept, day: date) -> pl.DataFrame:
    """What was last decided on the moments of a day that no tick has settled yet."""
    paths = kept.files.paths(decisions.DATASET, [day])
    if not paths:
        return pl.DataFrame(schema=_JUDGED)
    judged = (
        pl.scan_parquet(paths, hive_partitioning=False)
        .filter(pl.col("reason").is_in(_HELD), pl.col("mode").is_in(_RECORD))
        .select(pl.col(name).cast(type_) for name, type_ in _JUDGED.items())
        .collect()
    )
    return daily.unsettled(kept.database, judged)


_AT_PUBLICATION: Mapping[str, Callable[[Kept], pl.DataFrame]] = {
    "profiles": lambda kept: daily.profiles(kept.database),
    "terms": lambda kept: kept.terms.returns(),
    "declared_steps": lambda kept: standing.declared_steps(kept.database),
    "subject_orders": lambda kept: standing.subject_orders(kept.database, kept.as_of),
    "running_campaigns": lambda kept: standing.running_campaigns(kept.database),
    "queue": lambda kept: standing.queue(kept.database, kept.as_of),
    "measure_definitions": lambda _: measures.definitions(),
    "last_tick": lambda kept: standing.last_tick(kept.database),
}


def at_publication(kept: Kept, statistics: Iterable[Statistic]) -> dict[str, pl.DataFrame]:
    """What these derived statistics need beside filed days."""
    named = {name for statistic in statistics for name in statistic.inputs}
    return {name: read(kept) for name, read in _AT_PUBLICATION.items() if name in named}
