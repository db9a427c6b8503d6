"""From content and addresses to the bytes of an RFC 5322 message.

Built by hand because the standard library's `EmailMessage` manages some 330 messages of 10 KB per
second and core. The slow part is its header machinery; quoted-printable and base64 are C either way.
Nothing of a person can leave its header: control characters and line ends never get that far.
"""

import re
from binascii import b2a_base64, b2a_qp
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime
from functools import lru_cache

import email_validator

from automation_pipelines.errors import MessageError
from automation_pipelines.messages import Content
from automation_pipelines.model import Email

# Control characters, all line ends there are, and runs of spaces.
_BLANKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_ENCODED_WORD = re.compile(r"=\?")
_LINE = 68  # leaves room for the longest header name of ours within 78
_WORD_BYTES = 36
_LONGEST_LINE = 998  # RFC 5322, 2.1.1
_LONGEST_WORD = 900

# What no character reference can say: anything but ASCII in styles and scripts, and C1 controls, which HTML
# would read as letters of Windows-1252.
_LITERAL = (
    re.compile(rb"<(style|script)\b(?:(?!</\1)[\x00-\x7f])*[\x80-\xff]", re.IGNORECASE),
    re.compile(rb"\xc2[\x80-\x9f]"),
)

_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_PLAIN_ADDRESS = re.compile(
    rf"(?=.{{1,64}}@)(?=.{{3,254}}\Z){_ATEXT}(?:\.{_ATEXT})*@(?:{_LABEL}\.)+{_LABEL}\Z"
)

# No quoted-printable or base64 text can contain "=_"; what goes as it is must not have all of it.
_BOUNDARY = "=_alternative"
_MARK = _BOUNDARY.encode()
_OPENING = (
    "MIME-Version: 1.0\r\n"
    "Auto-Submitted: auto-generated\r\n"
    f'Content-Type: multipart/alternative; boundary="{_BOUNDARY}"\r\n\r\n'
)
_PARTS = {
    subtype: f'--{_BOUNDARY}\r\nContent-Type: text/{subtype}; charset="utf-8"\r\n'.encode()
    for subtype in ("plain", "html")
}
_BASE64 = b"Content-Transfer-Encoding: base64\r\n\r\n"
_SEVEN_BIT = b"Content-Transfer-Encoding: 7bit\r\n\r\n"
_QUOTED_PRINTABLE = b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
_CLOSING = f"--{_BOUNDARY}--\r\n".encode()


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A name, which may be empty, and an address as the CRM has it."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Sender:
    """On whose behalf a message is sent."""

    mailbox: Mailbox
    reply_to: str | None = None


def _one_line(text: str) -> str:
    return _BLANKS.sub(" ", text).strip(" ")


def _encoded_words(text: str) -> str:
    """RFC 2047, in words short enough for any header line."""
    words, word = [], b""
    for character in text:
        piece = character.encode("utf-8", "replace")
        if len(word) + len(piece) > _WORD_BYTES:
            words.append(word)
            word = b""
        word += piece
    encoded = (b2a_base64(each, newline=False).decode() for each in (*words, word))
    return "\r\n ".join(f"=?utf-8?b?{each}?=" for each in encoded)


def _folded(text: str) -> Iterator[str]:
    line = ""
    for word in text.split(" "):
        if line and len(line) + len(word) >= _LINE:
            yield line
            line = ""
        line = f"{line} {word}" if line else word
    yield line


def _unstructured(text: str) -> str:
    """Write the value of a header such as Subject, folded."""
    text = _one_line(text)
    if text.isascii() and not _ENCODED_WORD.search(text):
        if len(text) <= _LINE:
            return text
        if max(map(len, text.split(" "))) <= _LONGEST_WORD:
            return "\r\n ".join(_folded(text))
    return _encoded_words(text)


