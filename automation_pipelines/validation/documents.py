"""YAML text → plain data, with the line of everything in it. Knows nothing of campaigns.

Scalars follow YAML 1.2: only `true` and `false` are booleans, so the country NO stays a text, `on` a
key and 09:00 a time of day. Aliases, tags and repeated keys are refused: what is not written is not there.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

Path = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
# Tag, what it looks like, and the characters it can start with.
_RESOLVERS = (
    ("null", r"^(?:~|null|Null|NULL|)$", [*"~nN", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", [*"tTfF"]),
    ("int", r"^[-+]?[0-9]{1,30}$", [*"-+0123456789"]),
    (
        "float",
        r"^[-+]?(?:(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[0-9]+[eE][-+]?[0-9]+)$",
        [*"-+.0123456789"],
    ),
)


class DocumentError(ValueError):
    """The text is no single plain YAML document; `problems` holds (line, what) pairs."""

    def __init__(self, problems: list[tuple[int, str]]) -> None:
        """Keep all problems of one text."""
        self.problems = problems
        super().__init__("; ".join(what for _, what in problems))


@dataclass(frozen=True, slots=True)
class Document:
    """Plain data, and the line on which each part of it starts."""

    data: Any
    lines: Mapping[Path, int]

    def nearest(self, path: Path) -> Path:
        """Return the longest beginning of `path` that exists in the document."""
        while path and path not in self.lines:
            path = path[:-1]
        return path

    def within(self, path: Path) -> Path:
        """Return `path` without the parts that the document does not have."""
        found: Path = ()
        for part in path:
            found = (*found, part) if (*found, part) in self.lines else found
        return found

    def line(self, path: Path) -> int:
        """Return the line of `path`, or of the nearest part above it."""
        return self.lines[self.nearest(path)]


class _Loader(yaml.SafeLoader):
    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            msg = "aliases are not allowed: write it out"
            raise yaml.composer.ComposerError(None, None, msg, mark)
        return super().compose_node(parent, index)


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in _RESOLVERS:
    _Loader.add_implicit_resolver(f"{_TAG}{_tag}", re.compile(_pattern), _first)


def parse(text: str) -> Document:
    """Read one document; `DocumentError` with everything that is wrong with it as YAML."""
    lines: dict[Path, int] = {}
    problems: list[tuple[int, str]] = []
    try:
        node = yaml.compose(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = ", ".join(part for part in (error.context, error.problem) if part)
        raise DocumentError([(mark.line + 1 if mark else 1, f"no YAML: {what}")]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DocumentError(
            [(line, f"no YAML: the character {chr(error.character)!r} is not allowed")]
        ) from None
    except RecursionError:
        raise DocumentError([(1, "no YAML: nested too deeply")]) from None
    if node is None:
        raise DocumentError([(1, "the file is empty")])
    data = _plain(node, (), lines, problems)
    if problems:
        raise DocumentError(problems)
    return Document(data, lines)


def _plain(node: yaml.Node, path: Path, lines: dict[Path, int], problems: list[tuple[int, str]]) -> object:
    lines[path] = node.start_mark.line + 1
    match node:
        case yaml.MappingNode():
            found: dict[str, object] = {}
            for key, line, value in _members(node, problems):
                found[key] = _plain(value, (*path, key), lines, problems)
                lines[(*path, key)] = line
            return found
        case yaml.SequenceNode():
            return [_plain(item, (*path, n), lines, problems) for n, item in enumerate(node.value)]
        case yaml.ScalarNode():
            return _scalar(node, problems)
    problems.append((lines[path], "no YAML: unknown kind of node"))
    return None


def _members(node: yaml.MappingNode, problems: list[tuple[int, str]]) -> Iterator[tuple[str, int, yaml.Node]]:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            problems.append((line, "a key must be a word"))
        elif key.value in seen:
            problems.append((line, f"the key '{key.value}' is given twice"))
        else:
            seen.add(key.value)
            yield key.value, line, value


def _scalar(node: yaml.ScalarNode, problems: list[tuple[int, str]]) -> object:
    match node.tag.removeprefix(_TAG):
        case "str":
            return node.value
        case "int":
            return int(node.value)
        case "float":
            return float(node.value)
        case "bool":
            return node.value.lower() == "true"
        case "null":
            return None
    problems.append((node.start_mark.line + 1, f"the tag {node.tag} is not allowed"))
    return None
