"""The table that explains the figures to whoever opens the database without these documents."""

from automation_pipelines.catalogue.types import Column, Statistic, Type


def _said(name: str, doc: str) -> Column:
    return Column(name, Type.TEXT, doc, required=True)


MEASURES_TABLE = Statistic(
    "measures",
    "a measure: what it says, how it is computed, and what it does not say",
    (
        _said("measure", "Its name: a column of the views."),
        _said("title", "What charts call it."),
        _said("statistic", "The table it is computed from."),
        _said("numerator", "The columns of that table whose sum is divided."),
        _said("denominator", "The columns whose sum it is divided by; where that is 0, there is no figure."),
        _said("unit", "share: of one, 0.25 is 25 %. ratio: so many for each. money: minor units."),
        _said("better", "Whether higher or lower is better, or neither."),
        _said("meaning", "What it says."),
        Column("caveat", Type.TEXT, "What it could be taken for and is not; null: nothing to heed."),
    ),
    key=("measure",),
    daily=False,
    inputs=("measure_definitions",),
)
