"""The variables of a message: the ONE place where they are put together.

Trying a template out, previewing it and delivering it all come here, so that what was looked at is what
is sent. What a planned job carries (the audience's columns, recipient, owner, coupon, items) is
`planning`'s; the tenant's row is as the latest tick saw it.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any

from automation_pipelines.campaign import Campaign, Step
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.tenant_settings import TENANT_SETTINGS
from automation_pipelines.messages.optout import NO_LINKS, Links
from automation_pipelines.model import Scalar
from automation_pipelines.settings import Settings

RECIPIENT = ("name", "first_name", "email", "company_name", "locale", "time_zone")
"""What is known of whom a message goes to; null where it is not."""
GROUPS = ("account", "contact", "engagement", "goals")
"""Groups of columns a template finds by name: `account.health_score`."""
SETTINGS = "setting"
"""Under this name a tenant's row holds its settings; templates find them as `setting.name`."""
STANDING = {"customer_name": "name", "first_name": "first_name", "company_name": "company_name"}
"""Names every template may use: where the audience has no such column, the recipient's."""


@dataclass(frozen=True, slots=True)
class Branding:
    """What a tenant's messages look like where the tenant does not say: the product's own."""

    brand_color: str | None = None
    logo_url: str | None = None
    website: str | None = None
    postal_address: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Branding":
        """What the installation sets."""
        return cls(
            settings.brand_color,
            settings.brand_logo_url,
            settings.brand_website,
            settings.brand_postal_address,
        )


@dataclass(frozen=True, slots=True)
class Occasion:
    """What a message is part of; `variant` is the recipient's arm of an experiment."""

    campaign: Campaign
    step: Step | None = None
    channel: str = "email"
    variant: str | None = None

    @property
    def custom(self) -> dict[str, Any]:
        """The variables the campaign file declares; a step's own come first."""
        return {**self.campaign.variables, **(self.step.variables if self.step else {})}


def context(
    variables: Mapping[str, Any],
    occasion: Occasion,
    tenant: Mapping[str, Any],
    *,
    address: str | None = None,
    branding: Branding | None = None,
    links: Links = NO_LINKS,
) -> dict[str, Any]:
    """Make what a template is rendered with, of what a job carries and whose it is.

    `address` is the recipient's, which a ledger keeps apart from the variables; `links` are the ways out
    of marketing.
    """
    recipient = {**dict.fromkeys(RECIPIENT), "email": address, **variables.get("recipient", {})}
    own = {name: value for name, value in tenant.items() if name != SETTINGS}
    whose = _branded(own, branding)
    return {
        **{name: recipient.get(theirs) for name, theirs in STANDING.items()},
        **variables,
        **_grouped(variables, occasion.campaign.audience),
        **links.variables(),
        "recipient": recipient,
        "tenant": whose,
        "setting": {**standard_settings(), **(tenant.get(SETTINGS) or {})},
        "campaign": {"id": occasion.campaign.id, "title": occasion.campaign.title},
        "custom": {**occasion.custom, **variables.get("custom", {})},
        "message": {"channel": occasion.channel, "utm": utm(occasion, whose)},
    }


@cache
def standard_settings() -> Mapping[str, Scalar]:
    """The settings of a tenant that has none of its own."""
    return {name: setting.value(setting.default) for name, setting in TENANT_SETTINGS.items()}


def _branded(tenant: Mapping[str, Any], branding: Branding | None) -> Mapping[str, Any]:
    if branding is None:
        return tenant
    return {**tenant, **{name: own for name, own in _known(branding) if tenant.get(name) is None}}


@cache
def _known(branding: Branding) -> tuple[tuple[str, str], ...]:
    return tuple((name, own) for name, own in asdict(branding).items() if own is not None)


@cache
def grouped_names(audience: str) -> Mapping[str, tuple[str, str]]:
    """Return which columns of an audience a template finds in a group: column → (group, name)."""
    columns = AUDIENCES[audience].columns if audience in AUDIENCES else ()
    paths = {column.name: column.variable.partition(".") for column in columns if column.variable}
    return {column: (group, name) for column, (group, _, name) in paths.items() if name}


def _grouped(variables: Mapping[str, Any], audience: str) -> dict[str, dict[str, Any]]:
    groups = {group: dict(variables.get(group) or {}) for group in GROUPS}
    for column, (group, name) in grouped_names(audience).items():
        if column in variables:
            groups.setdefault(group, {}).setdefault(name, variables[column])
    return groups


def utm(occasion: Occasion, tenant: Mapping[str, Any]) -> dict[str, str | None] | None:
    """Return the parameters of the message's links, defaults applied; `None` where none are declared."""
    declared = occasion.campaign.utm
    if declared is None:
        return None
    part = occasion.variant or (occasion.step.id.partition("/")[0] if occasion.step else None)
    return {
        "source": declared.source or slug(str(tenant.get("name") or "")) or f"tenant-{tenant.get('id')}",
        "medium": declared.medium or occasion.channel,
        "campaign": declared.campaign or occasion.campaign.id,
        "content": declared.content or part,
        "term": declared.term,
    }


def slug(name: str) -> str:
    """`Harbour & Pine Travel` → `harbour-pine-travel`; empty where nothing is left in ASCII."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
