"""Where templates are compiled and run: Jinja in a sandbox, an unknown variable is an error.

HTML is escaped and text is not; a null prints as nothing. Knows no parts and no layouts.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Any

import jinja2
from jinja2 import meta, nodes
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from automation_pipelines.errors import MessageError
from automation_pipelines.messages.filters import FILTERS
from automation_pipelines.messages.links import pixel, traced

NAMESPACES = frozenset(
    {"recipient", "tenant", "setting", "campaign", "message", "owner", "custom"}
    | {"account", "contact", "engagement", "goals"}
)
"""Their attributes are checked one by one; every other name is a variable of its own."""
_CAMEL = re.compile(r"[a-z]+(?:[A-Z][a-z0-9]*)+")
_HUMP = re.compile(r"(?=[A-Z])")


def _empty_for_null(value: object) -> object:
    return "" if value is None else value


def _within_json(value: object) -> str:
    return json.dumps(str(_empty_for_null(value)), ensure_ascii=False)[1:-1]


def _environment(
    *, escape: bool, finalize: Callable[[object], object] = _empty_for_null
) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        autoescape=escape,
        undefined=jinja2.StrictUndefined,
        finalize=finalize,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update({**FILTERS, "d": FILTERS["default"], "traced": traced, "pixel": pixel})
    return environment


HTML = _environment(escape=True)
TEXT = _environment(escape=False)
JSON = _environment(escape=False, finalize=_within_json)
"""For the texts of a JSON document."""


@lru_cache(maxsize=1024)  # many templates share their layouts
def check(name: str, source: str) -> None:
    """Find mistakes in a file as written: after merging, lines would be counted differently."""
    try:
        # Compiled, because parsing alone does not ask whether a filter exists.
        TEXT.compile(source)
    except jinja2.TemplateSyntaxError as error:
        msg = f"{name}, line {error.lineno}: {error.message}"
        raise MessageError(msg) from error


@lru_cache(maxsize=512)
def _code(sandbox: ImmutableSandboxedEnvironment, source: str) -> CodeType:
    """A text as Python: most of a template's time, and the same whatever becomes of what is missing."""
    return sandbox.compile(source)


def compile_in(
    sandbox: ImmutableSandboxedEnvironment, source: str, undefined: type[jinja2.Undefined] | None = None
) -> jinja2.Template:
    """Compile; with `undefined`, a missing variable is that instead of an error."""
    code = _code(sandbox, source)
    if undefined is not None:
        sandbox = sandbox.overlay(undefined=undefined)
        sandbox.filters = {name: _passing(name, one) for name, one in sandbox.filters.items()}
    template = jinja2.Template.from_code(sandbox, code, sandbox.make_globals(None))
    # Jinja chains two mappings, and copies them for each message: a third of the time of a short part.
    template.globals = dict(template.globals)
    return template


def _passing(name: str, applied: Callable[..., Any]) -> Callable[..., Any]:
    """Let what is missing through our own filters, which could make nothing of it."""
    if name not in FILTERS or name == "default":
        return applied

    @jinja2.pass_context
    def passing(context: Context, value: object, *args: object, **options: object) -> object:
        return (
            str(value) if isinstance(value, jinja2.Undefined) else applied(context, value, *args, **options)
        )

    return passing


def snake(name: str) -> str:
    """`customerName`, as other tools write it, is `customer_name` here; other names are left alone."""
    return _HUMP.sub("_", name).lower() if _CAMEL.fullmatch(name) else name


@dataclass(frozen=True, slots=True)
class Names:
    """The variables a text cannot do without, and those in it that are written as other tools do."""

    needed: frozenset[str]
    pasted: Mapping[str, str]


@lru_cache(maxsize=512)
def names_in(sandbox: ImmutableSandboxedEnvironment, source: str) -> Names:
    """Find the variables of a text."""
    tree = sandbox.parse(source)
    free = meta.find_undeclared_variables(tree)
    pasted = {name: snake(name) for name in sorted(free) if snake(name) != name}
    return Names(frozenset(_needed(tree, free)), pasted)


def _needed(tree: nodes.Template, free: set[str]) -> set[str]:
    """List the variables a template cannot do without: `amount`, `recipient.name`.

    A variable that is only ever read through the filter `default` is none of them.
    """
    optional = {id(node) for one in tree.find_all(nodes.Filter) for node in _defaulted(one)}
    names = {node.name for node in tree.find_all(nodes.Name) if id(node) not in optional} & free
    dotted = {
        f"{space}.{name}"
        for node, space, name in _attributes(tree)
        if space in NAMESPACES & free and id(node) not in optional
    }
    return {snake(name) for name in names - NAMESPACES} | dotted


def _defaulted(applied: nodes.Filter) -> Iterator[nodes.Node]:
    if applied.name in ("default", "d") and applied.node is not None:
        yield applied.node


def _attributes(tree: nodes.Template) -> Iterator[tuple[nodes.Node, str, str]]:
    for attribute in tree.find_all(nodes.Getattr):
        if isinstance(attribute.node, nodes.Name):
            yield attribute, attribute.node.name, attribute.attr
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.node, nodes.Name) and isinstance(item.arg, nodes.Const):
            yield item, item.node.name, str(item.arg.value)


def fill(name: str, template: jinja2.Template, variables: Mapping[str, Any], message: object) -> str:
    """Render one part; `MessageError` names it and what it lacks."""
    try:
        return template.render(variables, message=message)
    except Exception as error:  # a template can raise anything, and must take down only its own job
        msg = f"{name}: {type(error).__name__}: {error}"
        raise MessageError(msg) from error


@dataclass(frozen=True, slots=True)
class Line:
    """A text compiled, and the names in it that are written as other tools do."""

    template: jinja2.Template
    names: Mapping[str, str]
    needed: frozenset[str]


@lru_cache(maxsize=512)
def _compiled(source: str, name: str) -> Line:
    check(name, source)
    names = names_in(TEXT, source)
    return Line(compile_in(TEXT, source), names.pasted, names.needed)


def text_needs(source: str, name: str = "text") -> frozenset[str]:
    """List the variables such a text cannot do without; `MessageError` for a mistake in it."""
    return _compiled(source, name).needed


def render_text(source: str, variables: Mapping[str, Any], name: str = "text") -> str:
    """Fill in a text that a campaign file holds; `MessageError` for a mistake or an unknown variable."""
    line = _compiled(source, name)
    return fill(name, line.template, named(variables, line.names), variables.get("message"))


def named(variables: Mapping[str, Any], names: Mapping[str, str]) -> Mapping[str, Any]:
    """Add the variables under the names other tools give them, where a template uses those."""
    if not names:
        return variables
    return {**{name: variables[ours] for name, ours in names.items() if ours in variables}, **variables}
