"""The vocabulary in which measures are written. No entries."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum


class Unit(StrEnum):
    """What a measure is counted in."""

    SHARE = "share"
    """Of one: 0.25 is 25 %."""
    RATIO = "ratio"
    """So many for each."""
    MONEY = "money"
    """Minor units of the row's currency."""


class Better(StrEnum):
    """Which way is up."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


@dataclass(frozen=True, slots=True)
class Measure:
    """`numerator` over `denominator`, each the sum of columns; nothing where the denominator is 0."""

    name: str
    title: str
    doc: str
    statistic: str = field(kw_only=True)
    numerator: tuple[str, ...] = field(kw_only=True)
    denominator: tuple[str, ...] = field(kw_only=True)
    better: Better = field(kw_only=True)
    unit: Unit = Unit.SHARE
    caveat: str | None = None
    """What a reader could take it for and it is not."""

    @property
    def formula(self) -> str:
        """How it is computed, in words of the statistic's columns."""
        return f"sum({' + '.join(self.numerator)}) / sum({' + '.join(self.denominator)})"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns it is made of."""
        return (*self.numerator, *self.denominator)


def described(measure: Measure) -> str:
    """What a measure says, how it is computed, and what it does not say."""
    return " ".join(
        part for part in (measure.doc, f"`{measure.formula}`; null: by nothing.", measure.caveat) if part
    )


def summed(measures: Sequence[Measure]) -> tuple[str, ...]:
    """The columns these measures are made of, each once."""
    return tuple(dict.fromkeys(name for each in measures for name in each.columns))
