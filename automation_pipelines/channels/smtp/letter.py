"""A message on its way."""

import re
from dataclasses import dataclass, field

from automation_pipelines.channels.smtp.server import Server
from automation_pipelines.model import Email

END = b".\r\n"
"""The line that ends a message (RFC 5321)."""

_DOT = re.compile(rb"^\.", re.MULTILINE)
_UNFIT = re.compile(r"[\x00-\x1f\x7f<>]")


@dataclass(slots=True, eq=False)
class Letter:
    """What travels, whether the end of that has left, and which servers failed it."""

    place: int
    email: Email
    wire: bytes = field(repr=False)
    left: bool = False
    tried: set[Server] = field(default_factory=set)

    @classmethod
    def of(cls, place: int, email: Email, content: bytes) -> "Letter":
        """Make content fit for travelling; `ValueError` for an address that would end its command."""
        if any(map(_UNFIT.search, (email.sender, email.recipient, *email.copies))):
            msg = "an address holds what no address may"
            raise ValueError(msg)
        if b"\n." in content or content.startswith(b"."):
            content = _DOT.sub(b"..", content)
        return cls(place, email, content + (END if content.endswith(b"\r\n") else b"\r\n" + END))
