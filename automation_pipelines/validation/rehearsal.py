"""Renders a template before anybody gets it: with every value, and with every optional one missing.

Says which variables a template may use, and lists all it lacks: of all parts, in all languages. Nothing
is sent and no customer is looked at.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from automation_pipelines.campaign import Campaign, Step
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.tenant_settings import TENANT_SETTINGS
from automation_pipelines.catalogue.types import Audience, Column, Type
from automation_pipelines.errors import MessageError
from automation_pipelines.messages import (
    NAMESPACES,
    NOTES,
    Content,
    NoteContent,
    TemplateSource,
    file_of,
    text_needs,
)
from automation_pipelines.messages.context import SETTINGS, STANDING, Occasion, context, standard_settings
from automation_pipelines.messages.links import WAYS_OUT
from automation_pipelines.messages.optout import NO_LINKS, SAMPLE_LINKS, Links
from automation_pipelines.messages.segments import length_of
from automation_pipelines.messages.trial import Rehearsed
from automation_pipelines.model import Purpose
from automation_pipelines.validation.footers import unshown

_RECIPIENT: Mapping[str, object] = {
    "name": "Ada Example",
    "first_name": "Ada",
    "company_name": "Example & Sons",
    "email": "ada@mail.example.com",
    "locale": "en-GB",
    "time_zone": "Europe/Paris",
}
_OWNER: Mapping[str, object] = {"name": "Grace Sample", "email": "grace@travel.example.com"}
_TENANT: Mapping[str, object] = {
    "id": 1,
    "name": "Example Travel",
    "time_zone": "Europe/Paris",
    "locale": "en",
    "currency": "EUR",
    "sender_name": "Example Travel",
    "brand_color": "#0b6e6e",
    "logo_url": "https://www.example.com/logo.png",
    "website": "https://www.example.com",
    "postal_address": "1 Example Street, 75001 Paris",
}
_SAMPLES: Mapping[Type, object] = {
    Type.ID: 1,
    Type.INTEGER: 3,
    Type.MONEY: 123_450,
    Type.NUMBER: 1.5,
    Type.TEXT: "Sample",
    Type.BOOLEAN: True,
    Type.DATE: "2026-05-31",
    Type.INSTANT: "2026-05-31T09:00:00Z",
}
_NAMED: Mapping[str, object] = {
    "first_name": "Ada",
    "customer_name": "Ada Example",
    "company_name": "Example & Sons",
    "account_name": "Example & Sons",
    "agent_name": "Grace Sample",
    "email": "ada@mail.example.com",
    "destination": "Lisbon",
    "number": "Q-1042",
    "reference": "B-2077",
    "title": "Two weeks in Portugal",
    "currency": "EUR",
    "country": "FR",
}
_MESSAGE = ("channel", "locale", "direction")
_COUPON = "SAMPLE-2026"
_ITEMS = 2
_NEAREST = 3


def variables(
    audience: Audience, campaign: Campaign | None = None, step: Step | None = None
) -> frozenset[str]:
    """Return every variable a template of this audience may use."""
    filled = sample(audience, campaign=campaign, step=step)
    filled["message"] = dict.fromkeys(_MESSAGE)
    columns = {column.name for column in audience.columns}
    spaced = {f"{space}.{name}" for space in NAMESPACES & filled.keys() for name in filled[space]}
    given = filled.keys() & {"agent_id", "coupon", "items", *WAYS_OUT}
    return frozenset(columns | spaced | STANDING.keys() | given)


def sample(
    audience: Audience,
    *,
    missing: bool = False,
    campaign: Campaign | None = None,
    step: Step | None = None,
    channel: str = "email",
) -> dict[str, Any]:
    """Return one job's variables as delivery would pass them; with `missing`, all optional ones null."""
    occasion = Occasion(campaign or _campaign(audience.name), step, channel)
    return context(
        row(audience, occasion.campaign, missing=missing),
        occasion,
        tenant(missing=missing),
        links=links(occasion.campaign, missing=missing),
    )


def links(campaign: Campaign, *, missing: bool = False) -> Links:
    """Return the ways out of a message; with `missing`, those of an installation without pages."""
    if campaign.purpose is not Purpose.MARKETING:
        return NO_LINKS
    return Links(mailto=SAMPLE_LINKS.mailto) if missing else SAMPLE_LINKS


def tenant(*, missing: bool = False) -> dict[str, object]:
    """Return a tenant as the latest tick would have seen it."""
    column = SOURCES["tenants"].column
    row = {name: None if missing and not column(name).required else value for name, value in _TENANT.items()}
    return {
        **row,
        SETTINGS: {name: _set(name, value, missing=missing) for name, value in standard_settings().items()},
    }


def _set(name: str, value: object, *, missing: bool) -> object:
    """What a tenant may have set: where there is no default, some value or none."""
    return value if value is not None or missing else _SAMPLES[TENANT_SETTINGS[name].type]


def row(audience: Audience, campaign: Campaign, *, missing: bool = False) -> dict[str, Any]:
    """Return what planning would put into a job of this audience."""
    columns = {column.name: _value(column, missing=missing) for column in audience.columns}
    recipient = {**dict.fromkeys(_RECIPIENT), "email": _RECIPIENT["email"]} if missing else _RECIPIENT
    more: dict[str, Any] = {"recipient": recipient, "agent_id": None if missing else _SAMPLES[Type.ID]}
    if campaign.sender == "owner":
        more["owner"] = dict.fromkeys(_OWNER) if missing else _OWNER
    if campaign.coupons is not None:
        more["coupon"] = _COUPON
    if campaign.digest:
        more["items"] = [columns] * _ITEMS
    return {**columns, **more}


