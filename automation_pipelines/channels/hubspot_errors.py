"""What HubSpot's errors mean for a command: whether it certainly was not taken, and whose fault that is."""

import json
from collections.abc import Mapping
from typing import Any

from hubspot.crm.associations.v4.exceptions import ApiException as TieException
from hubspot.crm.objects.exceptions import ApiException as RecordException
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    MaxRetryError,
    NewConnectionError,
    ProxyError,
    SSLError,
)

from automation_pipelines.channels.retry_after import retry_after
from automation_pipelines.model import Reject, Retry

_API = (RecordException, TieException)
_NOT_CONNECTED = (NewConnectionError, ConnectTimeoutError, SSLError, ProxyError)
_THE_PRODUCTS = frozenset({0, 401, 403, 429, 477, 503})
"""0: no encrypted connection came about; 477: the account is being moved."""
_PASSING = frozenset({409, 423})
_DOUBTFUL = frozenset({408, 500, 502, 504})
_NO_SUCH_PROPERTY = "PROPERTY_DOESNT_EXIST"


class UnreadableError(Exception):
    """HubSpot said yes, in words that cannot be read."""


def certain(error: Exception, identity_property: str | None) -> Retry | Reject | None:
    """What an error means where it says that the command was not taken; `None`: it may have been."""
    found = _found(error)
    if isinstance(found, _API):
        return _by_status(found, identity_property)
    if isinstance(found, MaxRetryError):
        found = found.reason or found
    if isinstance(found, _NOT_CONNECTED):
        return Retry(f"no connection: {type(found).__name__}: {found}", provider=True)
    if isinstance(found, HTTPError | UnreadableError):
        return None
    return Reject(f"cannot be handed over: {type(error).__name__}: {error}")


def words(error: Exception) -> str:
    """An error for people."""
    found = _found(error)
    if isinstance(found, _API):
        body = _body(found)
        return f"HubSpot answers {found.status} {body.get('category', '')}: {body.get('message', '')}"
    return f"no answer: {type(found).__name__}"


def _by_status(error: Any, identity_property: str | None) -> Retry | Reject | None:  # noqa: ANN401 - untyped
    told, status = words(error), int(error.status or 0)
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if status in _DOUBTFUL:
        return None
    if status in _PASSING:
        return Retry(told)
    if status in _THE_PRODUCTS:
        return Retry(told, retry_after(headers), provider=True)
    text = str(error.body)
    if identity_property and _NO_SUCH_PROPERTY in text and identity_property in text:
        return Retry(f"{told}: add it as AUTOMATION_HUBSPOT__IDENTITY_PROPERTY says", provider=True)
    return Reject(told)


def _found(error: Exception) -> Exception:
    # The library fails over an error that has no body, such as that of a certificate.
    inner = error.__context__
    return inner if isinstance(inner, _API) and not isinstance(error, _API) else error


def _body(error: Any) -> Mapping[str, Any]:  # noqa: ANN401
    try:
        body = json.loads(error.body or "{}")
    except ValueError:
        return {}
    return body if isinstance(body, Mapping) else {}
