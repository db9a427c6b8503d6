"""Who a campaign is for and when its steps fall due, checked against its audience and the tenant settings."""

from collections.abc import Collection, Iterator
from datetime import time

from automation_pipelines.campaign import ROLES, Campaign, Span, Step, setting_in
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.tenant_settings import SETTING_TYPES, TENANT_SETTINGS
from automation_pipelines.catalogue.types import Anchor, Audience, Type
from automation_pipelines.conditions import Condition, findings, unknown
from automation_pipelines.validation.declarations import Problem
from automation_pipelines.validation.documents import Path
from automation_pipelines.validation.handoffs import Placed

_OF_ACCOUNTS = frozenset({"contacts", "account_owner", "success_manager"})
_COUNTS = [name for name, setting in TENANT_SETTINGS.items() if setting.type is Type.INTEGER]
_TIMES = [name for name in TENANT_SETTINGS if name.endswith("_time")]
_ZONES = [name for name in TENANT_SETTINGS if name.endswith("_time_zone")]
_LISTS = {
    "recipient": [name for name in TENANT_SETTINGS if name.endswith("_escalate_to")],
    "channels": [name for name in TENANT_SETTINGS if name.endswith("_channels")],
}


def programme_checks(spec: Campaign, audience: Audience) -> Iterator[Problem]:
    """Say what is wrong with the campaign as a whole."""
    yield from _condition_checks(spec.conditions, ("conditions",), audience)
    yield from _condition_checks(spec.exit, ("exit",), audience)
    yield from _named(spec.zone, ("zone",), _ZONES)
    if spec.window is not None and setting_in(spec.window.zone) is not None:
        yield ("window", "zone"), "window.zone must be 'tenant', 'recipient' or an IANA name, not a setting"
    yield from _anchor_checks(spec, audience)
    yield from _entry_checks(spec, audience)
    if spec.policy.max_lateness and spec.policy.max_lateness.setting:
        yield ("policy", "max_lateness"), "max_lateness must be a fixed length such as '3 days'"
    if spec.policy.repeat_after:
        yield from _span_checks(spec.policy.repeat_after, ("policy", "repeat_after"))


def step_checks(placed: Placed, audience: Audience) -> Iterator[Problem]:
    """Say what is wrong with the time of one step, and with whom it is for."""
    step = placed.step
    yield from _condition_checks(step.when, placed.at("when"), audience)
    yield from _span_checks(step.offset, placed.at("offset"))
    yield from _named(step.at, placed.at("at"), _TIMES)
    for key, allowed in _LISTS.items():
        yield from _named(getattr(step, key), placed.at(key), allowed)
    if step.offset.exact and step.after is None and audience.anchor is not Anchor.INSTANT:
        what = (
            f"offset '{step.offset}' needs an instant anchor, and audience '{audience.name}' has "
            "dates: write whole days, and the time of day as 'at'"
        )
        yield placed.at("offset"), what
    yield from _role_checks(placed, step, audience)


def _anchor_checks(spec: Campaign, audience: Audience) -> Iterator[Problem]:
    segment = audience.anchor is Anchor.SCHEDULE
    if segment and spec.schedule is None:
        what = f"audience '{audience.name}' is a segment: a schedule is missing (date and at, every, or cron)"
        yield ("audience",), what
    if not segment and spec.schedule is not None:
        segments = ", ".join(sorted(a.name for a in AUDIENCES.values() if a.anchor is Anchor.SCHEDULE))
        what = f"audience '{audience.name}' brings its own anchor, a schedule goes with: {segments}"
        yield ("schedule",), what


def _entry_checks(spec: Campaign, audience: Audience) -> Iterator[Problem]:
    columns = {column.name for column in audience.columns}
    if spec.timeline is not None and not columns >= {"stage", "still_there"}:
        fit = _with_columns("stage", "still_there")
        yield ("timeline",), f"audience '{audience.name}' has no stages, a timeline goes with: {fit}"
    if spec.entry == "manual" and "campaign" not in columns:
        fit = _with_columns("campaign")
        yield ("entry",), f"audience '{audience.name}' is not entered by hand, manual goes with: {fit}"


def _with_columns(*names: str) -> str:
    return ", ".join(
        sorted(a.name for a in AUDIENCES.values() if {*names} <= {column.name for column in a.columns})
    )


def _role_checks(placed: Placed, step: Step, audience: Audience) -> Iterator[Problem]:
    roles = () if isinstance(step.recipient, str) else step.recipient
    strangers = _OF_ACCOUNTS & {*roles, *step.cc, *step.bcc}
    if strangers and "account_id" not in {column.name for column in audience.columns}:
        what = f"audience '{audience.name}' has no account: nobody is its {', '.join(sorted(strangers))}"
        others = sorted(set(ROLES) - _OF_ACCOUNTS)
        yield placed.at("recipient"), f"{what}, allowed: {', '.join(others)}"


def _condition_checks(condition: Condition | None, place: Path, audience: Audience) -> Iterator[Problem]:
    if condition is not None:
        types = {column.name: column.type for column in audience.columns} | SETTING_TYPES
        types["engagement_score"] = Type.NUMBER
        yield from (((*place, *finding.path), finding.message) for finding in findings(condition, types))


def _span_checks(span: Span, place: Path) -> Iterator[Problem]:
    if span.setting is not None and span.setting not in _COUNTS:
        yield place, f"{place[-1]}: {unknown('setting that counts', span.setting, _COUNTS)}"


def _named(value: object, place: Path, allowed: Collection[str]) -> Iterator[Problem]:
    """Refuse a setting in braces that has no values of this kind."""
    name = None if isinstance(value, time) else setting_in(value)
    if name is not None and name not in allowed:
        yield place, f"{place[-1]}: {unknown('setting', name, allowed)}"
