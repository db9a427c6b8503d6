"""Channels `sms` and `whatsapp` through Twilio's Messages: a note becomes one message of an account.

Twilio knows no idempotency key, so nothing here may be repeated blindly; `trace` looks up in the account's
list of messages what became of a hand-off nobody heard back from. What its errors mean is
`twilio_errors`', how a request is made `twilio_http`'s.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache
from typing import Any, Literal, TypeVar

import httpx
from twilio.base.exceptions import TwilioException  # type: ignore[import-untyped]
from twilio.rest import Client  # type: ignore[import-untyped]

from automation_pipelines.channels.channel import Doubt, Trace
from automation_pipelines.channels.twilio_errors import outcome_of
from automation_pipelines.channels.twilio_http import Connection, Refusal
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.messages.segments import length_of
from automation_pipelines.model import Handoff, Note, Outcome, Reject, Retry, Sent
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Twilio

Name = Literal["sms", "whatsapp"]
_Given = TypeVar("_Given")
_Made = TypeVar("_Made")

_PREFIX: Mapping[Name, str] = {"sms": "", "whatsapp": "whatsapp:"}
# Of one recipient: more were hardly sent within the time that is asked about.
_LISTED = 200
_OUTSIDE = (
    "the person has not written on WhatsApp within the last 24 hours, so only an approved template may be "
    "sent: put its content_sid into the template's whatsapp.json"
)


def build(name: str, settings: Settings) -> "TwilioChannel":
    """Assemble the channel; connects to nothing."""
    if settings.twilio is None:
        msg = f"channel '{name}' is not configured: set AUTOMATION_TWILIO__ACCOUNT_SID"
        raise ConfigurationError(msg)
    return TwilioChannel("whatsapp" if name == "whatsapp" else "sms", settings.twilio)


class TwilioChannel:
    """One of Twilio's channels, over connections that are kept."""

    repeatable = False

    def __init__(self, name: Name, settings: Twilio) -> None:
        """Remember the account."""
        self.name: Name = name
        self._settings = settings
        self._connection = Connection(settings.timeout_seconds, settings.connections)
        # Not empty: the library would take what is missing from the environment.
        nothing = {"TWILIO_EDGE": ""}
        user, password = settings.api_key_sid or settings.account_sid, settings.auth_token.get_secret_value()
        self._client = Client(
            user, password, settings.account_sid, http_client=self._connection, environment=nothing
        )
        self._client.api.base_url = settings.base_url
        self._messages = self._client.messages
        self._senders = cache(settings.senders)
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._secrets = (password, login)

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Create a message for each, some at a time."""
        return self._each(self._send, handoffs)

    def trace(self, doubts: Sequence[Doubt]) -> list[tuple[Trace, ...] | None]:
        """Look each recipient up in the list of messages."""
        return self._each(self._traces, doubts)

    def close(self) -> None:
        """Give back connections."""
        self._connection.close()

    def _each(self, work: Callable[[_Given], _Made], given: Sequence[_Given]) -> list[_Made]:
        if not given:
            return []
        with ThreadPoolExecutor(min(self._settings.connections, len(given))) as pool:
            return list(pool.map(work, given))

    def _send(self, handoff: Handoff) -> Outcome | None:
        if not isinstance(handoff, Note):
            return Reject(f"{type(handoff).__name__} is nothing for channel {self.name}")
        said = self._said(handoff)
        if isinstance(said, Reject):
            return said
        named = {"to": self._to(handoff), **self._sender(handoff), **self._callback(handoff)}
        try:
            message = self._messages.create(**named, **said)
        except Refusal as refusal:
            return outcome_of(refusal, [*self._secrets, number_of(handoff.to), handoff.to])
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            return Retry(f"Twilio cannot be reached: {type(error).__name__}", provider=True)
        except (httpx.HTTPError, ValueError, TypeError, AttributeError):
            return None  # the request went out, and no answer came or none that can be read
        return Sent(message.sid) if isinstance(message.sid, str) else None

    def _said(self, note: Note) -> dict[str, str] | Reject:
        """What the message says: a text, or a template of the account's."""
        if self.name == "sms":
            segments, most = length_of(note.text).segments, self._settings.max_segments
            if segments > most:
                return Reject(f"the text takes {segments} segments, and no more than {most} are allowed")
        elif note.content is not None and not (note.conversing and note.text):
            return _encodable(
                {
                    "content_sid": note.content.sid,
                    "content_variables": json.dumps(dict(note.content.variables), ensure_ascii=False),
                }
            )
        elif not note.conversing:
            return Reject(_OUTSIDE)
        return _encodable({"body": note.text}) if note.text else Reject("the text is empty")

    def _sender(self, note: Note) -> dict[str, str]:
        senders = self._senders(note.tenant_id)
        if self.name == "whatsapp":
            return {"from_": f"whatsapp:{sticky(senders.whatsapp_pool, note.to)}"}
        if senders.messaging_service_sid is not None:
            return {"messaging_service_sid": senders.messaging_service_sid}
        return {"from_": sticky(senders.pool, note.to)}

    def _callback(self, note: Note) -> dict[str, str]:
        """Where Twilio tells what became of the message: it says whose it is."""
        if self._settings.status_callback is None:
            return {}
        whose = {"job": str(note.job_id), "identity": note.identity}
        return {"status_callback": str(httpx.URL(self._settings.status_callback).copy_merge_params(whose))}

    def _to(self, note: Note) -> str:
        return f"{_PREFIX[self.name]}{number_of(note.to)}"

    def _traces(self, doubt: Doubt) -> tuple[Trace, ...] | None:
        note = doubt.handoff
        if not isinstance(note, Note):
            return None
        try:
            page = self._messages.page(to=self._to(note), page_size=_LISTED)
            listed = list(page)
        except (Refusal, TwilioException, httpx.HTTPError, ValueError, TypeError, AttributeError):
            return None
        return _within(listed, doubt, note, whole=page.next_page_url is None)


def number_of(address: str) -> str:
    """A number as people write it, as Twilio takes it: +1 (555) 01-00 is +1555-0100 without the signs."""
    digits = "".join(char for char in address if char in "0123456789+")
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def sticky(pool: Sequence[str], recipient: str) -> str:
    """The sender that this recipient always sees; one that joins the pool takes over only its share."""
    return max(pool, key=lambda sender: hashlib.sha256(f"{sender} {number_of(recipient)}".encode()).digest())


def _encodable(said: dict[str, str]) -> dict[str, str] | Reject:
    try:
        "".join(said.values()).encode()
    except UnicodeEncodeError:
        return Reject("the text holds half a character, which nothing can carry")
    return said


def _within(listed: Iterable[Any], doubt: Doubt, note: Note, *, whole: bool) -> tuple[Trace, ...] | None:
    """Those of the time asked about; `None` when the list ends before it begins or holds no times."""
    found, oldest = [], None
    for message in listed:
        created = message.date_created
        if not isinstance(created, datetime) or not isinstance(message.sid, str):
            return None
        oldest = created if oldest is None else min(oldest, created)
        if message.direction != "inbound" and doubt.since <= created <= doubt.until:
            found.append(Trace(message.sid, _same(message.body, note)))
    told = whole or (oldest is not None and oldest < doubt.since)
    return tuple(found) if told else None


def _same(body: object, note: Note) -> bool:
    """Whether that is what we said; a template's text and a redacted one cannot be compared."""
    if note.content is not None or not isinstance(body, str) or not body:
        return True
    # A trial account's messages begin with a remark.
    return body.split() == note.text.split() or body.rstrip().endswith(note.text.strip())
