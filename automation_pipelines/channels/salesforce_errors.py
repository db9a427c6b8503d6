"""What Salesforce's errors mean for a command: by their codes before their status."""

from collections.abc import Mapping
from typing import Any

import requests
from simple_salesforce.exceptions import SalesforceError
from urllib3.exceptions import MaxRetryError

from automation_pipelines.channels.retry_after import retry_after
from automation_pipelines.model import Reject, Retry

_THE_PRODUCTS = frozenset(
    {
        "REQUEST_LIMIT_EXCEEDED",
        "SERVER_UNAVAILABLE",
        "API_CURRENTLY_DISABLED",
        "API_DISABLED_FOR_ORG",
        "FUNCTIONALITY_NOT_ENABLED",
        "INVALID_SESSION_ID",
        "INVALID_OPERATION_WITH_EXPIRED_PASSWORD",
        "INACTIVE_OWNER_OR_USER_LOGIN",
        "ORG_LOCKED",
        "MAINTENANCE_MODE",
    }
)
"""They say nothing of this command."""
_PASSING = frozenset({"UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT", "DUPLICATE_VALUE", "TXN_SECURITY_RUNTIME_ERROR"})
"""Another does the same at the same time, and so on."""
_REFUSED, _MISSING, _THROTTLED, _UNAVAILABLE, _SERVER_ERROR = 403, 404, 429, 503, 500


def outcome_of(error: SalesforceError, headers: Mapping[str, str]) -> Retry | Reject:
    """Read an error answer; `headers` came with it. What is wrong for every command may pass."""
    codes, told = _told(error)
    status = int(error.status)
    after = retry_after({name.lower(): value for name, value in headers.items()})
    if codes & _PASSING:
        return Retry(told, after)
    if codes & _THE_PRODUCTS or status in (_THROTTLED, _UNAVAILABLE):
        return Retry(told, after, provider=True)
    if status >= _SERVER_ERROR:
        return Retry(told, after)
    if "external ID field" in told:
        return Retry(f"{told}: add it as AUTOMATION_SALESFORCE__IDENTITY_FIELD says", provider=True)
    if status == _REFUSED and not codes:
        return Retry(told, after, provider=True)
    return Reject(told)


def lost(error: requests.RequestException) -> Retry:
    """No answer, or none that can be read. Not connected is the other side's, the rest may be this one's."""
    inner = error.args[0] if error.args else None
    if isinstance(inner, MaxRetryError):
        return Retry(f"no connection: {type(inner.reason).__name__}: {inner.reason}", provider=True)
    return Retry(f"no answer: {type(error).__name__}")


def _told(error: SalesforceError) -> tuple[set[str], str]:
    """The codes of an error, and it in words."""
    content: Any = error.content
    entries = [one for one in content if isinstance(one, Mapping)] if isinstance(content, list) else []
    codes = {str(one.get("errorCode")) for one in entries}
    words = "; ".join(f"{one.get('errorCode')}: {one.get('message')}" for one in entries)
    return codes, f"Salesforce answers {error.status} {words}".strip()
