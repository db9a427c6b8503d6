"""HTML that still holds Jinja: its styles are inlined and its links made traceable, once per template.

Jinja's own expressions travel through the HTML parsers as placeholders that they leave alone: comments
between elements (legal even inside a table), plain words inside tags, comments and styles.
"""

import json
import re
from html import escape
from html.parser import HTMLParser
from itertools import accumulate

import css_inline

from automation_pipelines.errors import MessageError

_JINJA = r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}"
_EXPRESSION = re.compile(_JINJA, re.DOTALL)
# Where a comment would be text or nonsense: comments, raw text elements, tags.
_OPAQUE = rf"<!--.*?-->|<(?P<raw>style|title)\b.*?</(?P=raw)\s*>|<[a-zA-Z/!](?:{_JINJA}|[^>])*>"
_PIECE = re.compile(rf"(?P<opaque>{_OPAQUE})|(?P<between>{_JINJA})", re.DOTALL)
_RAW = re.compile(r"<(?:style|title)\b")
_QUOTED = re.compile(r""""[^"]*"|'[^']*'""")
# Longest form first: a bare word in a tag comes back as an attribute with an empty value.
_PLACEHOLDER = re.compile(r'<!--jinja(\d+)x-->|jinja(\d+)x=""|jinja(\d+)x')
_UNTRACKED = "data-no-tracking"
# What of a target comes before its query, which a label leaves out.
_PLACE = re.compile(r"[^?#]*")
_LONGEST_LABEL = 80

_INLINER = css_inline.CSSInliner(
    keep_style_tags=True,  # media queries and dark mode cannot be inlined
    remove_inlined_selectors=True,
    load_remote_stylesheets=False,
)


class Hidden:
    """HTML whose expressions are placeholders."""

    def __init__(self, html: str) -> None:
        """Hide every expression; `MessageError` for one that no parser would keep in its place."""
        self._kept: list[str] = []
        self.html = _PIECE.sub(self._hide, html)

    def restore(self, html: str) -> str:
        """Put the expressions back."""
        return _PLACEHOLDER.sub(lambda found: self._kept[int(found[1] or found[2] or found[3])], html)

    def statement(self, placeholder: str) -> bool:
        """Whether a placeholder stands for a statement, which prints nothing itself."""
        return self.restore(placeholder).startswith("{%")

    def _hide(self, piece: re.Match[str]) -> str:
        if piece["opaque"] is not None:
            _refuse_loose(piece["opaque"])
            return _EXPRESSION.sub(self._word, piece["opaque"])
        return f"<!--{self._word(piece)}-->"

    def _word(self, expression: re.Match[str]) -> str:
        self._kept.append(expression[0])
        return f"jinja{len(self._kept) - 1}x"


def _refuse_loose(tag: str) -> None:
    """Refuse a statement around attributes: the HTML parser puts them in an order of its own."""
    if tag[1].isalpha() and not _RAW.match(tag) and "{%" in _QUOTED.sub("", tag):
        msg = f"a statement between attributes: move it into an attribute's value in '{tag[:60]}'"
        raise MessageError(msg)


def finished(html: str) -> str:
    """Move the rules of `<style>` onto the elements, as mail clients need it, and let links be traced."""
    hidden = Hidden(html)
    return hidden.restore(_with_pixel(_Links(hidden, _INLINER.inline(hidden.html)).traced()))


def _with_pixel(html: str) -> str:
    """Leave a place at the end of the body for the pixel that tells that a mail was opened."""
    before, end, after = html.rpartition("</body>")
    return f"{before}{{% filter pixel %}}{{% endfilter %}}{end}{after}" if end else html


class _Links(HTMLParser):
    """Wraps the targets of links into the filter `traced`, which finishes them when it is rendered."""

    def __init__(self, hidden: Hidden, html: str) -> None:
        super().__init__()
        self._hidden = hidden
        self._html = html
        self._lines = [0, *accumulate(len(line) + 1 for line in html.split("\n"))]
        self._pieces: list[str] = []
        self._at = 0

    def traced(self) -> str:
        self.feed(self._html)
        self.close()
        return "".join([*self._pieces, self._html[self._at :]])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        written = self.get_starttag_text()
        target = next((value for name, value in attrs if name == "href"), None)
        if tag not in ("a", "area") or written is None or not target or not _traceable(target):
            return
        line, column = self.getpos()
        start = self._lines[line - 1] + column
        label = None if _UNTRACKED in dict(attrs) else self._label(target)
        attributes = "".join(f" {_attribute(name, value, label)}" for name, value in attrs)
        self._pieces += [self._html[self._at : start], f"<{tag}{attributes}>"]
        self._at = start + len(written)

    def _label(self, target: str) -> str:
        """The target as the template has it, where that is filled in; nothing where it is plain."""
        place = _PLACE.match(target.strip())
        written = self._hidden.restore(place[0]) if place else ""
        return "" if "{" not in written else written.encode("ascii", "replace").decode()[:_LONGEST_LABEL]


def _traceable(target: str) -> bool:
    """Whether a target may become a web address; an opt-out must work whatever is added elsewhere."""
    address = target.strip().lower()
    return address.startswith(("http://", "https://", "jinja")) and "unsubscribe" not in address


def _attribute(name: str, value: str | None, label: str | None) -> str:
    text = escape(value or "")
    if name == "href":
        told = "" if label is None else f"({json.dumps(label)})"
        text = f"{{% filter traced{told} %}}{text}{{% endfilter %}}"
    return f'{name}="{text}"'
