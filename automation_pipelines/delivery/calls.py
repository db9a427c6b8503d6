"""What another system is asked: a request or an integration's action, filled in for one job."""

import re
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from automation_pipelines.campaign import Integration, Request
from automation_pipelines.catalogue.integrations import integrated
from automation_pipelines.errors import MessageError
from automation_pipelines.messages import render_text
from automation_pipelines.messages.values import fill_values
from automation_pipelines.model import Call, Command

Head = tuple[int, int, str]
"""Job, tenant and identity of a hand-off."""

# What would end the line of a header or of a request.
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ADDRESS = re.compile(r"https?://[^\s\x00-\x1f\x7f]+", re.IGNORECASE)


def call_of(head: Head, request: Request, variables: Mapping[str, Any]) -> Call:
    """Fill in a request; `MessageError` names the text and what is wrong with it, but no value."""
    url = render_text(request.url, variables, "url")
    if not _ADDRESS.fullmatch(url):
        msg = "url: what it is filled in to is no http(s) address"
        raise MessageError(msg)
    headers = {name: _header(name, text, variables) for name, text in request.headers.items()}
    return Call(*head, request.method, url, headers, fill_values(request.body, variables, "body"))


def command_of(
    head: Head, integration: Integration, variables: Mapping[str, Any], at: datetime, today: date
) -> Command:
    """Fill in an integration's action; `MessageError` names the text and what it lacks."""
    parameters = fill_values(integration.parameters, variables, "parameters")
    known = integrated(integration.target, integration.action)
    if known is not None:
        parameters = known.resolved(parameters, today)
    return Command(*head, integration.target, integration.action, parameters, at)


def _header(name: str, text: str, variables: Mapping[str, Any]) -> str:
    value = render_text(text, variables, f"headers.{name}")
    if _CONTROL.search(value):
        msg = f"headers.{name}: what it is filled in to does not fit on one line"
        raise MessageError(msg)
    return value
