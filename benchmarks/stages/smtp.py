"""Bytes → SMTP server: hand-off to a sink that takes everything, here or at a distance."""

import os
import shutil
import smtplib
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.model import Email, Sent
from automation_pipelines.settings import Settings
from automation_pipelines.settings.providers import Dkim
from benchmarks.harness import Measured, Setting, Stage, Stopwatch, Way, stopwatch
from benchmarks.stages.rendering import messages

_CHUNK = 32  # as many as a worker hands over at once
_SOURCE = shutil.which("smtp-source")
_DJANGO = os.environ.get("BENCHMARK_DJANGO")
_PEM = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()


@contextmanager
def sink(milliseconds: float, *plain: str) -> Iterator[int]:
    """Run a server that far away in a process of its own and yield its port."""
    command = [sys.executable, "-m", "benchmarks.sink", str(milliseconds), *plain]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline()) if process.stdout else 0
    finally:
        process.terminate()
        process.wait()


def _dkim(key: str | None) -> Dkim | None:
    if key is None:
        return None
    made = Ed25519PrivateKey.generate() if key == "Ed25519" else generate_private_key(65537, 2048)
    pem = SecretStr(made.private_bytes(*_PEM).decode())
    return Dkim(domain="himal-trails.example.org", selector="s1", private_key=pem)


@dataclass(frozen=True, slots=True)
class Hop:
    """A server `milliseconds` away. The slow ways hand over only `sample` messages."""

    milliseconds: float
    messages: int
    sample: int
    connections: int = 8

    def channel(
        self,
        setting: Setting,
        *,
        connections: int = 0,
        key: str | None = None,
        chunk: int = 10_000,
        plain: bool = False,
    ) -> Measured:
        """Hand over by the channel: signed with a key, so many at once, or to a server without PIPELINING."""
        emails = list(messages(setting, self.messages))
        with sink(self.milliseconds, *["plain"] if plain else []) as port:
            url = SecretStr(f"smtp://127.0.0.1:{port}?tls=none")
            given = Settings(smtp_url=url, smtp_connections=connections or self.connections, dkim=_dkim(key))
            email = EmailChannel.of(url, given)
            with stopwatch() as watch:
                sent = sum(_sent(email, emails[at : at + chunk]) for at in range(0, len(emails), chunk))
            email.close()
        return Measured(watch, len(emails), found=sent)

    def one_connection(self, setting: Setting) -> Measured:
        emails = list(messages(setting, self.sample))
        with (
            sink(self.milliseconds) as port,
            smtplib.SMTP("127.0.0.1", port) as session,
            stopwatch() as watch,
        ):
            for email in emails:
                session.sendmail(email.sender, [email.recipient], email.content)
        return Measured(watch, len(emails), of=min(self.messages, setting.customers))

    def one_each(self, setting: Setting) -> Measured:
        emails = list(messages(setting, self.sample))
        with sink(self.milliseconds) as port, stopwatch() as watch:
            for email in emails:
                with smtplib.SMTP("127.0.0.1", port) as session:
                    session.sendmail(email.sender, [email.recipient], email.content)
        return Measured(watch, len(emails), of=min(self.messages, setting.customers))

    def smtp_source(self, setting: Setting) -> Measured:
        """Postfix's generator of load, in C: messages of the same size over kept connections."""
        number = min(self.messages, setting.customers)
        size = len(next(messages(setting, 1)).content)
        options = ["-d", "-s", str(self.connections), "-m", str(number), "-l", str(size)]
        with sink(self.milliseconds) as port, stopwatch() as watch:
            subprocess.run([_SOURCE or "smtp-source", *options, f"127.0.0.1:{port}"], check=True)
        return Measured(watch, number)

    def post_office(self, setting: Setting) -> Measured:
        """django-post-office with eight threads; its queue is part of it."""
        first = next(messages(setting, 1))
        with sink(self.milliseconds) as port, tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(first.content)
            arguments = [str(port), str(self.sample), file.name]
            command = [_DJANGO or sys.executable, "-m", "benchmarks.post_office", *arguments]
            printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        watch = Stopwatch(float(printed.strip().rpartition("\n")[2]))
        return Measured(watch, self.sample, of=min(self.messages, setting.customers))

    def ours(self, name: str, **options: object) -> Way:
        return Way(f"channel email, {name}", partial(self.channel, **options))  # type: ignore[arg-type]

    def others(self) -> Iterator[Way]:
        if _SOURCE:
            yield Way("limit: smtp-source", self.smtp_source)
        yield Way("smtplib, one connection kept", self.one_connection)
        yield Way("smtplib, a connection for each", self.one_each)
        if _DJANGO:
            yield Way("django-post-office, 8 threads", self.post_office)


def _sent(channel: EmailChannel, emails: list[Email]) -> int:
    return sum(isinstance(answer, Sent) for answer in channel.send(emails))


HERE, FAR = Hop(0, 20_000, 1_000), Hop(20, 5_000, 50, 32)

STAGES = (
    Stage(
        "SMTP hand-off, server on this machine",
        (
            HERE.ours("8 connections, PIPELINING"),
            HERE.ours(f"{_CHUNK} at a time", chunk=_CHUNK),
            HERE.ours("signed, Ed25519", key="Ed25519"),
            HERE.ours("signed, RSA 2048", key="RSA"),
            HERE.ours("server without PIPELINING", plain=True),
            *HERE.others(),
        ),
    ),
    Stage(
        "SMTP hand-off, server 20 ms away",
        (
            FAR.ours("32 connections, PIPELINING"),
            FAR.ours("200 connections", connections=200),
            FAR.ours("server without PIPELINING", plain=True),
            *FAR.others(),
        ),
    ),
)
