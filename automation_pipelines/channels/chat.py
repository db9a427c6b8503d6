"""Notices to staff in their chats, and messages that integration `slack` posts: Slack, Teams, and so on.

Which address is taken is `addresses`', what the service makes of it `apprise`'s.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from automation_pipelines.catalogue.integrations import integrated
from automation_pipelines.channels.addresses import Address, chosen, parse
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Command, Handoff, Note, Outcome, Reject, Retry
from automation_pipelines.settings import Settings


def build(name: str, settings: Settings) -> "ChatChannel":
    """Read the addresses, `ConfigurationError` if that fails; connect to nothing yet."""
    if settings.chat is None:
        msg = f"channel '{name}' is not configured: set AUTOMATION_CHAT__URLS"
        raise ConfigurationError(msg)
    return ChatChannel(name, settings.chat.urls.get_secret_value())


@dataclass(frozen=True, slots=True)
class _Notice:
    tenant: int
    to: str
    channel: str
    title: str
    text: str

    def said_at(self, address: Address) -> str:
        """The text, which names its recipient where others read it too."""
        return f"{self.to}: {self.text}" if self.to and not address.personal else self.text


class ChatChannel:
    """Channel `chat` takes notes, channel `slack` commands; both lead to the same addresses."""

    repeatable = False

    def __init__(self, name: str, urls: str) -> None:
        """Read the addresses."""
        self.name = name
        self._addresses = parse(urls)

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Hand over one after the other: services throttle by address."""
        return [self._deliver(one) for one in handoffs]

    def close(self) -> None:
        """Nothing is kept open."""

    def _deliver(self, handoff: Handoff) -> Outcome | None:
        notice = self._notice(handoff)
        return notice if isinstance(notice, Reject) else self._notify(notice)

    def _notice(self, handoff: Handoff) -> _Notice | Reject:
        if isinstance(handoff, Note) and self.name == "chat":
            return _Notice(handoff.tenant_id, handoff.to, "", handoff.title, handoff.text)
        if isinstance(handoff, Command) and handoff.target == self.name:
            return _posted(handoff)
        return Reject(f"{type(handoff).__name__} is nothing for channel {self.name}")

    def _notify(self, notice: _Notice) -> Outcome | None:
        """Ask one address; the next of the same only where that one certainly did not take it."""
        answer: Outcome | None = Retry(
            "no address in AUTOMATION_CHAT__URLS is for this notice", provider=True
        )
        for address in chosen(self._addresses, notice.tenant, notice.channel):
            url = address.filled({"to": notice.to, "channel": notice.channel})
            if url is None:
                continue
            answer = self._asked(address, url, notice)
            if not isinstance(answer, Retry | Reject):
                return answer
        return answer

    def _asked(self, address: Address, url: str, notice: _Notice) -> Outcome | None:
        from automation_pipelines.channels.apprise import notify  # noqa: PLC0415 - takes a second, to send

        try:
            return notify(address, url, notice.title, notice.said_at(address))
        except Exception as error:  # noqa: BLE001 - a bug with one notice must not stop the others
            return Reject(address.redacted(f"cannot be handed over: {type(error).__name__}: {error}")[:500])


def _posted(command: Command) -> _Notice | Reject:
    action = integrated(command.target, command.action)
    if action is None:
        return Reject(f"integration {command.target} has no action '{command.action}'")
    wrong = next(action.objections(command.parameters), None)
    if wrong is not None:
        return Reject(f"action '{action.name}' of {command.target}: {wrong}")
    given = {name: value or "" for name, value in action.values(command.parameters, str).items()}
    return _Notice(command.tenant_id, "", given.get("channel", ""), given.get("title", ""), given["text"])
