"""A template compiled once, then only filled in: for each recipient in the best language there is.

Each part is chosen on its own: where French has a subject only, the body is what the template has
without a tag. Addresses, headers and bytes are `mime`'s.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

from automation_pipelines.errors import MessageError
from automation_pipelines.messages import environment as jinja
from automation_pipelines.messages.approved import approved_text
from automation_pipelines.messages.layouts import Layouts, merge_layouts
from automation_pipelines.messages.links import TRACKER, Tracker, parameters_of, traced_text, ways_out
from automation_pipelines.messages.locales import Languages, locale_of
from automation_pipelines.messages.markup import finished
from automation_pipelines.messages.plain import plain_text, settled
from automation_pipelines.messages.source import FILES, NOTES, Content, NoteContent, TemplateSource

_BODY = "content"
"""The block of a layout that a short message takes of a mail."""
_ENVIRONMENTS = {"html": jinja.HTML, "approved": jinja.JSON}
_WITHOUT_LAYOUT = ("subject", "approved")


@dataclass(frozen=True, slots=True)
class _Part:
    """One part in one language, merged with its layouts."""

    name: str
    tag: str
    merged: str
    derived: bool = False

    @property
    def label(self) -> str:
        return f"{self.name}.{self.tag}" if self.tag else self.name

    @property
    def environment(self) -> ImmutableSandboxedEnvironment:
        return _ENVIRONMENTS.get(self.name, jinja.TEXT)

    @property
    def names(self) -> jinja.Names:
        return jinja.names_in(self.environment, self.merged)


def _merge(label: str, source: str, layouts: Layouts, only: str | None = None) -> str:
    jinja.check(label, source)
    try:
        return merge_layouts(source, layouts, only)
    except MessageError as error:
        msg = f"{label}: {error}"
        raise MessageError(msg) from error


def _prepared(source: TemplateSource) -> Iterator[_Part]:
    """Yield every part as it is compiled; bodies once more without layout, for the short channels."""
    for name, layout in source.layouts.items():
        jinja.check(name, layout)
    written = source.parts()
    for (name, tag), text in written.items():
        label = f"{name}.{tag}" if tag else name
        layouts = Layouts({} if name in _WITHOUT_LAYOUT else source.layouts, tag or source.locale)
        merged = _merge(label, text, layouts)
        yield _Part(name, tag, _html(label, merged) if name == "html" else merged)
        if name == "text":
            yield _Part("note", tag, _merge(label, text, layouts, _BODY))
        if name == "html" and ("text", tag) not in written:
            yield _Part("text", tag, plain_text(merged), derived=True)
            yield _Part("note", tag, plain_text(_merge(label, text, layouts, _BODY)), derived=True)


def _html(label: str, merged: str) -> str:
    try:
        return finished(merged)
    except MessageError as error:
        msg = f"{label}: {error}"
        raise MessageError(msg) from error


def undeclared(source: TemplateSource) -> dict[str, set[str]]:
    """List the variables each part needs, layouts included: `amount`, `recipient.name`, `tenant.website`."""
    return _needed(_prepared(source))


def _needed(parts: Iterable[_Part]) -> dict[str, set[str]]:
    # What is derived of another part needs what that one needs.
    own = (part for part in parts if part.name != "note" and not part.derived)
    return {part.label: set(part.names.needed) for part in own}


@dataclass(frozen=True, slots=True)
class _Chosen:
    """A part compiled, in the language chosen for one reader, and what it is told about that language."""

    label: str
    template: jinja2.Template
    derived: bool
    language: Mapping[str, str]

    def fill(self, variables: Mapping[str, Any], tracker: Tracker | None = None) -> str:
        message = variables.get("message")
        told = {**message, **self.language} if message else self.language
        told = told if tracker is None else {**told, TRACKER: tracker}
        text = jinja.fill(self.label, self.template, variables, told)
        return settled(text) if self.derived else text


class MessageTemplate:
    """A template compiled once; safe to use from several threads."""

    def __init__(self, source: TemplateSource, undefined: type[jinja2.Undefined] | None = None) -> None:
        """Prepare and compile; `MessageError` says which part is wrong, and where."""
        parts = list(_prepared(source))
        self._parts = parts
        self._written = source.locale
        self._compiled = {
            (part.name, part.tag): (part, jinja.compile_in(part.environment, part.merged, undefined))
            for part in parts
        }
        self._names = {key: ours for part in parts for key, ours in part.names.pasted.items()}
        self._choose = lru_cache(maxsize=256)(self._chosen)

    @property
    def needed(self) -> dict[str, set[str]]:
        """The variables each part cannot do without, as `undeclared` lists them."""
        return _needed(self._parts)

    def render(
        self, variables: Mapping[str, Any], subject: str | None = None, tracker: Tracker | None = None
    ) -> Content:
        """Fill in one job's variables; `MessageError` names the part and what it lacks.

        `subject` is written instead of the template's own, as a template like that. With a tracker, the
        links of the HTML lead over our own pages; those of the text never do.
        """
        variables = jinja.named(variables, self._names)
        parts = self._for(variables)
        text = _need(parts, "text").fill(variables)
        return Content(
            subject=self._title(parts, variables, subject),
            html=_need(parts, "html").fill(variables, tracker),
            text=_traced(text, variables),
        )

    def render_note(
        self, channel: str, variables: Mapping[str, Any], subject: str | None = None
    ) -> NoteContent:
        """Fill in the text of a short channel: its own part, or else what the mail says, without layout.

        The title is the subject; the first line of `push.txt` is one, too. A channel that has an approved
        text says that, and what the mail says only where it has a part of its own.
        """
        variables = jinja.named(variables, self._names)
        parts = self._for(variables)
        part = parts.get(channel) if channel in NOTES else None
        approved = None
        if channel == "whatsapp" and "approved" in parts:
            approved = approved_text(parts["approved"].fill(variables))
            if part is None:
                return NoteContent("", "", approved)
        part = part or _need(parts, "note", f"{channel}.txt nor a body")
        text = _traced(part.fill(variables).strip(), variables)
        if channel == "push" and channel in parts and "\n" in text:
            first, _, text = text.partition("\n")
            title = first if subject is None else self._title(parts, variables, subject)
            return NoteContent(_one_line(title), text.strip())
        known = subject is not None or "subject" in parts
        title = _one_line(self._title(parts, variables, subject)) if known else ""
        return NoteContent(title, text, approved)

    def _title(self, parts: Mapping[str, _Chosen], variables: Mapping[str, Any], subject: str | None) -> str:
        if subject is None:
            return _need(parts, "subject").fill(variables)
        return jinja.render_text(subject, variables, "subject")

    def _for(self, variables: Mapping[str, Any]) -> Mapping[str, _Chosen]:
        recipient, tenant = variables.get("recipient"), variables.get("tenant")
        return self._choose(_tag(recipient), _tag(tenant))

    def _chosen(self, recipient: str | None, tenant: str | None) -> dict[str, _Chosen]:
        languages = Languages(recipient, tenant, self._written)
        chosen = {}
        for name in {name for name, _ in self._compiled}:
            tags = [tag for part, tag in self._compiled if part == name]
            part, template = self._compiled[name, languages.choose(tags)]
            style = languages.style(part.tag)
            chosen[name] = _Chosen(part.label, template, part.derived, _language(style))
        return chosen


@lru_cache(maxsize=128)
def compiled(source: TemplateSource) -> MessageTemplate:
    """The template of a source, which a process compiles once however many rounds of delivery it has."""
    return MessageTemplate(source)


def _traced(text: str, variables: Mapping[str, Any]) -> str:
    return traced_text(text, parameters_of(variables.get("message")), ways_out(variables))


def _one_line(title: str) -> str:
    return " ".join(title.split())


def _tag(whom: object) -> str | None:
    tag = whom.get("locale") if isinstance(whom, Mapping) else None
    return tag if isinstance(tag, str) else None


@lru_cache(maxsize=1024)
def _language(tag: str) -> Mapping[str, str]:
    locale = locale_of(tag)
    return {"locale": str(locale).replace("_", "-"), "direction": locale.text_direction}


def _need(parts: Mapping[str, _Chosen], name: str, missing: str | None = None) -> _Chosen:
    if name not in parts:
        msg = f"the template has no {missing or FILES[name]}"
        raise MessageError(msg)
    return parts[name]
