"""What marketing by e-mail must show whoever reads it: a way out, and the sender's postal address.

Looked for in rendered parts, as a reader sees them: not in a comment and not in what is hidden. Headers
are `messages.optout`'s, tenants without an address delivery's.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from automation_pipelines.messages import Content, TemplateSource, file_of
from automation_pipelines.messages.locales import shortened
from automation_pipelines.messages.plain import plain_text

_WAY_OUT = (
    "shows no link to unsubscribe, which marketing by e-mail must: extend a shipped layout, "
    'include "optout.html" or "optout.txt", or print unsubscribe_url'
)
_ADDRESS = (
    "shows no postal address, which marketing by e-mail must: extend a shipped layout, "
    "or print tenant.postal_address"
)


def unshown(
    source: TemplateSource, tag: str, content: Content, variables: Mapping[str, Any]
) -> Iterator[tuple[str, str]]:
    """Say what one rendering in language `tag` lacks, by the file it was made of."""
    wanted = {_WAY_OUT: variables["unsubscribe_url"], _ADDRESS: variables["tenant"]["postal_address"]}
    for part, seen in (("html", plain_text(content.html)), ("text", content.text)):
        found = _letters(seen)
        for what, value in wanted.items():
            # A reader of HTML sees a link to a mailbox as its address.
            if _letters(str(value).removeprefix("mailto:")) not in found:
                yield _file(source, part, tag), what


def _letters(text: str) -> str:
    """Letters alone: an address may be broken into lines."""
    return "".join(text.split()).casefold()


def _file(source: TemplateSource, part: str, tag: str) -> str:
    """The file a part in this language is made of; what has no text has it from its HTML."""
    parts = source.parts()
    for known in (*shortened(tag), ""):
        for name in (part, "html"):
            if (name, known) in parts:
                return file_of(name, known)
    return file_of(part, "")
