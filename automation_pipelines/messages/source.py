"""What a template is as written, and what one person gets of it. Nothing is read or rendered here."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from automation_pipelines.model import ContentTemplate

NOTES = ("sms", "whatsapp", "push", "wallet", "phone", "in_app", "chat", "interaction")
"""Channels that carry a short text; each may have a part of its own, `sms.txt` and so on."""
FILES: Mapping[str, str] = {
    "subject": "subject.txt",
    "html": "body.html",
    "text": "body.txt",
    **{channel: f"{channel}.txt" for channel in NOTES},
    "approved": "whatsapp.json",
}
"""The parts of a template and their files; `body.fr.html` is `body.html` in French."""
DEFAULT_LOCALE = "en-GB"


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """The parts of one template as written; `layouts` holds the files they extend, by name.

    `notes` has the parts of the short channels and `approved`, `locales` the parts in other languages by
    BCP 47 tag and part. `locale` is the language of what has no tag.
    """

    subject: str | None = None
    html: str | None = None
    text: str | None = None
    layouts: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    locales: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    locale: str = DEFAULT_LOCALE

    def __hash__(self) -> int:
        """Templates that are written alike are one: they are compiled once."""
        layouts = frozenset(self.layouts.items())
        return hash((frozenset(self.parts().items()), layouts, self.locale))

    def parts(self) -> dict[tuple[str, str], str]:
        """Return every part by name and tag; the tag of what has none is empty."""
        written = {"subject": self.subject, "html": self.html, "text": self.text, **self.notes}
        plain = {(part, ""): text for part, text in written.items() if text is not None}
        return plain | {
            (part, tag): text for tag, parts in self.locales.items() for part, text in parts.items()
        }


@dataclass(frozen=True, slots=True)
class Content:
    """What one person will read as a mail."""

    subject: str
    html: str
    text: str


@dataclass(frozen=True, slots=True)
class NoteContent:
    """What one person will read on a short channel; `title` is empty where there is none.

    `approved` says it where only an approved text may be sent; `text` is empty where that is all there is.
    """

    title: str
    text: str
    approved: ContentTemplate | None = None


def file_of(part: str, tag: str) -> str:
    """Return the file name of a part: `body.html`, `body.fr.html`."""
    stem, _, ending = FILES[part].rpartition(".")
    return f"{stem}.{tag}.{ending}" if tag else FILES[part]
