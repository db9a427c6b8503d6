"""What campaign files may name in one installation. Checks nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from automation_pipelines.catalogue.actions import Action
from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.types import Audience


def _no_refusal(_asked: str) -> None:
    """Nobody was asked."""


@dataclass(frozen=True, slots=True)
class Known:
    """What campaigns may name in this installation.

    `channels` take hand-offs. `actions` are the write-backs; it is empty when the CRM cannot be written.
    `refusal` asks the CRM itself why it would refuse an action; it is called for those that are used.
    """

    channels: frozenset[str]
    actions: Mapping[str, Action]
    audiences: Mapping[str, Audience] = field(default_factory=lambda: AUDIENCES)
    written: Mapping[str, str] = field(default_factory=dict)
    """Message channels that write to the CRM, and the action that each is."""
    unavailable: Mapping[str, str] = field(default_factory=dict)
    """Channels that exist, and why they cannot be delivered here."""
    marketing: str | None = None
    """Why marketing cannot leave by e-mail here; `None`: it can."""
    refusal: Callable[[str], str | None] = _no_refusal
    url_refusal: Callable[[str], str | None] = _no_refusal
    """Says why calls to a URL would not be made."""
    sms_segments: int = 10
    """No SMS may take more."""
