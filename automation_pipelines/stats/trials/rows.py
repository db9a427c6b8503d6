"""The rows that are counted and concluded: how they are read, and how an estimate is written in columns."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from automation_pipelines.engine import Engine
from automation_pipelines.experiments import Interval
from automation_pipelines.sqlfiles import SqlFiles

Row = Mapping[str, Any]


def counted(
    engine: Engine, sqlfiles: SqlFiles, subjects: str, name: str, values: Mapping[str, object]
) -> pl.DataFrame:
    """Count by `sql/trials/<name>.sql` the subjects that `<subjects>.sql` finds, and what they bought.

    Sums of whole numbers come as such; the engine keeps them wider than any is.
    """
    engine.keep("began", sqlfiles.find("trials", subjects).text, values)
    engine.keep("bought", sqlfiles.find("trials", "bought").text)
    found = engine.query(sqlfiles.find("trials", name).text)
    engine.drop("began", "bought")
    return found.with_columns(pl.selectors.decimal().cast(pl.Int64))


def estimated(name: str) -> dict[str, pl.DataType]:
    """The columns of an estimate: the figure and its interval."""
    return dict.fromkeys((name, f"{name}_low", f"{name}_high"), pl.Float64())


def estimate(name: str, interval: Interval) -> dict[str, float | None]:
    """The same with their values."""
    return {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
