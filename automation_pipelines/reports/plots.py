"""How each kind of chart is laid out, in points. Imported only where one is drawn: Matplotlib is slow."""

from collections.abc import Sequence
from datetime import date

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from automation_pipelines.reports.canvas import SMALL, TEXT, WIDTH, axes_at, canvas, clean, told, write
from automation_pipelines.reports.charts import Bars, Estimate, Forest, Heat, Mark, Series, Timeline, Unit
from automation_pipelines.reports.inks import HEATS, ink, of_tone

_ROW = 26
_LONGEST = 46


def bars(chart: Bars) -> Figure:
    """Lying bars with their labels beside or above them."""
    step = 48 if chart.above else _ROW
    height = sum(len(group.bars) * step + (28 if group.title else 4) for group in chart.groups)
    figure, axes = canvas(height)
    left = 0.0 if chart.above else 138.0
    most = max((bar.value for group in chart.groups for bar in group.bars), default=0) or 1
    room, y = WIDTH - left - 118, 0.0
    for group in chart.groups:
        if group.title:
            write(axes, 0, y + 14, clean(group.title), weight="bold")
        y += 28 if group.title else 4
        for bar in group.bars:
            middle = y + step / 2 + (8 if chart.above else 0)
            write(axes, 0, y + 10 if chart.above else middle, clean(bar.label, _LONGEST))
            length = max(room * bar.value / most, 1.5 if bar.value else 0)
            axes.barh(middle, length, height=15, left=left, color=of_tone(bar.tone), linewidth=0)
            write(axes, left + length + 7, middle, bar.told)
            y += step
    return figure


def timeline(chart: Timeline) -> Figure:
    """Upright bars by day, and a rate below them on the same days."""
    several, rate = len(chart.bars) > 1, chart.rate
    top = 30.0
    height = 176.0 + (138.0 if rate else 0.0)
    figure, back = canvas(height)
    _legend(back, chart.bars, several=several)
    upper = axes_at(figure, 48, top, WIDTH - 56, 118)
    _stack(upper, chart)
    _value_axis(upper, Unit.COUNT)
    _day_axis(upper, chart.days)
    if rate is not None:
        write(back, 0, top + 158, rate.name, weight="bold", size=SMALL)
        lower = axes_at(figure, 48, top + 172, WIDTH - 56, 86)
        _line(lower, rate)
        _value_axis(lower, Unit.SHARE)
        _day_axis(lower, chart.days)
    return figure


def _stack(axes: Axes, chart: Timeline) -> None:
    base = [0.0] * len(chart.days)
    for series in chart.bars:
        values = [value or 0.0 for value in series.values]
        axes.bar(range(len(base)), values, width=0.78, bottom=base, color=of_tone(series.tone), linewidth=0)
        base = [low + value for low, value in zip(base, values, strict=True)]
    axes.set_ylim(0, max([*base, 1]) * 1.08)


def _line(axes: Axes, rate: Series) -> None:
    at = [number for number, value in enumerate(rate.values) if value is not None]
    values = [value for value in rate.values if value is not None]
    axes.plot(at, values, color=of_tone(rate.tone), linewidth=1.8, marker="o", markersize=3.4)
    axes.set_ylim(0, (max(values, default=0) or 0.01) * 1.15)


def _legend(axes: Axes, series: Sequence[Series], *, several: bool) -> None:
    x = 0.0
    for one in series:
        if several:
            axes.barh(10, 12, height=12, left=x, color=of_tone(one.tone), linewidth=0)
            x += 18
        write(axes, x, 10, one.name, weight="bold", size=SMALL)
        x += 8.0 * len(one.name) + 22


def _day_axis(axes: Axes, days: Sequence[date]) -> None:
    axes.set_xlim(-0.6, len(days) - 0.4)
    every = max(1, -(-len(days) // 5))
    at = list(range(0, len(days), every))
    axes.set_xticks(at, [f"{days[number].day} {days[number]:%b}" for number in at])


def _value_axis(axes: Axes, unit: Unit) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=unit is Unit.COUNT))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: told(value, unit)))
    axes.grid(axis="y", color=ink("line"), linewidth=0.7)
    axes.set_axisbelow(True)


def forest(chart: Forest) -> Figure:
    """Intervals with their estimates, and lines to compare with."""
    step, top = 52, 28 if chart.marks else 6
    under = top + step * len(chart.rows)
    figure, back = canvas(under + 32)
    axes = axes_at(figure, 16, top, WIDTH - 40, step * len(chart.rows))
    axes.set_ylim(under - top, 0)
    axes.set_xlim(*_scope(chart))
    ticks = _shares(axes, chart.unit)
    for mark in chart.marks:
        _mark(axes, mark)
    for number, row in enumerate(chart.rows):
        y = step * number
        # As much of the name as the figure beside it leaves room for.
        write(back, 0, top + y + 12, clean(row.label, max(12, min(30, 58 - len(row.told)))), weight="bold")
        back.text(WIDTH, top + y + 12, row.told, ha="right", va="center", size=TEXT, color=ink("ink"))
        # Lines stop short of the words above the interval.
        axes.vlines(ticks, y + 24, y + 44, color=ink("line"), linewidth=0.8)
        for mark in chart.marks:
            axes.vlines(mark.at, y + 22, y + 46, color=of_tone(mark.tone), linewidth=1.6)
        _whisker(axes, row, y + 34)
    return figure


