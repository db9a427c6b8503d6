"""Renders a template before anybody gets it: with every value, and with every optional one missing.

Says which variables a template may use. Nothing is sent and no customer is looked at.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from automation_pipelines.catalogue.sources import TENANTS
from automation_pipelines.catalogue.types import Audience, Column, Type
from automation_pipelines.conditions import unknown
from automation_pipelines.errors import MessageError
from automation_pipelines.messages import MessageTemplate, TemplateSource, undeclared
from automation_pipelines.playbooks import PARTS

_RECIPIENT = {"name": "Ada Example", "first_name": "Ada", "email": "ada@mail.example.com"}
_NOTHING: dict[str, Any] = dict.fromkeys(PARTS, "")
_CAMPAIGN = {"id": "sample", "title": "A sample"}
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


def variables(audience: Audience) -> frozenset[str]:
    """Return every variable a template of this audience may use."""
    columns = {column.name for column in audience.columns}
    spaces = (("recipient", _RECIPIENT), ("tenant", _TENANT), ("campaign", _CAMPAIGN))
    return frozenset(columns | {f"{space}.{name}" for space, names in spaces for name in names})


def sample(audience: Audience, *, missing: bool = False) -> dict[str, Any]:
    """Return one job's variables as delivery would pass them; with `missing`, all optional ones null."""
    columns = {column.name: _value(column, missing=missing) for column in audience.columns}
    tenant = {
        name: None if missing and not TENANTS.column(name).required else _TENANT[name] for name in _TENANT
    }
    recipient = {**dict.fromkeys(_RECIPIENT), "email": _RECIPIENT["email"]} if missing else _RECIPIENT
    return {**columns, "recipient": recipient, "tenant": tenant, "campaign": _CAMPAIGN}


def _value(column: Column, *, missing: bool) -> object:
    if missing and not column.required:
        return None
    known = {"currency": "EUR", "country": "FR"}
    return column.values[0] if column.values else known.get(column.name, _SAMPLES[column.type])


def rehearse(home: Path, source: TemplateSource, audience: Audience) -> Iterator[str]:
    """Say what is wrong with a template for this audience; nothing when it renders."""
    try:
        strange = list(_strange(home, source, variables(audience)))
        yield from strange
        if strange:
            return
        template = MessageTemplate(source)
    except MessageError as error:
        yield f"template {home}: {error}"
        return
    for missing in (False, True):
        when = " when all optional values are missing" if missing else ""
        try:
            template.render(sample(audience, missing=missing))
        except MessageError as error:
            yield f"template {home} fails{when}: {error}"
            return


def _strange(home: Path, source: TemplateSource, allowed: Iterable[str]) -> Iterator[str]:
    allowed = frozenset(allowed)
    for part, file in PARTS.items():
        alone = replace(source, **{**_NOTHING, part: getattr(source, part)})
        for name in sorted(undeclared(alone) - allowed):
            yield f"template {home / file}: {unknown('variable', name, allowed)}"
