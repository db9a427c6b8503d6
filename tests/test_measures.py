"""Measures: one definition, the same figure wherever it is asked for, and none where there is nothing."""

from random import Random

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from automation_pipelines.catalogue.measures import MEASURES, VIEWS, measures_of
from automation_pipelines.catalogue.statistics import STATISTICS
from automation_pipelines.catalogue.types import Type
from automation_pipelines.stats import measures
from automation_pipelines.stats.tables import schema

COUNTED = (Type.INTEGER, Type.MONEY, Type.NUMBER)


@pytest.mark.parametrize("name", MEASURES)
def test_a_measure_is_made_of_what_its_table_counts(name: str) -> None:
    measure = MEASURES[name]
    kinds = {column.name: column.type for column in STATISTICS[measure.statistic].columns}
    assert all(kinds[column] in COUNTED for column in measure.columns)
    assert measure.doc.endswith(".")
    assert measure.doc.startswith(measure.doc[0].upper())


@pytest.mark.parametrize("name", VIEWS)
def test_the_views_and_the_frames_say_the_same(name: str) -> None:
    view = VIEWS[name]
    frame = _rows(view.statistic, view.by)
    with duckdb.connect() as connection:
        connection.register(view.statistic, frame)
        shown = connection.sql(f"{measures.query(view)} ORDER BY ALL NULLS LAST").pl()
    told = measures.rates(frame, view.statistic, view.by)
    assert shown.columns == told.columns == [column.name for column in view.columns]
    assert_frame_equal(shown, told, check_dtypes=False)
    (first, *_) = measures_of(view.statistic)
    of_nothing = told.filter(pl.sum_horizontal(first.denominator) == 0)
    assert of_nothing[first.name].is_null().all()
    assert not of_nothing.is_empty()


def test_a_rate_of_all_is_of_the_sums_and_not_of_the_rates() -> None:
    frame = pl.DataFrame({"sent": [1, 999], "clicked": [1, 0]})
    clicks = measures.value(MEASURES["human_click_rate"])
    assert frame.select(clicks).item() == 0.001
    assert frame.clear().select(clicks).item() is None


def _rows(statistic: str, by: tuple[str, ...]) -> pl.DataFrame:
    """Two rows for each of four groups by `by`; the last group counted nothing."""
    draw, groups = Random(5), (0, 0, 1, 1, 2, 2, 3, 3)

    def column(name: str, kind: pl.DataType) -> pl.Series:
        if name in by or not kind.is_numeric():
            return pl.Series(name, groups).cast(kind)
        return pl.Series(name, [0 if group == groups[-1] else draw.randint(1, 99) for group in groups], kind)

    return pl.DataFrame([column(name, kind) for name, kind in schema(STATISTICS[statistic]).items()])


def test_the_table_of_measures_says_how_each_is_computed() -> None:
    told = {row["measure"]: row for row in measures.definitions().iter_rows(named=True)}
    assert set(told) == set(MEASURES)
    clicks = told["human_click_rate"]
    assert (clicks["statistic"], clicks["numerator"], clicks["denominator"]) == (
        "campaign_daily",
        "clicked",
        "sent",
    )
    assert "No measure of success" in told["human_open_rate"]["caveat"]
