"""How many text messages a text takes: what an SMS costs is paid per segment. Pure.

Alphabet and lengths are those of 3GPP TS 23.038 and 23.040: 160 characters of seven bits, or 70 units of
UTF-16 as soon as one character is in neither table; of several segments each gives up a few to say which
part it is. No character is split between two.
"""

from dataclasses import dataclass

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_ESCAPED = frozenset("\f^{}\\[~]|€")
_SEVEN_BITS = (160, 153)
_SIXTEEN_BITS = (70, 67)
_BEYOND_ONE_UNIT = "\uffff"


@dataclass(frozen=True, slots=True)
class Length:
    """What a text takes as SMS; `foreign` are the characters that make it expensive."""

    segments: int
    foreign: str


def length_of(text: str) -> Length:
    """Count the segments of a text; the empty text takes one."""
    foreign = "".join(dict.fromkeys(char for char in text if char not in _BASIC and char not in _ESCAPED))
    if foreign:
        sizes = [2 if char > _BEYOND_ONE_UNIT else 1 for char in text]
        return Length(_packed(sizes, *_SIXTEEN_BITS), foreign)
    return Length(_packed([2 if char in _ESCAPED else 1 for char in text], *_SEVEN_BITS), "")


def _packed(sizes: list[int], alone: int, among_others: int) -> int:
    if sum(sizes) <= alone:
        return 1
    segments, room = 0, 0
    for size in sizes:
        if size > room:
            segments, room = segments + 1, among_others
        room -= size
    return segments
