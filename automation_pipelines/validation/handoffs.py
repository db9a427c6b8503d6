"""What a step hands over, checked against what exists: channels, actions and what these take.

Templates of messages are `rehearsal`'s; texts of actions and calls, which are templates too, are
checked here.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import assert_never

from automation_pipelines.campaign import CALL_CHANNELS, Campaign, Integration, Step
from automation_pipelines.catalogue.actions import ASSIGNED, Action, undo
from automation_pipelines.catalogue.integrations import INTEGRATIONS, integrated
from automation_pipelines.catalogue.types import Audience
from automation_pipelines.conditions import unknown
from automation_pipelines.errors import MessageError
from automation_pipelines.messages.values import fill_values, is_template, needed_by
from automation_pipelines.model import Purpose
from automation_pipelines.validation.declarations import Problem
from automation_pipelines.validation.documents import Path
from automation_pipelines.validation.known import Known
from automation_pipelines.validation.rehearsal import sample, unknown_variable, variables

_OURS = ("custom.", "tenant.")
_SOME_DAY = date(2026, 1, 1)


@dataclass(frozen=True, slots=True)
class Placed:
    """A step and its place in the file."""

    place: Path
    step: Step

    def at(self, *keys: str) -> Path:
        """The place of something within the step."""
        return (*self.place, *keys)


def handoff_checks(
    placed: Placed, spec: Campaign, known: Known, audience: Audience | None
) -> Iterator[Problem]:
    """Say what is wrong with what a step hands over."""
    match placed.step.carries:
        case "message":
            yield from _message_checks(placed, spec, known)
        case "action":
            yield from _action_checks(placed, spec, known, audience)
        case "call":
            yield from _call_checks(placed, spec, known, audience)
        case "nothing":
            return
        case never:
            assert_never(never)


def _message_checks(placed: Placed, spec: Campaign, known: Known) -> Iterator[Problem]:
    step = placed.step
    key = "channel" if step.channel is not None else "channels"
    carrying = known.channels - {*CALL_CHANNELS, "crm", "wait"}
    for way in step.ways if not isinstance(step.channels, str) else ():
        if way in CALL_CHANNELS:
            yield placed.at(key), f"channel '{way}' carries no message: declare request or integration"
        elif way in known.unavailable:
            yield placed.at(key), known.unavailable[way]
        elif way not in carrying:
            yield placed.at(key), unknown("channel", way, carrying)
        elif way in known.written and (refusal := known.refusal(known.written[way])):
            what = f"channel '{way}' would fail: {refusal}; name it in AUTOMATION_FILED_CHANNELS to have its "
            yield placed.at(key), f"{what}messages as files"
        elif way == "email" and spec.purpose is Purpose.MARKETING and known.marketing is not None:
            yield placed.at(key), known.marketing
    if spec.purpose is Purpose.INTERNAL and "customer" in step.recipient and not step.to:
        what = (
            "a message of purpose internal skips the customer's consent: write purpose: transactional or "
            "marketing, or address staff"
        )
        yield placed.at("recipient"), what


def _call_checks(
    placed: Placed, spec: Campaign, known: Known, audience: Audience | None
) -> Iterator[Problem]:
    step = placed.step
    if step.request is not None:
        texts = {name: getattr(step.request, name) for name in ("url", "headers", "body")}
        key = "request"
        yield from _host_checks(placed.at(key, "url"), step.request.url, known)
    elif step.integration is not None:
        texts = {"parameters": step.integration.parameters}
        key = "integration"
    else:
        return
    for way in step.ways:
        if way in known.unavailable:
            yield placed.at(key), known.unavailable[way]
        elif way not in known.channels:
            yield placed.at(key), unknown("channel", way, known.channels)
    if step.integration is not None:
        yield from _integration_checks(placed, step.integration)
    yield from _text_checks(placed.at(key), texts, spec, step, audience)


def _integration_checks(placed: Placed, integration: Integration) -> Iterator[Problem]:
    known = INTEGRATIONS[integration.target]
    action = integrated(integration.target, integration.action)
    if action is None:
        what = f"action of {integration.target}"
        yield placed.at("integration", "action"), unknown(what, integration.action, known)
        return
    given = action.resolved(integration.parameters, _SOME_DAY)
    for objection in action.objections(given, is_template):
        what = f"action '{action.name}' of {integration.target}: {objection}"
        yield placed.at("integration", "parameters"), what


def _host_checks(place: Path, url: str, known: Known) -> Iterator[Problem]:
    """Refuse a host that rows of the CRM decide on: whoever fills in a form there would choose it.

    One that is written out is refused where no call would be made to it.
    """
    host = re.split(r"(?<!/)/(?!/)", url, maxsplit=1)[0]
    try:
        names = set().union(*(names for _, names in needed_by(host, "url")))
    except MessageError:  # an expression with a slash in it
        names = {"it"}
    if any(not name.startswith(_OURS) for name in names):
        yield place, "url: write the host out, or take it from custom or tenant: no row may decide on it"
    refusal = None if is_template(host) else known.url_refusal(url if not is_template(url) else host)
    if refusal is not None:
        yield place, f"url: {refusal}"


def _action_checks(
    placed: Placed, spec: Campaign, known: Known, audience: Audience | None
) -> Iterator[Problem]:
    name = placed.step.action or ""
    if not known.actions:
        what = "this CRM cannot be written: actions need one in SQLite or PostgreSQL"
        yield placed.at("action"), what
        return
    if name not in known.actions:
        yield placed.at("action"), unknown("action", name, known.actions)
        return
    action = known.actions[name]
    yield from _subject_checks(placed, action, audience)
    yield from _value_checks(placed, action)
    yield from _undo_checks(placed, action)
    yield from _text_checks(placed.at("with"), placed.step.values, spec, placed.step, audience)
    refusal = known.refusal(name)
    if refusal is not None:
        yield placed.at("action"), f"action '{name}' would fail: {refusal}"


def _subject_checks(placed: Placed, action: Action, audience: Audience | None) -> Iterator[Problem]:
    """Refuse an action on a row of another table that has the same key."""
    if audience is None:
        return
    if action.subject is not None and action.subject != audience.subject:
        what = f"action '{action.name}' changes {action.subject}, and audience '{audience.name}' has "
        yield placed.at("action"), f"{what}{audience.subject}"
    for column in action.requires:
        if column not in {one.name for one in audience.columns}:
            what = f"action '{action.name}' needs an audience with {column}, '{audience.name}' has none"
            yield placed.at("action"), what


def _value_checks(placed: Placed, action: Action) -> Iterator[Problem]:
    step, parameters = placed.step, action.parameters
    assigned = {ASSIGNED} if step.assign is not None else set()
    allowed = ", ".join(sorted(parameters)) or "none"
    for name in sorted(action.needed - step.values.keys() - assigned):
        yield placed.at("with"), f"with: action '{action.name}' needs '{name}', allowed: {allowed}"
    for name, value in step.values.items():
        if name not in parameters:
            yield placed.at("with", name), unknown(f"value of action '{action.name}'", name, parameters)
        elif not is_template(value):
            objection = parameters[name].objection(parameters[name].resolved(value, _SOME_DAY))
            if objection is not None:
                yield placed.at("with", name), f"action '{action.name}': {objection}"
    if assigned - parameters.keys():
        yield placed.at("assign"), f"action '{action.name}' assigns nobody: it takes no {ASSIGNED}"


def _undo_checks(placed: Placed, action: Action) -> Iterator[Problem]:
    if placed.step.undo_after is None or undo(action, placed.step.values) is not None:
        return
    how = f"by a number '{action.undo}'" if action.undo else "by nothing"
    yield placed.at("undo_after"), f"action '{action.name}' can be taken back {how}"


def _text_checks(
    place: Path, texts: Mapping[str, object], spec: Campaign, step: Step, audience: Audience | None
) -> Iterator[Problem]:
    """Look for mistakes and unknown variables; then fill in samples, once without all that is optional."""
    if audience is None:
        return
    assigned = {ASSIGNED: 1} if step.assign is not None else {}
    # Nobody receives an action or a call.
    known = {name for name in variables(audience, spec, step) if not name.startswith("recipient.")}
    allowed = known | assigned.keys()
    samples = {
        when: {**sample(audience, campaign=spec, step=step, missing=bool(when)), **assigned}
        for when in ("", " when all optional values are missing")
    }
    for key, value in texts.items():
        try:
            strange = list(_strange(value, key, allowed))
            yield from (((*place, key), what) for what in strange)
            for when, row in samples.items() if not strange else ():
                with _told(when):
                    fill_values(value, row, key)
        except MessageError as error:
            yield (*place, key), str(error)


def _strange(value: object, key: str, allowed: Collection[str]) -> Iterator[str]:
    for text, names in needed_by(value, key):
        for name in sorted(names.difference(allowed)):
            yield f"{text}: {unknown_variable(name, allowed)}"


@contextmanager
def _told(when: str) -> Iterator[None]:
    try:
        yield
    except MessageError as error:
        msg = f"{error}{when}"
        raise MessageError(msg) from error
