"""Firebase's words: how its service account gets a token, and what its answers mean.

No error repeats more than the codes that Google documents.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
from google.auth import exceptions
from google.oauth2.service_account import Credentials
from pydantic import SecretStr

from automation_pipelines.channels.answers import Answer
from automation_pipelines.channels.http import Lost, NotSent
from automation_pipelines.channels.retry_after import retry_after
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Outcome, Reject, Retry, Sent

_SCOPE = "https://www.googleapis.com/auth/firebase.messaging"
_CODE = re.compile(r"[A-Z][A-Z_]{1,60}")
_GRANT_ERROR = re.compile(r"[a-z][a-z_]{1,60}")
_PAUSE = timedelta(minutes=1)  # what Google asks for where an answer names no time
# Not one message is the trouble, but Google, or the account, the project or its certificates: somebody
# sets that right, and then the message goes out.
_OUT_OF_ORDER = frozenset({401, 403, 404, 502, 503, 504})
_MISWRITTEN = (
    "AUTOMATION_PUSH__CREDENTIALS cannot be read: give the key file of a service account as it was "
    "downloaded (JSON, with project_id, client_email, private_key and token_uri), or its path"
)

Exchange = Callable[[httpx.Request], Answer | NotSent | Lost]


class Account:
    """A service account, and the token it has at present."""

    def __init__(self, key: SecretStr, exchange: Exchange) -> None:
        """Read the key; `ConfigurationError` when it is none."""
        text = key.get_secret_value().strip()
        try:
            found = json.loads(text if text.startswith("{") else Path(text).expanduser().read_text("utf-8"))
            self.project = str(found["project_id"])
            self._credentials = Credentials.from_service_account_info(found, scopes=[_SCOPE])  # type: ignore[no-untyped-call]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, exceptions.GoogleAuthError):
            raise ConfigurationError(_MISWRITTEN) from None
        self._exchange = exchange

    def token(self) -> str | Retry:
        """Return a token that is good for some minutes at least, or why there is none now."""
        try:
            if not self._credentials.valid:
                self._credentials.refresh(self._ask)
        except exceptions.TransportError as error:
            return Retry(f"no token of Google: {error}", provider=True)
        except exceptions.GoogleAuthError as error:
            return Retry(f"no token of Google: {_grant_error(error)}", provider=True)
        except (ValueError, TypeError, AttributeError):
            return Retry("no token of Google: its answer cannot be read", provider=True)
        return str(self._credentials.token)

    def forget_token(self) -> None:
        """Have the next one asked for."""
        self._credentials.token = None

    def _ask(
        self,
        url: str,
        method: str = "GET",
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: object,
    ) -> "_Reply":
        """Make a request for the library, whose own ways to do so have no bounds."""
        match self._exchange(httpx.Request(method, url, content=body, headers=headers)):
            case Answer(status=status) as answer if status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return _Reply(answer.status, answer.headers, answer.body)
            case Answer() as answer:
                # The library would wait and ask again, and all messages with it.
                words = answer.words
            case NotSent(error) | Lost(error):
                words = error
        raise exceptions.TransportError(words)  # type: ignore[no-untyped-call]


def _grant_error(error: exceptions.GoogleAuthError) -> str:
    """The code of RFC 6749, if that is what was answered."""
    code = next((_mapping(one).get("error") for one in error.args[1:]), None)
    return code if isinstance(code, str) and _GRANT_ERROR.fullmatch(code) else "refused"


@dataclass(frozen=True)
class _Reply:
    """An answer as the library wants it."""

    status: int
    headers: Mapping[str, str]
    data: bytes


def outcome_of(answer: Answer) -> Outcome | None:
    """Read an answer to a message; `None`: it says yes, but to what cannot be read."""
    document = _document(answer.body)
    if answer.status == HTTPStatus.OK:
        name = document.get("name")
        return Sent(name) if isinstance(name, str) else None
    return _failure(answer, document)


def _failure(answer: Answer, document: Mapping[str, Any]) -> Outcome:
    code = next(_codes(document), "")
    said = f"Firebase answered {answer.words} {code}".rstrip()
    after = retry_after(answer.headers)
    if code == "UNREGISTERED" or (code == "INVALID_ARGUMENT" and _blames_token(document)):
        return Reject(f"{said}: the app is no more on this device", suppress="bounced")
    if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
        # One device may have had too many, or we may have sent too many in all.
        return Retry(said, after or _PAUSE, provider="device" not in json.dumps(document).lower())
    if answer.status in _OUT_OF_ORDER:
        return Retry(said, after, provider=True)
    if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status == HTTPStatus.REQUEST_TIMEOUT:
        return Retry(said, after)
    return Reject(said)


def _document(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return _mapping(found)


def _codes(document: Mapping[str, Any]) -> Iterator[str]:
    """The codes of an error, Firebase's own before Google's general one."""
    error = _mapping(document.get("error"))
    for code in (*(one.get("errorCode") for one in _details(error)), error.get("status")):
        if isinstance(code, str) and _CODE.fullmatch(code):
            yield code


def _blames_token(document: Mapping[str, Any]) -> bool:
    """Whether it is the token that is wrong, and not the message."""
    error = _mapping(document.get("error"))
    violations = [one.get("fieldViolations") for one in _details(error)]
    fields = [_mapping(one).get("field") for each in violations if isinstance(each, list) for one in each]
    return "message.token" in fields or "registration token" in str(error.get("message")).lower()


def _details(error: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    details = error.get("details")
    return [_mapping(one) for one in details] if isinstance(details, list) else []


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
