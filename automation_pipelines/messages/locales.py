"""Which language a part is taken in, and how that language writes. Knows no template.

A tag is looked for whole, then shortened (RFC 4647): the recipient's, then the tenant's, then what the
files without a tag are written in. What a CRM has for a tag may be anything: what is no tag is none.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import lru_cache

from babel import Locale
from babel.core import UnknownLocaleError

from automation_pipelines.messages.source import DEFAULT_LOCALE


@dataclass(frozen=True, slots=True)
class Languages:
    """Whom a message is for: the recipient's tag, the tenant's, and that of files without one."""

    recipient: object
    tenant: object
    written: str

    def wanted(self) -> Iterator[str]:
        """Name the tags to look for, in order, in lower case."""
        for tag in (self.recipient, self.tenant):
            yield from shortened(tag)

    def choose(self, available: Collection[str]) -> str:
        """Return the best of the available tags; the empty one is that of files without a tag."""
        tags = {tag.replace("_", "-").lower(): tag for tag in available if tag}
        own = shortened(self.written) if "" in available else ()
        for tag in self.wanted():
            if tag in tags:
                return tags[tag]
            if tag in own:
                return ""
        return "" if "" in available else next(iter(available))

    def style(self, chosen: str) -> str:
        """Return how dates and money are written in the chosen language: as the reader is used to."""
        tag = chosen or self.written
        language = shortened(tag)[-1:]
        near = (str(other) for other in (self.recipient, self.tenant) if shortened(other)[-1:] == language)
        return next((other for other in near if _parsed(other)), tag)


@lru_cache(maxsize=4096)
def _split(tag: str) -> tuple[str, ...]:
    words = tag.strip().replace("_", "-").lower().split("-")
    if not words[0].isalpha():
        return ()
    return tuple("-".join(words[:length]) for length in range(len(words), 0, -1))


def shortened(tag: object) -> tuple[str, ...]:
    """`zh-Hant-TW` → `zh-hant-tw`, `zh-hant`, `zh`; nothing for what is no tag."""
    return _split(tag) if isinstance(tag, str) else ()


@lru_cache(maxsize=4096)
def _parsed(tag: str) -> Locale | None:
    try:
        return Locale.parse(tag.strip().replace("_", "-"), sep="-")
    except (ValueError, UnknownLocaleError):
        return None


def locale_of(tag: str) -> Locale:
    """Return what the locale data says about a tag, a shorter one, or British English."""
    for known in (tag, *shortened(tag), DEFAULT_LOCALE):
        locale = _parsed(known)
        if locale is not None:
            return locale
    raise AssertionError(tag)
