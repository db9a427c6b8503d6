"""Which part of [0, 1) each variant of an experiment has, so that a draw by hash names one.

At first the parts are those of GrowthBook: one after the other, as long as their weights. When weights
change, variants that lose give up the ends of their parts to those that gain, and nothing else moves;
variants are told by their ids, so their order in the file means nothing afterwards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from automation_pipelines.campaign import Variant

Declaration = Sequence[Variant]


@dataclass(frozen=True, slots=True)
class Part:
    """A stretch of [0, 1) that belongs to a variant: from `lo` until before `hi`."""

    variant: str
    lo: Fraction
    hi: Fraction

    @property
    def length(self) -> Fraction:
        """How much of all it is."""
        return self.hi - self.lo


def parts(declarations: Iterable[Declaration]) -> tuple[Part, ...]:
    """The parts after these declarations of one campaign's variants, the oldest first."""
    found: tuple[Part, ...] = ()
    shares: dict[str, Fraction] = {}
    for declared in declarations:
        shares = _shares(declared)
        if shares:
            found = _moved(found, shares) if found else _in_order(shares)
    return found if shares else ()


def _shares(declared: Declaration) -> dict[str, Fraction]:
    """How much of all each variant is to have; nothing at all where no weight draws anybody."""
    weights = {variant.id: Fraction(str(variant.weight)) for variant in declared}
    total = sum(weights.values(), Fraction(0))
    return {name: weight / total for name, weight in weights.items()} if total else {}


def _in_order(shares: dict[str, Fraction]) -> tuple[Part, ...]:
    made: list[Part] = []
    for name, share in shares.items():
        lo = made[-1].hi if made else Fraction(0)
        made.append(Part(name, lo, lo + share))
    return tuple(part for part in made if part.length > 0)


def _moved(before: tuple[Part, ...], shares: dict[str, Fraction]) -> tuple[Part, ...]:
    """Take from the ends of those that have too much, and give it to those that have too little."""
    kept: list[Part] = []
    free: list[Part] = []
    held = dict.fromkeys(shares, Fraction(0))
    for part in before:
        keep = min(part.length, shares.get(part.variant, Fraction(0)) - held.get(part.variant, Fraction(0)))
        kept.append(Part(part.variant, part.lo, part.lo + keep))
        free.append(Part("", part.lo + keep, part.hi))
        held[part.variant] = held.get(part.variant, Fraction(0)) + keep
    for name, share in shares.items():
        missing = share - held[name]
        while missing > 0:
            part = free.pop(0)
            taken = min(part.length, missing)
            kept.append(Part(name, part.lo, part.lo + taken))
            free.insert(0, Part("", part.lo + taken, part.hi))
            free = [rest for rest in free if rest.length > 0]
            missing -= taken
    return tuple(sorted((part for part in kept if part.length > 0), key=lambda part: part.lo))
