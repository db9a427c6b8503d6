"""What a chart shows, as values; how it is drawn is `drawing`'s."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class Tone(StrEnum):
    """What a mark says by its colour, which nothing says by colour alone."""

    MAIN = "main"
    SOFT = "soft"
    ALERT = "alert"


class Unit(StrEnum):
    """What an axis counts."""

    COUNT = "count"
    SHARE = "share"
    POINTS = "points"


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar, with what is written at its end."""

    label: str
    value: float
    told: str
    tone: Tone = Tone.MAIN


@dataclass(frozen=True, slots=True)
class Group:
    """Bars of one thing; an empty title is not drawn."""

    title: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    """Lying bars, groups below each other, all on one scale."""

    groups: tuple[Group, ...]
    above: bool = False
    """Labels stand above the bars, where they are long."""


@dataclass(frozen=True, slots=True)
class Series:
    """A value for each day; null: there is none."""

    name: str
    values: tuple[float | None, ...]
    tone: Tone = Tone.MAIN


@dataclass(frozen=True, slots=True)
class Timeline:
    """Days: upright bars, stacked if there are several series, and below them a rate of the same days."""

    days: tuple[date, ...]
    bars: tuple[Series, ...]
    rate: Series | None = None


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the interval it lies in."""

    label: str
    told: str
    value: float
    low: float
    high: float
    tone: Tone = Tone.MAIN


@dataclass(frozen=True, slots=True)
class Mark:
    """A line to compare with."""

    at: float
    label: str
    tone: Tone = Tone.SOFT


@dataclass(frozen=True, slots=True)
class Forest:
    """Estimates below each other, on one scale."""

    rows: tuple[Estimate, ...]
    unit: Unit
    marks: tuple[Mark, ...] = ()
    until: float | None = None
    """Where the scale ends, whatever lies beyond."""


@dataclass(frozen=True, slots=True)
class Heat:
    """A grid whose cells are the darker, the higher their value; null cells are left empty."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float | None, ...], ...]
    scale: tuple[str, str]
    """What the lightest and the darkest colour stand for."""
    written: bool = False
    """Each cell says its value, in per cent."""


Chart = Bars | Timeline | Forest | Heat
