"""What a page is made of: key figures, and sections with a finding, a chart and the numbers behind it."""

from dataclasses import dataclass

from automation_pipelines.reports.charts import Chart


@dataclass(frozen=True, slots=True)
class KeyFigure:
    """One number, compared, with a word on how sure it is."""

    name: str
    value: str
    about: str = ""
    before: str = ""


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers as a table: the first column says what a row is about."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """One question with its answer. Without chart and numbers, the finding says what is missing."""

    id: str
    title: str
    finding: str
    chart: Chart | None = None
    drawn: str = ""
    """What the chart shows, for those who do not see it."""
    numbers: Numbers | None = None
    notes: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return self.chart is None and self.numbers is None
