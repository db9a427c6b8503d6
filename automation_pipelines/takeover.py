"""Another tool's lists and past sends → the ledger, so that the first day repeats nothing.

Files are CSV with a header, or JSON Lines, one thing a line. All lines are checked first, and a file
with a wrong line is refused whole: half a suppression list is a promise broken. Taking a file over
twice adds nothing. Addresses are kept as salted hashes only.

Which moments a past send stands for is planning's to say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

import polars as pl
import sqlalchemy as sa

from automation_pipelines.campaign import MESSAGE_CHANNELS
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Keeper
from automation_pipelines.engine import Engine, open_engine
from automation_pipelines.errors import SourceError
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import consents, past_sends, suppressions
from automation_pipelines.sqlfiles import SqlFiles

Kind = Literal["suppressions", "consents", "sends"]
COLUMNS: Mapping[Kind, tuple[str, ...]] = {
    "suppressions": ("tenant_id", "channel", "address", "topic", "reason", "at"),
    "consents": ("tenant_id", "channel", "address", "topic", "state", "at"),
    "sends": ("tenant_id", "campaign", "step", "subject", "channel", "address", "at"),
}
"""What a file of each kind may hold; other columns are refused, since a typo must not lose an opt-out."""

_ALL = tuple(dict.fromkeys(name for names in COLUMNS.values() for name in names))
_SHOWN = 20
_TABLES: Mapping[Kind, sa.Table] = {
    "suppressions": suppressions,
    "consents": consents,
    "sends": past_sends,
}
_KEPT: Mapping[Kind, tuple[str, ...]] = {
    "suppressions": ("tenant_id", "channel", "address_hash", "topic", "reason", "at"),
    "consents": ("tenant_id", "channel", "address_hash", "topic", "state", "at"),
    "sends": ("tenant_id", "campaign", "step", "subject_id", "channel", "address_hash", "sent_at"),
}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a line that does not say means."""

    tenant: str | None = None
    channel: str = "email"
    campaign: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What taking a file over did."""

    lines: int
    added: int


def take_over(
    db: Database,
    sqlfiles: SqlFiles,
    campaigns: CampaignStore,
    kind: Kind,
    path: Path,
    *,
    defaults: Defaults,
    now: datetime,
) -> Taken:
    """Check a file and add what is new; `SourceError` with the wrong lines, and nothing is added."""
    lines = _lines(kind, path)
    with open_engine() as engine:
        engine.add(lines=lines, **_known(campaigns, sqlfiles))
        statement = sqlfiles.find("takeover", "lines").text
        tenant_texts = "id" in sqlfiles.find("sources", "tenants").directive("text ids")
        values = {**asdict(defaults), "kind": kind, "tenant_texts": tenant_texts, "salt": db.salt, "now": now}
        rows = engine.query(statement, values)
        _refuse(path, rows.filter(pl.col("problem").is_not_null()))
        if kind == "sends":
            rows = _with_subjects(engine, rows)
    return Taken(rows.height, _add(db, kind, rows, path.name))


def _lines(kind: Kind, path: Path) -> pl.DataFrame:
    """Every line as texts, with its number in the file."""
    try:
        if path.suffix.lower() in (".jsonl", ".ndjson"):
            frame, first = pl.read_ndjson(path, infer_schema_length=None), 1
        else:
            frame, first = pl.read_csv(path, infer_schema=False), 2
    except (OSError, pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        msg = f"{path}: cannot be read as CSV with a header, or as JSON Lines (*.jsonl): {error}"
        raise SourceError(msg) from None
    names = {name: name.strip().lower() for name in frame.columns}
    for column, wrong in _strange(kind, names, frame.schema):
        msg = f"{path}: {column}: {wrong}; {kind} have {', '.join(COLUMNS[kind])}"
        raise SourceError(msg)
    texts = frame.rename(names).cast(pl.String)
    absent = [pl.lit(None, pl.String).alias(name) for name in _ALL if name not in texts.columns]
    return texts.with_columns(absent).with_row_index("line", offset=first)


def _strange(kind: Kind, names: Mapping[str, str], schema: pl.Schema) -> Iterator[tuple[str, str]]:
    """Columns that cannot be taken over, by the names they have in the file, and why."""
    given = list(names.values())
    for column, name in names.items():
        if name not in COLUMNS[kind]:
            yield column, "unknown column"
        elif given.count(name) > 1:
            yield column, "given twice"
        elif schema[column].is_nested():
            yield column, "holds lists or objects, not single values"


def _known(campaigns: CampaignStore, sqlfiles: SqlFiles) -> dict[str, pl.DataFrame]:
    """The channels, and every step of every campaign with whether its subjects have text keys."""
    steps = []
    for entry in campaigns.list():
        spec = campaigns.show(entry.campaign).spec
        subject = AUDIENCES[spec.audience].subject
        own = SOURCES[subject].origin is Keeper.LEDGER  # its keys are ours, and no file maps it
        texts = not own and "id" in sqlfiles.find("sources", subject).directive("text ids")
        steps += [(spec.id, part.id, texts) for part in spec.parts]
    schema = {"campaign": pl.String, "step": pl.String, "texts": pl.Boolean}
    return {
        "known_steps": pl.DataFrame(steps, schema=schema, orient="row"),
        "channels": pl.DataFrame({"channel": list(MESSAGE_CHANNELS)}),
    }


def _refuse(path: Path, wrong: pl.DataFrame) -> None:
    if wrong.is_empty():
        return
    shown = [
        f"{path}:{line}: {problem}" for line, problem in wrong.select("line", "problem").head(_SHOWN).rows()
    ]
    more = [f"… and {wrong.height - _SHOWN:,} more"] if wrong.height > _SHOWN else []
    raise SourceError("\n".join([*shown, *more, "nothing was taken over"]))


def _with_subjects(engine: Engine, rows: pl.DataFrame) -> pl.DataFrame:
    """The subjects' numbers: as every engine makes them from the CRM's keys."""
    engine.add(sends=rows)
    known = engine.query(
        "SELECT s.*, CASE WHEN k.texts OR NOT regexp_full_match(s.subject_text, '-?[0-9]{1,18}') "
        "THEN hash63(s.subject_text) ELSE CAST(s.subject_text AS BIGINT) END AS subject_id "
        "FROM sends AS s INNER JOIN known_steps AS k ON s.campaign = k.campaign AND s.step = k.step"
    )
    return known.rename({"at": "sent_at"})


def _add(db: Database, kind: Kind, rows: pl.DataFrame, origin: str) -> int:
    table, names = _TABLES[kind], _KEPT[kind]
    # One statement may touch a row only once.
    frame = rows.select(pl.col(name) for name in names).unique(maintain_order=True)
    if frame.is_empty():
        return 0
    with db.begin() as connection:
        staged = db.ingest(connection, "takeover_rows", frame)
        given: dict[str, sa.ColumnElement[object]] = {name: staged.c[name] for name in names}
        if kind == "consents":
            given["origin"] = sa.literal(origin[:80])
        chosen = sa.select(*given.values()).where(sa.true())  # SQLite's grammar needs a WHERE
        insert = db.insert(table).from_select(list(given), chosen).on_conflict_do_nothing()
        return connection.execute(insert, execution_options={"preserve_rowcount": True}).rowcount
