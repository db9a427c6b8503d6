"""A service that takes notices over HTTP, as the other side of channels `chat` and `slack`."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from automation_pipelines.channels import apprise
from automation_pipelines.channels.chat import ChatChannel
from automation_pipelines.model import Command, Handoff, Note
from tests.conformance.posts import AT, SECRET
from tests.loopback import Asked, Loopback, Said


@dataclass
class ChatPost:
    """A service with a password in its address."""

    name: str
    taken: list[dict[str, str]] = field(default_factory=list)
    server: Loopback = field(init=False)
    channel: ChatChannel = field(init=False)

    def __post_init__(self) -> None:
        self.server = Loopback(self._take)

    def open(self) -> None:
        """Start the service and the channel to it."""
        self.server.start()
        self.channel = ChatChannel(self.name, f"json://someone:right%20horse@localhost:{self.server.port}/in")

    def _take(self, asked: Asked) -> Said:
        self.taken.append(asked.json)
        return Said(200, "ok")

    def handoff(self, job: int) -> Handoff:
        head = (job, 1, f"{job}.test")
        if self.name == "chat":
            return Note(*head, "kim@staff.example.com", f"Offer {job}", "Hello — for you")
        return Command(*head, "slack", "post-message", {"title": f"Offer {job}", "text": "Hello"}, AT)

    def effects(self, job: int) -> int:
        return sum(notice["title"] == f"Offer {job}" for notice in self.taken)

    def misbehave(self, how: str) -> bool:
        if how == "permanent":
            self.server.before = lambda _: Said(400, f"someone:{SECRET} wrote nonsense")
            return True
        # What a service wrote into its headers, Apprise does not tell.
        return how != "throttled for two minutes" and self.server.misbehave(how)

    def behave(self) -> None:
        self.server.behave()


@contextmanager
def chat_post(name: str) -> Iterator[ChatPost]:
    """The channel to a service that is not waited for long."""
    post = ChatPost(name)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(apprise, "_ANSWER_SECONDS", 0.5)
        apprise._service.cache_clear()
        post.open()
        yield post
        post.server.stop()
        apprise._service.cache_clear()
