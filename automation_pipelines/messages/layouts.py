"""Merges a template with its layouts, as text, before anything is compiled. Nothing is rendered here.

Inheritance is resolved beforehand so that the styles of a layout reach the elements of its children,
and so that a short message can take the content of a mail and leave the layout. A layout may exist in
several languages: `base.fr.html` is what `base.html` is for a French part.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from automation_pipelines.errors import MessageError
from automation_pipelines.messages.locales import shortened

_EXTENDS = re.compile(r"""\{%-?\s*extends\s+["']([^"']+)["']\s*-?%\}[ \t]*\n?""")
_INCLUDE = re.compile(r"""\{%-?\s*include\s+["']([^"']+)["']\s*-?%\}[ \t]*\n?""")
_BLOCK = re.compile(r"\{%(?P<open>-?)\s*(?:block\s+(?P<name>\w+)[\w\s]*?|endblock[\w\s]*?)(?P<close>-?)%\}")
_SUPER = re.compile(r"\bsuper\s*\(")
_NOTE = re.compile(r"\{#.*?#\}", re.DOTALL)


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


@dataclass(frozen=True, slots=True)
class Layouts:
    """The layouts a template may use, for a part in the language `tag`."""

    texts: Mapping[str, str]
    tag: str = ""

    def find(self, name: str) -> str:
        """Return the layout of that name, in the part's language if there is one."""
        lowered = {written.lower(): text for written, text in self.texts.items()}
        stem, _, ending = name.lower().rpartition(".")
        for tag in shortened(self.tag):
            if f"{stem}.{tag}.{ending}" in lowered:
                return lowered[f"{stem}.{tag}.{ending}"]
        if name not in self.texts:
            msg = f"there is no layout '{name}', allowed: {', '.join(sorted(self.texts)) or 'none'}"
            raise MessageError(msg)
        return self.texts[name]


def _include(source: str, layouts: Layouts, depth: int = 0) -> str:
    if depth > len(layouts.texts):
        msg = "layouts include each other in a circle"
        raise MessageError(msg)
    return _INCLUDE.sub(lambda found: _include(layouts.find(found[1]), layouts, depth + 1), source)


def _refuse_outside(source: str) -> None:
    """In a child nothing outside its blocks is ever printed; say so instead of dropping it."""
    rest = _NOTE.sub("", _EXTENDS.sub("", source))
    for block in reversed(list(_blocks(rest))):
        rest = rest[: block.start] + rest[block.end :]
    if rest.strip():
        msg = f"text outside the blocks is never shown: move '{rest.strip()[:40]}' into a block of the layout"
        raise MessageError(msg)


def merge_layouts(source: str, layouts: Layouts, only: str | None = None) -> str:
    """Resolve `extends`, `include` and blocks; `MessageError` for what cannot be resolved as text.

    With `only`, what a layout puts around that block is left out.
    """
    overrides: dict[str, str] = {}
    for depth in range(len(layouts.texts) + 1):
        source = _include(source, layouts)
        if _SUPER.search(source):
            msg = "super() is not supported: repeat the layout's text in the block"
            raise MessageError(msg)
        parent = _EXTENDS.search(source)
        if parent is None:
            return _fill(_within(source, only) if only and depth else source, overrides)
        _refuse_outside(source)
        for block in _every_block(source):
            overrides.setdefault(block.name, block.inner)
        source = layouts.find(parent[1])
    msg = "layouts extend each other in a circle"
    raise MessageError(msg)


def _within(source: str, name: str) -> str:
    """Return the block `name` of a layout alone; all of a layout that has none of that name."""
    block = next((block for block in _every_block(source) if block.name == name), None)
    return source if block is None else f"{{% block {name} %}}{block.inner}{{% endblock %}}"
