"""The words of the pages in the languages of the shipped templates: `words/<tag>.yaml`, one key a text.

English has every key; where another language lacks one, that is a mistake a test finds. Which language
somebody reads is asked of what is known of them, of their browser, of the tenant, in this order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

from automation_pipelines.messages.locales import locale_of, shortened

FALLBACK = "en"
_LONGEST_HEADER = 200


@dataclass(frozen=True, slots=True)
class Words:
    """One language."""

    tag: str
    texts: Mapping[str, str]
    channels: Mapping[str, str]
    topics: Mapping[str, str]

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`."""
        return locale_of(self.tag).text_direction

    def say(self, key: str, **values: str) -> str:
        """A text with its places filled in; what fills them is not escaped here."""
        return self.texts[key].format(**values)

    def channel(self, name: str) -> str:
        """How people call a channel."""
        return self.channels.get(name, _plain(name))

    def topic(self, name: str) -> str:
        """How people call a topic; one of the company's own as its campaigns spell it."""
        return self.topics.get(name, _plain(name))


def _plain(slug: str) -> str:
    text = slug.replace("-", " ").replace("_", " ")
    return text[:1].upper() + text[1:]


@cache
def catalogues() -> Mapping[str, Words]:
    """All languages by tag."""
    files = resources.files("automation_pipelines.api") / "words"
    found: dict[str, Words] = {}
    for file in sorted(files.iterdir(), key=lambda one: one.name):
        if file.name.endswith(".yaml"):
            tag = file.name.removesuffix(".yaml")
            document: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
            found[tag] = Words(tag, document["texts"], document["channels"], document["topics"])
    return found


def words_for(*tags: object) -> Words:
    """The words of the first tag that is a language of ours."""
    for tag in tags:
        for one in shortened(tag):
            if one in catalogues():
                return catalogues()[one]
    return catalogues()[FALLBACK]


def accepted(header: str | None) -> tuple[str, ...]:
    """The languages of an Accept-Language header, the most wanted first."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate((header or "")[:_LONGEST_HEADER].split(",")):
        tag, _, quality = part.partition(";")
        weight = _weight(quality)
        if tag.strip() and weight > 0:
            wanted.append((-weight, place, tag.strip()))
    return tuple(tag for _, _, tag in sorted(wanted))


def _weight(quality: str) -> float:
    name, _, value = quality.strip().partition("=")
    if not name:
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return 0.0
    return weight if name.strip() == "q" and 0 <= weight <= 1 else 0.0
