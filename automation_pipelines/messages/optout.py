"""The ways out of marketing: links for who reads it, headers for mail programs (RFC 2369, 2919, 8058).

They lead to the pages of this installation, or to a mailbox while it has none. Transactional and
internal messages have no such thing. Whose a link is, is `tokens`'; the service behind them is not here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from automation_pipelines.campaign import Campaign
from automation_pipelines.messages.links import WAYS_OUT
from automation_pipelines.messages.mime import phrase, usable_address
from automation_pipelines.messages.tokens import SAMPLE, Claim, LinkKeys, Page
from automation_pipelines.settings import Settings

PATHS: Mapping[Page, str] = {"unsubscribe": "u", "preferences": "p", "view": "v", "open": "o", "click": "c"}
"""Where each page is below the public URL: `<url>/u/<token>`."""
ONE_CLICK = "List-Unsubscribe=One-Click"
"""What a mail program posts to the unsubscribe page (RFC 8058)."""
UNSUBSCRIBE = "unsubscribe"
"""With this word begins the subject of a mail to unsubscribe; the token, where there is one, follows it."""


@dataclass(frozen=True, slots=True)
class Links:
    """The ways out of one message; `None`: there is no such way."""

    page: str | None = None
    """Where a person confirms and a mail program posts."""
    mailto: str | None = None
    preferences: str | None = None
    browser: str | None = None
    """Where the message can be read while its payload is kept."""

    @property
    def unsubscribe(self) -> str | None:
        """What a reader finds as the way out."""
        return self.page or self.mailto

    def variables(self) -> dict[str, str | None]:
        """The names under which templates find them."""
        return dict(zip(WAYS_OUT, (self.unsubscribe, self.preferences, self.browser), strict=True))


_NO_PAGES = (
    "marketing by e-mail needs links to unsubscribe: set AUTOMATION_PUBLIC_URL (https://…) and "
    "AUTOMATION_LINK_SECRET"
)
NO_ADDRESS = (
    "has no postal address, which marketing by e-mail must show: fill in postal_address of source tenants, "
    "or set AUTOMATION_BRAND_POSTAL_ADDRESS"
)
NO_LINKS = Links()
SAMPLE_LINKS = Links(
    f"https://www.example.com/u/{SAMPLE}",
    "mailto:hello@example.com?subject=unsubscribe",
    f"https://www.example.com/p/{SAMPLE}",
    f"https://www.example.com/v/{SAMPLE}",
)
"""Those of a rehearsal or a preview."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where the links of an installation lead, and with what they are signed."""

    url: str | None = None
    keys: LinkKeys | None = None
    mailbox: str | None = None
    strict: bool = False
    """Whether e-mails really leave, so that no marketing may go without."""

    @classmethod
    def of(cls, settings: Settings) -> "Site":
        """What the installation sets; half of it is nothing."""
        secret = settings.link_secret
        if settings.public_url is None or secret is None:
            return cls(strict=settings.smtp_url is not None)
        keys = LinkKeys(secret.get_secret_value())
        return cls(settings.public_url, keys, settings.unsubscribe_mailbox, settings.smtp_url is not None)

    def links(self, claim: Claim, tenant: Mapping[str, Any], *, test: bool = False) -> Links:
        """The ways out of one message; those of a test act on nobody's behalf."""
        token = None if self.keys is None else SAMPLE if test else self.keys.sign("unsubscribe", claim)
        mailto = self._mailto(tenant, token) if claim.channel == "email" else None
        if self.keys is None:
            return Links(mailto=mailto)
        return Links(
            f"{self.url}/{PATHS['unsubscribe']}/{token}",
            mailto,
            *(
                f"{self.url}/{PATHS[page]}/{SAMPLE if test else self.keys.sign(page, claim)}"
                for page in ("preferences", "view")
            ),
        )

    def _mailto(self, tenant: Mapping[str, Any], token: str | None) -> str:
        """RFC 6068: to our own mailbox, or to the people who read what is answered."""
        to = _quoted(self.mailbox or tenant.get("reply_to") or tenant["sender_email"])
        return f"mailto:{to}?subject={UNSUBSCRIBE}" + (f"%20{token}" if token else "")

    def objection(self, tenant: Mapping[str, Any]) -> str | None:
        """What marketing by e-mail must have and does not, and what to do about it; `None`: nothing."""
        if not self.strict:
            return None
        if self.lacking is not None:
            return self.lacking
        return None if tenant.get("postal_address") else f"tenant {tenant.get('id')} {NO_ADDRESS}"

    @property
    def lacking(self) -> str | None:
        """What must be set before any marketing may leave by e-mail; `None`: nothing."""
        return _NO_PAGES if self.strict and self.keys is None else None


@lru_cache(maxsize=1024)
def _quoted(address: str) -> str:
    return quote(usable_address(address), safe="@")


def list_headers(links: Links, spec: Campaign, tenant: Mapping[str, Any], installation: str) -> str:
    """The headers of one marketing e-mail, each line ended.

    `installation` names it among all that hand over to the same servers; Google wants 5 to 15 characters.
    """
    ways = ",\r\n ".join(f"<{way}>" for way in (links.page, links.mailto) if way)
    one_click = f"List-Unsubscribe-Post: {ONE_CLICK}\r\n" if links.page else ""
    return (
        f"List-Unsubscribe: {ways}\r\n"
        f"{one_click}"
        f"List-Id: {_list_id(spec.topic, tenant)}\r\n"
        f"Feedback-ID: {spec.id}:{tenant['id']}:{spec.kind}:{installation[:15]}\r\n"
    )


def _list_id(topic: str, tenant: Mapping[str, Any]) -> str:
    """RFC 2919: a tenant's topic, in the tenant's own domain whoever a message is from."""
    domain = usable_address(tenant["sender_email"]).rpartition("@")[2].lower()
    name = phrase(str(tenant.get("name") or ""))
    return f"{name}\r\n <{topic}.tenant-{tenant['id']}.{domain}>".lstrip()