def _campaign(audience: str) -> Campaign:
    step = {"id": "sample", "channel": "email", "template": "sample"}
    return Campaign.model_validate(
        {"id": "sample", "title": "A sample", "audience": audience, "steps": [step]}
    )


def _value(column: Column, *, missing: bool) -> object:
    if missing and not column.required:
        return None
    return column.values[0] if column.values else _NAMED.get(column.name, _SAMPLES[column.type])


def rehearse(
    home: Path,
    source: TemplateSource,
    audience: Audience,
    campaign: Campaign | None = None,
    step: Step | None = None,
    *,
    sms_segments: int | None = None,
) -> Iterator[str]:
    """Say what is wrong with a template for this audience; nothing when it renders, and is short enough."""
    try:
        rehearsed = Rehearsed(source)
        allowed = variables(audience, campaign, step)
        strange = _strange(rehearsed, allowed)
        yield from (f"template {home / file}: {what}" for (file, _), what in strange.items())
        subject = sorted(text_needs(step.subject, "subject") - allowed) if step and step.subject else []
        yield from (f"subject: {unknown_variable(name, allowed)}" for name in subject)
        if subject:
            return
        told = {name for _, name in strange}
        for missing in (False, True):
            filled = sample(audience, missing=missing, campaign=campaign, step=step)
            spoken = [_in_language(filled, tag) for tag in (source.locale, *source.locales)]
            problems = _lacking(rehearsed, spoken, step, told, sms_segments)
            when = " when all optional values are missing" if missing else ""
            yield from (f"template {home} fails{when}: {what}" for what in problems)
            if problems:
                return
        if campaign is not None and not strange:
            hidden = _hidden(rehearsed, source, audience, campaign, step)
            yield from (f"template {home / file}: {what}" for file, what in hidden)
    except MessageError as error:
        yield f"template {home}: {error}"


def _hidden(
    rehearsed: Rehearsed, source: TemplateSource, audience: Audience, campaign: Campaign, step: Step | None
) -> dict[tuple[str, str], None]:
    """What marketing must show and this template does not, in any language, by file."""
    found: dict[tuple[str, str], None] = {}
    if campaign.purpose is not Purpose.MARKETING or "email" not in channels_of(step):
        return found
    for missing in (False, True):
        filled = sample(audience, missing=missing, campaign=campaign, step=step)
        # Marketing of a tenant without an address does not leave.
        filled["tenant"] = {**filled["tenant"], "postal_address": _TENANT["postal_address"]}
        for tag in (source.locale, *source.locales):
            said = rehearsed.try_out(_in_language(filled, tag), ["email"]).said.get("email")
            if isinstance(said, Content):
                found |= dict.fromkeys(unshown(source, tag, said, filled))
    return found


def unknown_variable(name: str, allowed: Collection[str]) -> str:
    """Say which variables are nearest, and where the others are told: they are too many for a line."""
    # Whoever leaves out where it belongs means `account.name` by `name`.
    own = [other for other in sorted(allowed) if other.rpartition(".")[2] == name]
    nearest = dict.fromkeys([*own, *get_close_matches(name, sorted(allowed), n=_NEAREST)])
    hint = f" (did you mean {' or '.join(map(repr, list(nearest)[:_NEAREST]))}?)" if nearest else ""
    where = (
        "a template knows its audience's columns (docs/data-dictionary.md) and what docs/templates.md lists"
    )
    return f"unknown variable '{name}'{hint}: {where}"


def _strange(rehearsed: Rehearsed, allowed: Collection[str]) -> dict[tuple[str, str], str]:
    """Find unknown variables by file and name."""
    found = {}
    for label, names in rehearsed.needed.items():
        part, _, tag = label.partition(".")
        for name in sorted(names - frozenset(allowed)):
            found[file_of(part, tag), name] = unknown_variable(name, allowed)
    return found


def _lacking(
    rehearsed: Rehearsed,
    rows: Iterable[Mapping[str, Any]],
    step: Step | None,
    told: Collection[str],
    sms_segments: int | None,
) -> list[str]:
    """Try a template out; say what it lacks that is not told yet, and what else is wrong."""
    found: dict[str, None] = {}
    for filled in rows:
        tried = rehearsed.try_out(filled, channels_of(step), step.subject if step else None)
        lacks = [f"there is no '{name}'" for name in tried.missing if name not in told]
        found |= dict.fromkeys([*lacks, *tried.problems, *_too_long(tried.said.get("sms"), sms_segments)])
    return list(found)


def _too_long(said: object, most: int | None) -> Iterator[str]:
    """An SMS is paid by the segment, and networks carry only so many."""
    if not isinstance(said, NoteContent) or most is None:
        return
    length = length_of(said.text)
    if length.segments > most:
        why = f", because of {length.foreign[:10]}" if length.foreign else ""
        yield f"its SMS takes {length.segments} segments, and {most} are allowed{why}: write a short sms.txt"


def _in_language(filled: Mapping[str, Any], tag: str) -> dict[str, Any]:
    return {**filled, **{who: {**filled[who], "locale": tag} for who in ("recipient", "tenant")}}


def channels_of(step: Step | None) -> tuple[str, ...]:
    """Return the channels a step may take that carry what a template says."""
    ways = step.ways if step else ("email",)
    return tuple(way for way in ways if way == "email" or way in NOTES)
