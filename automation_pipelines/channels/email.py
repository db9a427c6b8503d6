"""E-mail over SMTP: a few connections at once, each used for many messages.

What is said over a connection, and which server is next, is `smtp`'s.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from smtplib import SMTPResponseException

from pydantic import SecretStr

from automation_pipelines.channels.smtp import (
    LONGEST,
    Letter,
    Relays,
    Server,
    Session,
    Take,
    servers,
    wait_asked,
)
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Email, Handoff, Outcome, Reject, Retry
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Dkim

Seal = Callable[[bytes], bytes]
_PATIENCE = 2  # connections lost without a word


class EmailChannel:
    """Channel `email` over one SMTP server or several. Safe to use from one thread at a time.

    A message goes to another server only where the first has certainly not taken it.
    """

    name = "email"
    repeatable = False

    def __init__(self, urls: str, *, connections: int = 8, seal: Seal = bytes) -> None:
        """Read the URLs, `ConfigurationError` if that fails; connect to nothing yet.

        `seal` is done to the bytes of each message before they leave: signing.
        """
        self._relays = Relays(servers(urls))
        self._connections = connections
        self._seal = seal

    @classmethod
    def of(cls, urls: SecretStr, settings: Settings) -> "EmailChannel":
        """Assemble the channel of an installation; it signs where there is a key."""
        connections, dkim = settings.smtp_connections, settings.dkim
        seal = bytes if dkim is None else _signer(dkim)
        return cls(urls.get_secret_value(), connections=connections, seal=seal)

    @cached_property
    def _pool(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._connections, thread_name_prefix="smtp")

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Hand over all of them, over as many connections at once as there may be."""
        batch = _Batch(handoffs, self._seal)
        workers = min(self._connections, len(handoffs))
        for done in [self._pool.submit(self._work, batch) for _ in range(workers)]:
            done.result()
        return batch.answers

    def close(self) -> None:
        """Say goodbye on every connection."""
        if "_pool" in self.__dict__:
            self._pool.shutdown()
            del self._pool
        self._relays.close()

    def _work(self, batch: "_Batch") -> None:
        """Use one connection, and another where it is lost, until nothing is left."""
        own: deque[Letter] = deque()

        def take() -> Letter | None:
            return own.popleft() if own else batch.take()

        while (letter := take()) is not None:
            server = self._relays.choose(letter.tried | batch.down)
            if server is None:
                none_left = self._relays.choose(batch.down) is None
                batch.settle(letter, Retry(batch.why, wait_asked(batch.why), provider=none_left))
                continue
            own.appendleft(letter)
            session = self._session(server, letter, batch)
            if session is not None:
                own.extendleft(reversed(self._carried(session, letter, take, batch)))

    def _session(self, server: Server, letter: Letter, batch: "_Batch") -> Session | None:
        try:
            return self._relays.session(server)
        except Exception as error:  # noqa: BLE001 - a host name can be wrong in more than one way
            letter.tried.add(server)
            self._blame(server, error, batch, certainly=True)
            return None

    def _carried(self, session: Session, first: Letter, take: Take, batch: "_Batch") -> list[Letter]:
        """Hand over what there is; return what the loss of the connection has left untouched.

        What may have been taken has no answer.
        """
        try:
            session.carry(take, batch.settle)
        except Exception as error:  # noqa: BLE001 - a bug with one message must not stop the others
            session.close()
            untouched = [letter for letter in session.hand if not letter.left]
            if isinstance(error, OSError):
                self._suspect(session, first, error, batch)
                return untouched
            refusal = Reject(f"cannot be handed over: {session.server.explain(error)}")
            for letter in untouched:
                batch.settle(letter, refusal)
        else:
            self._relays.keep(session)
        return []

    def _suspect(self, session: Session, first: Letter, error: OSError, batch: "_Batch") -> None:
        """Decide who is at fault for a lost connection.

        Servers close those that have done their work as they like. One over which nothing was ever
        answered speaks against its server, or its first message.
        """
        if session.proven:
            return
        if not first.left:
            first.tried.add(session.server)
        self._blame(session.server, error, batch, certainly=isinstance(error, SMTPResponseException))

    def _blame(self, server: Server, error: Exception, batch: "_Batch", *, certainly: bool) -> None:
        why = f"{server.host}: {server.explain(error)}"[:LONGEST]
        batch.blame(server, why, certainly=certainly)
        self._relays.rest(server, wait_asked(why))


def _signer(dkim: Dkim) -> Seal:
    if not all(map(find_spec, ("dkim", "cryptography"))):
        msg = "e-mails cannot be signed: run `pip install 'automation-pipelines[dkim]'`"
        raise ConfigurationError(msg)
    module = import_module("automation_pipelines.channels.smtp.signing")
    signer: Seal = module.Signer(dkim)
    return signer


class _Batch:
    """The hand-offs of one call and what became of them; one that nobody can tell of has no answer."""

    def __init__(self, handoffs: Sequence[Handoff], seal: Seal) -> None:
        self.answers: list[Outcome | None] = [None] * len(handoffs)
        self.down: set[Server] = set()
        self.why = ""
        self._seal = seal
        self._waiting = deque(enumerate(handoffs))
        self._failures: Counter[Server] = Counter()

    def take(self) -> Letter | None:
        """The next message, made ready to leave."""
        while self._waiting:
            try:
                place, handoff = self._waiting.popleft()
            except IndexError:  # another thread was faster
                return None
            if not isinstance(handoff, Email):
                self.answers[place] = Reject(f"{type(handoff).__name__} is no e-mail")
                continue
            try:
                return Letter.of(place, handoff, self._seal(handoff.content))
            except Exception as error:  # noqa: BLE001 - a bug with one message must not stop the others
                self.answers[place] = Reject(f"cannot be handed over: {type(error).__name__}: {error}")
        return None

    def settle(self, letter: Letter, answer: Outcome | None) -> None:
        """Note what became of a message."""
        self.answers[letter.place] = answer

    def blame(self, server: Server, why: str, *, certainly: bool) -> None:
        """Leave a server that failed out of the rest; where a message may be the cause, the second time."""
        self.why = why
        self._failures[server] += _PATIENCE if certainly else 1
        if self._failures[server] >= _PATIENCE:
            self.down.add(server)
