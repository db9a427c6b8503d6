"""What charts are drawn on: figures that count points from the upper left corner, and the text on them."""

import unicodedata
from typing import assert_never

from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from automation_pipelines.reports import numerals
from automation_pipelines.reports.charts import Unit
from automation_pipelines.reports.inks import ink

WIDTH = 480
TEXT, SMALL = 14.0, 13.0


def clean(text: str, longest: int = 54) -> str:
    """One line without what cannot be seen; cut where it is long."""
    seen = "".join(" " if unicodedata.category(one)[0] == "Z" else one for one in text)
    seen = "".join(one if one.isprintable() else " " for one in seen)
    line = " ".join(seen.split())
    return line if len(line) <= longest else f"{line[: longest - 1].rstrip()}…"


def canvas(height: float) -> tuple[Figure, Axes]:
    """A figure whose axes count points from the upper left corner."""
    figure = Figure(figsize=(WIDTH / 72, height / 72), dpi=72)
    FigureCanvasSVG(figure)
    axes = axes_at(figure, 0, 0, WIDTH, height)
    axes.set_xlim(0, WIDTH)
    axes.set_ylim(height, 0)
    axes.axis("off")
    return figure, axes


def axes_at(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes in a part of the figure, without a frame."""
    whole = figure.get_size_inches()[1] * 72
    axes = figure.add_axes((left / WIDTH, 1 - (top + height) / whole, width / WIDTH, height / whole))
    axes.patch.set_visible(False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0, labelsize=SMALL, labelcolor=ink("quiet"), pad=5)
    axes.tick_params(axis="x", pad=8)
    return axes


def write(axes: Axes, x: float, y: float, text: str, *, weight: str = "normal", size: float = TEXT) -> None:
    """Write from a point to the right."""
    axes.text(x, y, text, ha="left", va="center", size=size, weight=weight, color=ink("ink"))


def told(value: float, unit: Unit) -> str:
    """What an axis says at a line."""
    match unit:
        case Unit.COUNT:
            return numerals.count(value)
        case Unit.SHARE:
            return f"{value * 100:.3g}\N{NO-BREAK SPACE}%"
        case Unit.POINTS:
            return f"{value * 100:+.3g}".replace("-", "\N{MINUS SIGN}") if round(value, 6) else "0"
        case _:
            assert_never(unit)
