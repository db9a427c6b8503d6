"""How a measure of the catalogue is computed: in SQL that DuckDB and PostgreSQL read alike, and of frames.

Both say the same: no rate where there is nothing to divide by.
"""

from collections.abc import Sequence

import polars as pl

from automation_pipelines.catalogue.measures import MEASURES, Measure, View, measures_of, summed
from automation_pipelines.catalogue.statistics import STATISTICS
from automation_pipelines.catalogue.types import Type


def value(measure: Measure) -> pl.Expr:
    """The measure over the rows of a frame of its statistic, or of each group of them."""
    above, below = _sum(measure.numerator), _sum(measure.denominator)
    return pl.when(below != 0).then(above / below).alias(measure.name)


def rates(frame: pl.DataFrame, statistic: str, by: Sequence[str] = ()) -> pl.DataFrame:
    """The measures of a statistic by these columns, beside the sums they are made of; one row if by none."""
    measures = measures_of(statistic)
    figures = [*(pl.col(name).sum() for name in summed(measures)), *map(value, measures)]
    if not by:
        return frame.select(figures)
    return frame.group_by(by).agg(figures).sort(by, nulls_last=True)


def query(view: View, *, schema: str = "") -> str:
    """The statement of a view; `schema` leads the name of the statistic where it needs one."""
    kinds = {column.name: column.type for column in STATISTICS[view.statistic].columns}
    picked = [
        *view.by,
        *(
            f"{_whole(name) if kinds[name] is not Type.NUMBER else _added(name)} AS {name}"
            for name in view.summed
        ),
        *(f"{_divided(measure)} AS {measure.name}" for measure in view.measures),
    ]
    return f"SELECT {', '.join(picked)} FROM {schema}{view.statistic} GROUP BY {', '.join(view.by)}"


def definitions() -> pl.DataFrame:
    """All measures as rows of the table that explains them."""
    rows = [
        {
            "measure": each.name,
            "title": each.title,
            "statistic": each.statistic,
            "numerator": " + ".join(each.numerator),
            "denominator": " + ".join(each.denominator),
            "unit": str(each.unit),
            "better": str(each.better),
            "meaning": each.doc,
            "caveat": each.caveat,
        }
        for each in MEASURES.values()
    ]
    return pl.DataFrame(rows, schema_overrides={"caveat": pl.String}, infer_schema_length=None)


def _sum(columns: Sequence[str]) -> pl.Expr:
    return pl.sum_horizontal(pl.col(name).sum().cast(pl.Float64) for name in columns)


def _added(column: str) -> str:
    return f"coalesce(sum({column}), 0)"


def _whole(column: str) -> str:
    return f"CAST({_added(column)} AS BIGINT)"


def _divided(measure: Measure) -> str:
    above = " + ".join(map(_added, measure.numerator))
    below = " + ".join(map(_added, measure.denominator))
    return f"CAST({above} AS DOUBLE PRECISION) / nullif({below}, 0)"
