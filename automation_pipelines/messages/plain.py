"""The text part of a mail whose template has none: made of the HTML part, once per template.

The result is a template too, so that a value is printed as it is and never read as HTML. It marks line
ends by characters Jinja leaves alone; `settled` makes lines of them when it is rendered.
"""

import re
from html.parser import HTMLParser

from automation_pipelines.messages.markup import Hidden

# Of the private use area: nobody writes them, and Jinja does not take them for white space.
_LINE, _PARAGRAPH = "\ue000", "\ue001"
_BLANKS = re.compile(f"[ \t\r\n{_LINE}{_PARAGRAPH}]+")
_EXPRESSION = re.compile(r"jinja\d+x")
_SILENT = frozenset({"head", "style", "script", "title"})
_LINES = frozenset({"br", "tr", "li", "dt", "dd"})
_PARAGRAPHS = frozenset(
    {"p", "div", "table", "ul", "ol", "dl", "blockquote", "section", "header", "footer", "hr"}
    | {f"h{level}" for level in range(1, 7)}
)
_VOID = frozenset({"area", "br", "col", "hr", "img", "input", "link", "meta", "wbr"})


def plain_text(html: str) -> str:
    """Write an HTML template as a text template."""
    hidden = Hidden(html)
    reader = _Reader(hidden)
    reader.feed(hidden.html)
    reader.close()
    return hidden.restore("".join(reader.pieces))


def settled(text: str) -> str:
    """Make lines and paragraphs of a rendered text template."""
    return _BLANKS.sub(_space, text).strip() + "\n"


def _space(blanks: re.Match[str]) -> str:
    if _PARAGRAPH in blanks[0]:
        return "\n\n"
    return "\n" if _LINE in blanks[0] else " "


class _Reader(HTMLParser):
    """Keeps what can be read, and the targets of links."""

    def __init__(self, hidden: Hidden) -> None:
        super().__init__()
        self._hidden = hidden
        self.pieces: list[str] = []
        self._open: list[tuple[str, bool]] = []  # elements, and whether they are silent
        self._links: list[tuple[str, int]] = []

    @property
    def _silent(self) -> bool:
        return any(silent for _, silent in self._open)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in _VOID:
            self._open.append((tag, tag in _SILENT or _unseen(given)))
        self._break(tag)
        if tag == "a":
            self._links.append((given.get("href") or "", len(self.pieces)))
        if tag == "img" and given.get("alt"):
            self._say(f" {given['alt']} ")
        if tag in ("td", "th"):
            self._say(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._links:
            self._target(*self._links.pop())
        self._break(tag)
        for place in range(len(self._open) - 1, -1, -1):
            if self._open[place][0] == tag:
                del self._open[place:]
                break

    def handle_data(self, data: str) -> None:
        self._say(data.replace("\u00a0", " "))

    def handle_comment(self, data: str) -> None:
        placeholder = f"<!--{data}-->"
        if not _EXPRESSION.fullmatch(data):
            return  # what an author comments is not read by anybody
        # A statement unseen may still set what is used later.
        if not self._silent or self._hidden.statement(placeholder):
            self.pieces.append(placeholder)

    def _target(self, target: str, since: int) -> None:
        said = self._hidden.restore("".join(self.pieces[since:])).strip()
        address = target.removeprefix("mailto:").removeprefix("tel:")
        if address and not target.startswith("#") and said != self._hidden.restore(address):
            self._say(f" ({address})")

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self._say(_PARAGRAPH)
        elif tag in _LINES:
            self._say(_LINE)

    def _say(self, text: str) -> None:
        if not self._silent:
            self.pieces.append(text)


def _unseen(attributes: dict[str, str | None]) -> bool:
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return "hidden" in attributes or attributes.get("aria-hidden") == "true" or "display:none" in style