def _scope(chart: Forest) -> tuple[float, float]:
    ends = [end for row in chart.rows for end in (row.low, row.high)] + [mark.at for mark in chart.marks]
    low, high = min(ends), max(ends)
    room = (high - low or 0.01) * 0.06
    if chart.unit is Unit.SHARE:
        # From nothing on, unless that is so far off that the intervals would shrink to points.
        low = 0.0 if low < high / 2 else max(0.0, low - room)
        return low, chart.until if chart.until is not None else min(1.0, high + room)
    return low - room, high + room


def _mark(axes: Axes, mark: Mark) -> None:
    axes.annotate(
        mark.label,
        (mark.at, 1),
        xycoords=("data", "axes fraction"),
        xytext=(0, 8),
        textcoords="offset points",
        ha="center"
        if mark.at > axes.get_xlim()[0] + 0.1 * (axes.get_xlim()[1] - axes.get_xlim()[0])
        else "left",
        size=SMALL,
        color=ink("quiet"),
        annotation_clip=False,
    )


def _whisker(axes: Axes, row: Estimate, y: float) -> None:
    colour = of_tone(row.tone)
    axes.plot([row.low, row.high], [y, y], color=colour, linewidth=3, solid_capstyle="butt")
    axes.plot([row.low, row.low], [y - 5, y + 5], color=colour, linewidth=1.6)
    axes.plot([row.high, row.high], [y - 5, y + 5], color=colour, linewidth=1.6)
    axes.plot([row.value], [y], color=colour, marker="o", markersize=9, linewidth=0, clip_on=False)


def _shares(axes: Axes, unit: Unit) -> list[float]:
    """The axis of values; where its lines are."""
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: told(value, unit)))
    low, high = axes.get_xlim()
    return [float(tick) for tick in axes.get_xticks() if low <= tick <= high]


def heat(chart: Heat) -> Figure:
    """A grid of cells; their scale is told below it."""
    left, top = 90.0, 24.0
    wide, high = (WIDTH - left) / len(chart.columns), 28.0 if chart.written else 24.0
    under = top + high * len(chart.rows)
    figure, axes = canvas(under + 44)
    _columns(axes, chart, left, wide)
    found = [value for row in chart.values for value in row if value is not None]
    low, most = min(found, default=0.0), max(found, default=1.0)
    for number, (label, row) in enumerate(zip(chart.rows, chart.values, strict=True)):
        middle = top + high * (number + 0.5)
        write(axes, 0, middle, clean(label, 16), size=SMALL)
        for place, value in enumerate(row):
            if value is not None:
                level = _level(value, low, most)
                x = left + wide * place
                axes.barh(middle, wide - 1.5, height=high - 1.5, left=x, color=ink(f"heat-{level}"))
                if chart.written:
                    _in_cell(axes, x + wide / 2, middle, value, level)
    _scale(axes, chart, left, under + 28)
    return figure


def _columns(axes: Axes, chart: Heat, left: float, wide: float) -> None:
    every = max(1, -(-32 // int(wide)))
    for place in range(0, len(chart.columns), every):
        text = chart.columns[place]
        axes.text(
            left + wide * (place + 0.5), 12, text, ha="center", va="center", size=SMALL, color=ink("quiet")
        )


def _in_cell(axes: Axes, x: float, y: float, value: float, level: int) -> None:
    text = f"{value * 100:.0f}"
    axes.text(x, y, text, ha="center", va="center", size=SMALL, color=ink(f"on-heat-{level}"))


def _level(value: float, low: float, most: float) -> int:
    return min(HEATS - 1, int((value - low) / (most - low) * HEATS)) if most > low else HEATS - 1


def _scale(axes: Axes, chart: Heat, left: float, y: float) -> None:
    lightest, darkest = chart.scale
    axes.text(left, y, lightest, ha="left", va="center", size=SMALL, color=ink("quiet"))
    start = left + 8.0 * len(lightest) + 8
    for level in range(HEATS):
        axes.barh(y, 20, height=12, left=start + 20 * level, color=ink(f"heat-{level}"), linewidth=0)
    axes.text(start + 20 * HEATS + 8, y, darkest, ha="left", va="center", size=SMALL, color=ink("quiet"))
