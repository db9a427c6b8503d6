"""From a template and a job's variables to subject, HTML and text.

Jinja in a sandbox: an unknown variable is an error, a null prints as nothing, HTML is escaped and
text is not. A template is prepared and compiled once and then only filled in. Addresses, headers
and bytes are `mime`'s.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from automation_pipelines.errors import MessageError
from automation_pipelines.messages.filters import FILTERS
from automation_pipelines.messages.layouts import inline_styles, merge_layouts

NAMESPACES = frozenset({"recipient", "tenant", "campaign"})
"""Their attributes are checked one by one; every other name is a column of the audience."""


@dataclass(frozen=True, slots=True)
class TemplateSource:
    """The parts of one template as written; `layouts` holds the files they extend, by name."""

    subject: str
    html: str
    text: str
    layouts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Content:
    """What one person will read."""

    subject: str
    html: str
    text: str


def _empty_for_null(value: object) -> object:
    return "" if value is None else value


def _environment(*, escape: bool) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        finalize=_empty_for_null,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(FILTERS)
    return environment


_HTML = _environment(escape=True)
_TEXT = _environment(escape=False)


@dataclass(frozen=True, slots=True)
class _Part:
    """One part, merged with its layouts, beside what compiles it."""

    name: str
    merged: str
    environment: ImmutableSandboxedEnvironment

    def parse(self) -> nodes.Template:
        return self.environment.parse(self.merged)

    def compile(self) -> jinja2.Template:
        return self.environment.from_string(self.merged)


def _check(name: str, source: str) -> None:
    """Find mistakes in a file as written: after merging, lines would be counted differently."""
    try:
        # Compiled, because parsing alone does not ask whether a filter exists.
        _TEXT.compile(source)
    except jinja2.TemplateSyntaxError as error:
        msg = f"{name}, line {error.lineno}: {error.message}"
        raise MessageError(msg) from error


def _merge(name: str, source: str, layouts: Mapping[str, str]) -> str:
    _check(name, source)
    try:
        return merge_layouts(source, layouts)
    except MessageError as error:
        msg = f"{name}: {error}"
        raise MessageError(msg) from error


def _parts(source: TemplateSource) -> tuple[_Part, _Part, _Part]:
    for name, layout in source.layouts.items():
        _check(name, layout)
    return (
        _Part("subject", _merge("subject", source.subject, {}), _TEXT),
        _Part("html", inline_styles(_merge("html", source.html, source.layouts)), _HTML),
        _Part("text", _merge("text", source.text, source.layouts), _TEXT),
    )


def _names(tree: nodes.Template) -> set[str]:
    names = meta.find_undeclared_variables(tree)
    dotted = {
        f"{node.node.name}.{node.attr}"
        for node in tree.find_all(nodes.Getattr)
        if isinstance(node.node, nodes.Name) and node.node.name in NAMESPACES & names
    }
    return (names - NAMESPACES) | dotted


def undeclared(source: TemplateSource) -> set[str]:
    """List the variables a template needs, layouts included: `amount`, `recipient.name`, `tenant.website`."""
    return set[str]().union(*(_names(part.parse()) for part in _parts(source)))


class MessageTemplate:
    """A template compiled once; safe to use from several threads."""

    def __init__(self, source: TemplateSource) -> None:
        """Prepare and compile; `MessageError` says which part is wrong, and where."""
        self._subject, self._html, self._text = ((part.name, part.compile()) for part in _parts(source))

    def render(self, variables: Mapping[str, Any]) -> Content:
        """Fill in one job's variables; `MessageError` names the part and what it lacks."""
        return Content(
            subject=_fill(self._subject, variables),
            html=_fill(self._html, variables),
            text=_fill(self._text, variables),
        )


def _fill(part: tuple[str, jinja2.Template], variables: Mapping[str, Any]) -> str:
    name, template = part
    try:
        return template.render(variables)
    except Exception as error:  # a template can raise anything, and must take down only its own job
        msg = f"{name}: {type(error).__name__}: {error}"
        raise MessageError(msg) from error
