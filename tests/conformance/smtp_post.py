"""E-mail to two servers that read on while they answer (PIPELINING), signed."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.model import Handoff
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Dkim
from tests.conformance.posts import SECRET, email
from tests.mailserver import Script, scripted


@dataclass
class PipeliningPost:
    """Both servers say the same."""

    channel: EmailChannel
    scripts: tuple[Script, Script]

    def handoff(self, job: int) -> Handoff:
        return email(job)

    def effects(self, job: int) -> int:
        header = f"\r\nX-Job-ID: {job}\r\n".encode()
        return sum(header in content for script in self.scripts for _, content in script.messages)

    def misbehave(self, how: str) -> bool:
        replies: dict[str, dict[str, str | list[str | None] | None]] = {
            "temporary": {"RCPT": f"451 4.3.0 try later, someone:{SECRET}"},
            "throttled": {"MAIL": f"421 4.7.0 slow down, someone:{SECRET}"},
            "throttled for two minutes": {"GREETING": "421 4.7.0 slow down, try again in 2 minutes"},
            "permanent": {"RCPT": f"550 5.1.1 no such user, someone:{SECRET}"},
            "unreachable": {"DATA": None},
            "lost after hand-off": {"END": None},
            "malformed": {"END": "what?"},
            "slow before hand-off": {},
            "slow after hand-off": {},
        }
        for script in self.scripts:
            script.replies = dict(replies.get(how, {}))
            script.slow = {"slow before hand-off": "RCPT", "slow after hand-off": "END"}.get(how)
        return how in replies

    def behave(self) -> None:
        for script in self.scripts:
            script.replies, script.slow = {}, None


@contextmanager
def pipelining_post() -> Iterator[PipeliningPost]:
    """Two servers that take any password, and a key."""
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    dkim = Dkim(domain="acme.example.com", selector="s1", private_key=SecretStr(pem.decode()))
    features = ("PIPELINING", "SIZE 10000000", "AUTH PLAIN")
    scripts = Script(features=features), Script(features=features)
    with ExitStack() as stack:
        ports = [stack.enter_context(scripted(script)) for script in scripts]
        urls = SecretStr(
            " ".join(f"smtp://someone:right%20horse@127.0.0.1:{port}?tls=none" for port in ports)
        )
        channel = EmailChannel.of(urls, Settings(smtp_url=urls, smtp_connections=2, dkim=dkim))
        stack.callback(channel.close)
        yield PipeliningPost(channel, scripts)
