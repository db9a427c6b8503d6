"""Prepares template sources once, as text: merges layouts, inlines styles. Nothing is rendered here.

Inheritance is resolved before compilation so that the styles of a layout reach the elements of its
children. Jinja's own expressions travel through the HTML parser as placeholders that it leaves alone:
comments between elements (legal even inside a table), plain words inside tags, comments and styles.
"""

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import css_inline

from automation_pipelines.errors import MessageError

_EXTENDS = re.compile(r"""\{%-?\s*extends\s+["']([^"']+)["']\s*-?%\}[ \t]*\n?""")
_INCLUDE = re.compile(r"""\{%-?\s*include\s+["']([^"']+)["']\s*-?%\}[ \t]*\n?""")
_BLOCK = re.compile(r"\{%(?P<open>-?)\s*(?:block\s+(?P<name>\w+)[\w\s]*?|endblock[\w\s]*?)(?P<close>-?)%\}")
_SUPER = re.compile(r"\bsuper\s*\(")
_NOTE = re.compile(r"\{#.*?#\}", re.DOTALL)

_JINJA = r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}"
_EXPRESSION = re.compile(_JINJA, re.DOTALL)
# Where a comment would be text or nonsense: comments, raw text elements, tags.
_OPAQUE = rf"<!--.*?-->|<(?P<raw>style|title)\b.*?</(?P=raw)\s*>|<[a-zA-Z/!](?:{_JINJA}|[^>])*>"
_PIECE = re.compile(rf"(?P<opaque>{_OPAQUE})|(?P<between>{_JINJA})", re.DOTALL)
_RAW = re.compile(r"<(?:style|title)\b")
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
# Longest form first: a bare word in a tag comes back as an attribute with an empty value.
_PLACEHOLDER = re.compile(r'<!--jinja(\d+)x-->|jinja(\d+)x=""|jinja(\d+)x')

_INLINER = css_inline.CSSInliner(
    keep_style_tags=True,  # media queries and dark mode cannot be inlined
    remove_inlined_selectors=True,
    load_remote_stylesheets=False,
)


class _Block(NamedTuple):
    name: str
    start: int
    end: int
    inner: str
    head: str
    tail: str


def _blocks(source: str) -> Iterator[_Block]:
    """Find the outermost blocks of a source, in order."""
    opened: list[re.Match[str]] = []
    for tag in _BLOCK.finditer(source):
        if tag["name"]:
            opened.append(tag)
        elif opened:
            first = opened.pop()
            if not opened:
                head, tail = _neutral(first, "if true"), _neutral(tag, "endif")
                inner = source[first.end() : tag.start()]
                yield _Block(first["name"], first.start(), tag.end(), inner, head, tail)


def _neutral(tag: re.Match[str], statement: str) -> str:
    """Write a tag without effect that trims white space like the block tag it replaces."""
    return f"{{%{tag['open']} {statement} {tag['close']}%}}"


def _every_block(source: str) -> Iterator[_Block]:
    for block in _blocks(source):
        yield block
        yield from _every_block(block.inner)


def _fill(source: str, overrides: Mapping[str, str]) -> str:
    """Replace the blocks of `source` by their overrides, and all block tags by neutral ones."""
    parts, at = [], 0
    for block in _blocks(source):
        inner = _fill(overrides.get(block.name, block.inner), overrides)
        parts += [source[at : block.start], block.head, inner, block.tail]
        at = block.end
    return "".join([*parts, source[at:]])


def _layout(name: str, layouts: Mapping[str, str]) -> str:
    if name not in layouts:
        msg = f"there is no layout '{name}', allowed: {', '.join(sorted(layouts)) or 'none'}"
        raise MessageError(msg)
    return layouts[name]


def _include(source: str, layouts: Mapping[str, str], depth: int = 0) -> str:
    if depth > len(layouts):
        msg = "layouts include each other in a circle"
        raise MessageError(msg)
    return _INCLUDE.sub(lambda found: _include(_layout(found[1], layouts), layouts, depth + 1), source)


def _refuse_outside(source: str) -> None:
    """In a child nothing outside its blocks is ever printed; say so instead of dropping it."""
    rest = _NOTE.sub("", _EXTENDS.sub("", source))
    for block in reversed(list(_blocks(rest))):
        rest = rest[: block.start] + rest[block.end :]
    if rest.strip():
        msg = f"text outside the blocks is never shown: move '{rest.strip()[:40]}' into a block of the layout"
        raise MessageError(msg)


def merge_layouts(source: str, layouts: Mapping[str, str]) -> str:
    """Resolve `extends`, `include` and blocks; `MessageError` for what cannot be resolved as text."""
    overrides: dict[str, str] = {}
    for _ in range(len(layouts) + 1):
        source = _include(source, layouts)
        if _SUPER.search(source):
            msg = "super() is not supported: repeat the layout's text in the block"
            raise MessageError(msg)
        parent = _EXTENDS.search(source)
        if parent is None:
            return _fill(source, overrides)
        _refuse_outside(source)
        for block in _every_block(source):
            overrides.setdefault(block.name, block.inner)
        source = _layout(parent[1], layouts)
    msg = "layouts extend each other in a circle"
    raise MessageError(msg)


def _refuse_loose(tag: str) -> None:
    """Refuse a statement around attributes: the HTML parser puts them in an order of its own."""
    if tag[1].isalpha() and not _RAW.match(tag) and "{%" in _QUOTED.sub("", tag):
        msg = f"a statement between attributes: move it into an attribute's value in '{tag[:60]}'"
        raise MessageError(msg)


def inline_styles(html: str) -> str:
    """Move the rules of `<style>` onto the elements, as mail clients need it; Jinja stays as it is."""
    kept: list[str] = []

    def word(expression: re.Match[str]) -> str:
        kept.append(expression[0])
        return f"jinja{len(kept) - 1}x"

    def hide(piece: re.Match[str]) -> str:
        if piece["opaque"] is not None:
            _refuse_loose(piece["opaque"])
            return _EXPRESSION.sub(word, piece["opaque"])
        return f"<!--{word(piece)}-->"

    inlined = _INLINER.inline(_PIECE.sub(hide, html))
    return _PLACEHOLDER.sub(lambda found: kept[int(found[1] or found[2] or found[3])], inlined)