def phrase(name: str) -> str:
    """Write a display name: nothing, a quoted string, or encoded words where that would not do."""
    name = " ".join(_one_line(name).split())
    if not name:
        return ""
    if name.isascii() and len(name) <= _LINE and not _ENCODED_WORD.search(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    return _encoded_words(name)


def _mailbox(name: str, address: str) -> str:
    shown = phrase(name)
    gap = "\r\n " if shown and len(shown) + len(address) > _LINE else " "
    return f"{shown}{gap}<{address}>".lstrip()


def usable_address(text: str) -> str:
    """Return the address as it goes on the wire (domain in ASCII); `MessageError` when it cannot be tried."""
    text = text.strip()
    if _PLAIN_ADDRESS.match(text):
        return text
    try:
        parsed = email_validator.validate_email(text, check_deliverability=False, strict=True)
    except email_validator.EmailNotValidError as error:
        msg = f"the address cannot be used: {error}"
        raise MessageError(msg) from error
    return parsed.ascii_email or f"{parsed.local_part}@{parsed.ascii_domain}"


@lru_cache(maxsize=4096)
def _sender_headers(sender: Sender) -> tuple[str, str]:
    address = usable_address(sender.mailbox.address)
    headers = f"From: {_mailbox(sender.mailbox.name, address)}\r\n"
    if sender.reply_to:
        headers += f"Reply-To: <{usable_address(sender.reply_to)}>\r\n"
    return address, headers


@lru_cache(maxsize=16)
def _date(moment: datetime) -> str:
    return format_datetime(moment)


def _body(subtype: str, text: str) -> bytes:
    """One part. Lines end with CRLF whatever the template used, and so does the last one.

    The line end before a boundary is the boundary's, hence the empty line.
    """
    raw = text.encode("utf-8", "replace")
    # Quoted-printable stays readable; where much is not ASCII it would be twice the size of base64.
    much = 6 * (len(raw) - len(text)) > len(raw)
    if subtype == "html" and not (much or raw.isascii() or any(one.search(raw) for one in _LITERAL)):
        raw = text.encode("ascii", "xmlcharrefreplace")
    lines = raw.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n").split(b"\n")
    whole = b"\r\n".join(lines) + b"\r\n"
    if much:
        encoded = b2a_base64(whole, newline=False)
        wrapped = b"\r\n".join([encoded[at : at + 76] for at in range(0, len(encoded), 76)])
        return _PARTS[subtype] + _BASE64 + wrapped + b"\r\n\r\n"
    # As it is (RFC 2045, 2.7): encoding would take as long as everything else of a message.
    if (
        whole.isascii()
        and b"\0" not in whole
        and _MARK not in whole
        and max(map(len, lines)) <= _LONGEST_LINE
    ):
        return _PARTS[subtype] + _SEVEN_BIT + whole + b"\r\n"
    return _PARTS[subtype] + _QUOTED_PRINTABLE + b2a_qp(whole) + b"\r\n"


def build_email(
    content: Content,
    sender: Sender,
    recipient: Mailbox,
    *,
    job_id: int,
    tenant_id: int,
    identity: str,
    at: datetime,
    cc: Sequence[str] = (),
    bcc: Sequence[str] = (),
    more: str = "",
) -> Email:
    """One complete message, dated `at`; `MessageError` for an address that cannot be used.

    `cc` is named in the message, `bcc` is not; nobody gets it twice. `more` are further headers as they
    are written, each line ended.
    """
    from_address, sender_headers = _sender_headers(sender)
    to_address = usable_address(recipient.address)
    shown = _others(cc, {to_address.lower()})
    hidden = _others(bcc, {address.lower() for address in (to_address, *shown)})
    copy_header = f"Cc: {_list(shown)}\r\n" if shown else ""
    headers = (
        f"{sender_headers}"
        f"To: {_mailbox(recipient.name, to_address)}\r\n"
        f"{copy_header}"
        f"Subject: {_unstructured(content.subject)}\r\n"
        f"Date: {_date(at)}\r\n"
        f"Message-ID: <{identity}@{from_address.rpartition('@')[2]}>\r\n"
        f"X-Job-ID: {job_id}\r\n"
        f"{more}"
        f"{_OPENING}"
    )
    body = headers.encode() + _body("plain", content.text) + _body("html", content.html) + _CLOSING
    return Email(job_id, tenant_id, identity, from_address, to_address, body, (*shown, *hidden))


def _others(addresses: Sequence[str], known: Collection[str]) -> tuple[str, ...]:
    """Addresses as they go on the wire, each once and none that is `known`."""
    usable = {address.lower(): address for address in map(usable_address, addresses)}
    return tuple(address for key, address in usable.items() if key not in known)


def _list(addresses: Sequence[str]) -> str:
    return ",\r\n ".join(f"<{address}>" for address in addresses)
