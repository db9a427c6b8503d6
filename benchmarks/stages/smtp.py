"""Bytes → SMTP server: hand-off to a sink on this machine that takes everything."""

import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.model import Sent
from benchmarks.harness import Measured, Setting, Stage, Way, stopwatch
from benchmarks.stages.rendering import messages


@dataclass(frozen=True, slots=True)
class Hop:
    """A server `milliseconds` away; the slow ways hand over only `sample` messages."""

    milliseconds: float
    messages: int
    sample: int

    @contextmanager
    def sink(self) -> Iterator[int]:
        """Run the server in a process of its own and yield its port."""
        command = [sys.executable, "-m", "benchmarks.sink", str(self.milliseconds)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            yield int(process.stdout.readline()) if process.stdout else 0
        finally:
            process.terminate()
            process.wait()

    def channel(self, setting: Setting) -> Measured:
        emails = list(messages(setting, self.messages))
        with self.sink() as port:
            email = EmailChannel(f"smtp://127.0.0.1:{port}?tls=none", connections=8)
            with stopwatch() as watch:
                sent = sum(isinstance(answer, Sent) for answer in email.send(emails))
            email.close()
        return Measured(watch, len(emails), found=sent)

    def one_connection(self, setting: Setting) -> Measured:
        emails = list(messages(setting, self.sample))
        with self.sink() as port, smtplib.SMTP("127.0.0.1", port) as session, stopwatch() as watch:
            for email in emails:
                session.sendmail(email.sender, [email.recipient], email.content)
        return Measured(watch, len(emails), of=min(self.messages, setting.customers))

    def one_each(self, setting: Setting) -> Measured:
        emails = list(messages(setting, self.sample))
        with self.sink() as port, stopwatch() as watch:
            for email in emails:
                with smtplib.SMTP("127.0.0.1", port) as session:
                    session.sendmail(email.sender, [email.recipient], email.content)
        return Measured(watch, len(emails), of=min(self.messages, setting.customers))

    def stage(self, name: str) -> Stage:
        return Stage(
            name,
            (
                Way("channel email, 8 connections kept", self.channel),
                Way("smtplib, one connection kept", self.one_connection),
                Way("smtplib, a connection for each", self.one_each),
            ),
        )


STAGES = (
    Hop(0, 10_000, 1_000).stage("SMTP hand-off, server on this machine"),
    Hop(5, 2_000, 100).stage("SMTP hand-off, server 5 ms away"),
)
