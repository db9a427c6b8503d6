"""Providers' logs of any make → the hand-offs they name, with times: lines, tables, directories of files.

A hand-off is found by its identity, wherever in a line it stands: Message-IDs, `message-id=<…>` of a mail
server, ids of webhooks, names of files. Knows no ledger.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl

from automation_pipelines.errors import SourceError
from automation_pipelines.ledger.identity import PATTERN

LINES: dict[str, pl.DataType] = {
    "identity": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "taken": pl.Boolean(),
}
"""One row per line that names a hand-off; `at` is null where it has no time that can be read."""

_TABLES = (".csv", ".jsonl", ".ndjson")
_TIMES = (
    "at",
    "time",
    "timestamp",
    "date",
    "datetime",
    "sentat",
    "senttime",
    "sent",
    "datesent",
    "createdat",
)
_STATUSES = ("status", "state", "event", "result", "outcome")
NOT_TAKEN = ("rejected", "refused", "dropped", "failed", "error", "not sent", "unsent")
"""What a column of status says of a message that the provider never took over."""

_ISO = r"(\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?)"
_SYSLOG = r"^(?:<\d+>)?([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d)"
_QUEUED = r"\]: ([0-9A-Za-z]{6,20}): "
_REFUSED = r"\]: [0-9A-Za-z]{6,20}: (?:milter-)?(?:reject|discard)"


def read(paths: Sequence[Path], zone: ZoneInfo, now: datetime) -> pl.DataFrame:
    """Everything that these files and directories name; times without a zone are in `zone`."""
    found = [_read(path, zone, now) for path in paths]
    return pl.concat(one.select(pl.col(name).cast(kind) for name, kind in LINES.items()) for one in found)


def _read(path: Path, zone: ZoneInfo, now: datetime) -> pl.DataFrame:
    if path.is_dir():
        return _directory(path)
    try:
        if path.suffix.lower() in _TABLES:
            return _table(path, zone, now)
        return _lines(path, zone, now)
    except (OSError, pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        msg = f"{path} cannot be read as a log: {error}"
        raise SourceError(msg) from None


def _directory(path: Path) -> pl.DataFrame:
    """A maildir, an outbox: a file for each hand-off, named after it."""
    files = ((file.name, int(file.stat().st_mtime * 1e6)) for file in path.rglob("*") if file.is_file())
    frame = pl.DataFrame(list(files), schema={"name": pl.String, "at": pl.Int64}, orient="row")
    found = frame.select(
        pl.col("name").str.extract(PATTERN).alias("identity"),
        pl.from_epoch("at", "us").dt.replace_time_zone("UTC"),
        pl.lit(value=True).alias("taken"),
    )
    return found.filter(pl.col("identity").is_not_null())


def _lines(path: Path, zone: ZoneInfo, now: datetime) -> pl.DataFrame:
    """A text of any kind, one hand-off a line; a mail server's refusals count for their queue id."""
    text = pl.col("line")
    named = text.str.extract(PATTERN)
    refused = text.str.contains(_REFUSED)
    lines = (
        pl.scan_lines(path)
        .select(text.alias("text"), named.alias("identity"), refused.alias("refused"))
        .filter(pl.col("identity").is_not_null() | pl.col("refused"))
        .with_columns(pl.col("text").str.extract(_QUEUED).alias("queued"))
        .collect()
    )
    gone = lines.filter("refused")["queued"].unique()
    stamp = pl.coalesce(pl.col("text").str.extract(_SYSLOG), pl.col("text").str.extract(_ISO))
    return lines.filter(pl.col("identity").is_not_null()).select(
        "identity",
        _moment(stamp, zone, now).alias("at"),
        pl.col("queued").is_in(gone.implode()).not_().fill_null(value=True).alias("taken"),
    )


def _table(path: Path, zone: ZoneInfo, now: datetime) -> pl.DataFrame:
    """CSV with a header, or JSON Lines: the identity in any column, time and status by their names."""
    if path.suffix.lower() == ".csv":
        frame = pl.read_csv(path, infer_schema=False)
    else:
        frame = pl.read_ndjson(path, infer_schema_length=None)
    texts = frame.select(_text(name, kind) for name, kind in frame.schema.items())
    names = {"".join(filter(str.isalnum, name.lower())): name for name in frame.columns}
    time, status = (next((names[one] for one in ways if one in names), None) for ways in (_TIMES, _STATUSES))
    whole = pl.concat_str(pl.all(), separator=" ", ignore_nulls=True)
    said = pl.col(status).str.strip_chars().str.to_lowercase() if status else pl.lit(None, pl.String)
    found = texts.select(
        whole.str.extract(PATTERN).alias("identity"),
        (_moment(pl.col(time), zone, now) if time else pl.lit(None, LINES["at"])).alias("at"),
        said.is_in(NOT_TAKEN).not_().fill_null(value=True).alias("taken"),
    )
    return found.filter(pl.col("identity").is_not_null())


def _text(name: str, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.Struct):
        return pl.col(name).struct.json_encode()
    if isinstance(kind, pl.List):
        return pl.col(name).list.eval(pl.element().cast(pl.String)).list.join(" ")
    return pl.col(name).cast(pl.String)


def _moment(text: pl.Expr, zone: ZoneInfo, now: datetime) -> pl.Expr:
    """ISO 8601 with or without a zone, a mail server's `May  1 13:55:01`, or seconds since 1970."""
    iso = text.str.replace(" ", "T").str.replace(",", ".").str.replace("Z$", "+00:00")
    aware = iso.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f%:z", time_unit="us", strict=False)
    plain = _local(iso.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False), zone)
    there = now.astimezone(zone)
    dated = text.str.replace_all(r"\s+", " ")
    this_year = _syslog(dated, there.year, zone)
    syslog = pl.when(this_year <= now).then(this_year).otherwise(_syslog(dated, there.year - 1, zone))
    seconds = text.str.extract(r"^(\d{10}(?:\.\d+)?)$").cast(pl.Float64, strict=False)
    epoch = pl.from_epoch((seconds * 1e6).cast(pl.Int64), "us").dt.replace_time_zone("UTC")
    return pl.coalesce(aware.dt.convert_time_zone("UTC"), plain, syslog, epoch)


def _syslog(text: pl.Expr, year: int, zone: ZoneInfo) -> pl.Expr:
    moment = pl.concat_str(pl.lit(f"{year} "), text).str.to_datetime(
        "%Y %b %d %H:%M:%S", time_unit="us", strict=False
    )
    return _local(moment, zone)


def _local(moment: pl.Expr, zone: ZoneInfo) -> pl.Expr:
    placed = moment.dt.replace_time_zone(zone.key, ambiguous="earliest", non_existent="null")
    return placed.dt.convert_time_zone("UTC")
