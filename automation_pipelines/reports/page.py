"""The page: figures and sections as one HTML file that needs nothing else, not even a network."""

from dataclasses import dataclass
from datetime import date
from importlib import resources

import jinja2
from markupsafe import Markup, escape

from automation_pipelines.reports.charts import Chart
from automation_pipelines.reports.drawing import Drawing, draw
from automation_pipelines.reports.parts import KeyFigure, Section
from automation_pipelines.reports.period import Period, said


@dataclass(frozen=True, slots=True)
class Page:
    """Everything a report says."""

    kind: str
    whom: str
    part: str
    """Which part of it: a campaign's tenant; empty: all of it."""
    period: Period
    compared: bool
    """Whether there is anything of the period before."""
    last_day: date
    """The last day of it that there are numbers of."""
    figures: tuple[KeyFigure, ...]
    sections: tuple[Section, ...]

    @property
    def empty(self) -> bool:
        """Whether the period has nothing to tell."""
        return not self.figures


def render(page: Page) -> str:
    """Write it as HTML; the same page gives the same bytes."""
    drawn = {
        section.id: _drawn(section.chart, section.id)
        for section in page.sections
        if section.chart is not None
    }
    style = Markup(_read("style.css"))  # noqa: S704 - our own file
    return _templates().get_template("report.html").render(page=page, drawn=drawn, style=style, said=said)


def _drawn(chart: Chart, name: str) -> tuple[Drawing, Markup]:
    drawing = draw(chart, name)
    return drawing, Markup(drawing.content)  # noqa: S704 - Matplotlib escapes what is written in it


def _templates() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("automation_pipelines.reports", "page"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["commands"] = _commands
    return environment


def _commands(text: str) -> Markup:
    """Escaped, and what stands between backticks as code."""
    parts = (escape(part) for part in text.split("`"))
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if n % 2 else part for n, part in enumerate(parts)
    )


def _read(name: str) -> str:
    return (resources.files("automation_pipelines.reports") / "page" / name).read_text(encoding="utf-8")
