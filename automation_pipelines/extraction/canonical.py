"""Raw rows in whatever types the CRM sent → a frame with the catalogue's columns and types.

A value that does not fit becomes null here; `contracts` finds it by comparing nulls before and after.
"""

from collections.abc import Callable, Sequence

import polars as pl
import pyarrow as pa
from pyarrow import types as arrow

from automation_pipelines.catalogue.types import Column, Type
from automation_pipelines.engine import FRAME_TYPES, SQL_TYPES, Engine

# As written by a program: no sign for zero, no leading zeros, so that 00001 never meets 1.
_INTEGER_KEY = "-?(0|[1-9][0-9]*)"
_INTEGER = r"\s*[+-]?[0-9]+(\.0*)?\s*"
_DAY = r"\s*[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00(\.0+)?)?Z?)?\s*"


def canonical(
    engine: Engine, raw: pa.Table, columns: Sequence[Column], text_ids: frozenset[str]
) -> pl.DataFrame:
    """The rows of `raw`; `id_text` keeps the original key beside `id`."""
    if raw.num_rows == 0:
        return no_rows(columns)
    engine.connection.register("raw", raw)
    outputs = [f'{expression(raw, column, text_ids)} AS "{column.name}"' for column in columns]
    outputs.insert(1, 'CAST("id" AS VARCHAR) AS id_text')
    return engine.query(f"SELECT {', '.join(outputs)} FROM raw")


def no_rows(columns: Sequence[Column]) -> pl.DataFrame:
    """What `canonical` makes of a source without rows."""
    types = {column.name: FRAME_TYPES[column.type] for column in columns}
    return pl.DataFrame(schema={"id": types.pop("id"), "id_text": pl.String(), **types})


def expression(raw: pa.Table, column: Column, text_ids: frozenset[str]) -> str:
    """The SQL that turns one raw column into the declared type, null where it does not fit."""
    kind, name = raw.schema.field(column.name).type, f'"{column.name}"'
    if arrow.is_null(kind):
        return f"CAST(NULL AS {SQL_TYPES[column.type]})"
    if column.name in text_ids:
        return f"hash63({name})"
    return _FITTING[column.type](kind, name)


def _text(kind: pa.DataType) -> bool:
    return bool(arrow.is_string(kind) or arrow.is_large_string(kind) or arrow.is_string_view(kind))


def _numeric(kind: pa.DataType) -> bool:
    return bool(arrow.is_integer(kind) or arrow.is_floating(kind) or arrow.is_decimal(kind))


def _key(kind: pa.DataType, name: str) -> str:
    return _integer(kind, name, _INTEGER_KEY)


def _integer(kind: pa.DataType, name: str, pattern: str = _INTEGER) -> str:
    if arrow.is_integer(kind):
        return f"TRY_CAST({name} AS BIGINT)"
    if _numeric(kind):
        return f"CASE WHEN {name} = floor({name}) THEN TRY_CAST({name} AS BIGINT) END"
    if _text(kind):
        return f"CASE WHEN regexp_full_match({name}, '{pattern}') THEN TRY_CAST({name} AS BIGINT) END"
    return "CAST(NULL AS BIGINT)"


def _number(kind: pa.DataType, name: str) -> str:
    return f"TRY_CAST({name} AS DOUBLE)" if _numeric(kind) or _text(kind) else "CAST(NULL AS DOUBLE)"


def _written(_kind: pa.DataType, name: str) -> str:
    return f"CAST({name} AS VARCHAR)"


def _boolean(kind: pa.DataType, name: str) -> str:
    if arrow.is_boolean(kind):
        return name
    if _numeric(kind):
        return f"CASE {name} WHEN 0 THEN false WHEN 1 THEN true END"
    word = f"lower(trim(CAST({name} AS VARCHAR)))"
    return (
        f"CASE WHEN {word} IN ('true', 't', 'yes', 'y', '1') THEN true "
        f"WHEN {word} IN ('false', 'f', 'no', 'n', '0') THEN false END"
    )


def _date(kind: pa.DataType, name: str) -> str:
    if arrow.is_date(kind) or arrow.is_timestamp(kind):
        return f"CASE WHEN {_finite(name)} THEN CAST({name} AS DATE) END"
    if _text(kind):
        return (
            f"CASE WHEN regexp_full_match({name}, '{_DAY}') "
            f"THEN TRY_CAST(substr(trim({name}), 1, 10) AS DATE) END"
        )
    return "CAST(NULL AS DATE)"


def _instant(kind: pa.DataType, name: str) -> str:
    if arrow.is_date(kind) or arrow.is_timestamp(kind):
        return f"CASE WHEN {_finite(name)} THEN CAST({name} AS TIMESTAMPTZ) END"
    if _text(kind):
        return f"CASE WHEN {name} LIKE '____-__-__%' THEN TRY_CAST({name} AS TIMESTAMPTZ) END"
    return "CAST(NULL AS TIMESTAMPTZ)"


def _finite(name: str) -> str:
    """Neither PostgreSQL's infinity nor a year no calendar has."""
    return f"{name} BETWEEN DATE '0001-01-01' AND DATE '9999-12-31'"


_FITTING: dict[Type, Callable[[pa.DataType, str], str]] = {
    Type.ID: _key,
    Type.INTEGER: _integer,
    Type.MONEY: _integer,
    Type.NUMBER: _number,
    Type.TEXT: _written,
    Type.BOOLEAN: _boolean,
    Type.DATE: _date,
    Type.INSTANT: _instant,
}
