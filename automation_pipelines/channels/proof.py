"""Proofs: e-mails of a test, each sent to given addresses, a seed list, instead of its recipients.

What the recipient would see stays as it is, apart from the marks of a proof; what would act on the
recipient's behalf is taken out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.maildir import MaildirChannel
from automation_pipelines.messages.mime import usable_address
from automation_pipelines.model import Email, Handoff, Outcome

_LEFT_OUT = frozenset({b"to", b"cc", b"list-unsubscribe", b"list-unsubscribe-post"})


class ProofChannel:
    """Channel `email` in a test, over the real one."""

    name = "email"

    def __init__(self, to: Sequence[str], email: EmailChannel | MaildirChannel) -> None:
        """`MessageError` for an address that cannot be used."""
        self._to = tuple(dict.fromkeys(map(usable_address, to)))
        self._email = email

    @property
    def repeatable(self) -> bool:
        """See `Channel`."""
        return self._email.repeatable

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Send each e-mail to the given addresses, marked as a proof."""
        return self._email.send([proof(one, self._to) if isinstance(one, Email) else one for one in handoffs])

    def close(self) -> None:
        """See `Channel`."""
        self._email.close()


def proof(email: Email, to: Sequence[str]) -> Email:
    """The same message, once, to `to` alone: subject marked [TEST], and a header X-Test.

    The fate of the first is the proof's.
    """
    head, _, body = email.content.partition(b"\r\n\r\n")
    named = ",\r\n ".join(f"<{address}>" for address in to)
    lines = [f"To: {named}".encode(), b"X-Test: yes", *map(_marked, _kept(head))]
    content = b"\r\n".join(lines) + b"\r\n\r\n" + body
    first, *others = to
    return replace(email, recipient=first, copies=tuple(others), content=content)


def _kept(head: bytes) -> Iterator[bytes]:
    """The headers that stay, folded as they are."""
    for header in head.replace(b"\r\n ", b"\n ").replace(b"\r\n\t", b"\n\t").split(b"\r\n"):
        if header.partition(b":")[0].lower() not in _LEFT_OUT:
            yield header.replace(b"\n", b"\r\n")


def _marked(header: bytes) -> bytes:
    name, _, value = header.partition(b":")
    return name + b": [TEST]" + value if name.lower() == b"subject" else header
