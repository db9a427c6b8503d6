"""On whose behalf a message goes: the tenant's, a campaign's own sender, or the owner of the record.

Who answers must be a person; whose name the mail is sent in must be a domain the tenant may send from.
So an owner's address elsewhere becomes Reply-To. An address a campaign declares is taken at its word.
"""

from collections.abc import Mapping
from typing import Any, Literal

from automation_pipelines.campaign import SenderAddress
from automation_pipelines.errors import MessageError
from automation_pipelines.messages.mime import Mailbox, Sender, usable_address


def sender_for(
    tenant: Mapping[str, Any],
    declared: SenderAddress | Literal["tenant", "owner"] = "tenant",
    owner: Mapping[str, Any] | None = None,
) -> Sender:
    """Return From and Reply-To; an owner without a usable address leaves the tenant's."""
    mailbox = Mailbox(tenant.get("sender_name") or "", tenant["sender_email"])
    own = Sender(mailbox, tenant.get("reply_to"))
    if isinstance(declared, SenderAddress):
        name = mailbox.name if declared.name is None else declared.name
        return Sender(Mailbox(name, declared.email or mailbox.address), declared.reply_to or own.reply_to)
    return own if declared == "tenant" else _owner(own, owner or {})


def _owner(own: Sender, owner: Mapping[str, Any]) -> Sender:
    name, address = owner.get("name") or own.mailbox.name, _usable(owner.get("email"))
    if address is None:
        return own
    if _domain(address) == _domain(own.mailbox.address):
        return Sender(Mailbox(name, address), None)
    return Sender(Mailbox(name, own.mailbox.address), address)


def _usable(address: object) -> str | None:
    try:
        return usable_address(address) if isinstance(address, str) else None
    except MessageError:
        return None


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()
