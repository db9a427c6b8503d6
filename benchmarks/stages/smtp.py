"""Bytes → SMTP server: hand-off to a sink on this machine that takes everything."""

import smtplib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.model import Sent
from benchmarks.harness import Measured, Setting, Stage, Way, stopwatch
from benchmarks.stages.rendering import messages

_MESSAGES, _SAMPLE = 10_000, 1_000


@contextmanager
def sink() -> Iterator[int]:
    """Run a server in a process of its own; its port."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.sink"], stdout=subprocess.PIPE, text=True)
    try:
        yield int(process.stdout.readline()) if process.stdout else 0
    finally:
        process.terminate()
        process.wait()


def channel(setting: Setting) -> Measured:
    emails = list(messages(setting, _MESSAGES))
    with sink() as port:
        email = EmailChannel(f"smtp://127.0.0.1:{port}?tls=none", connections=8)
        with stopwatch() as watch:
            sent = sum(isinstance(answer, Sent) for answer in email.send(emails))
        email.close()
    return Measured(watch, len(emails), found=sent)


def one_connection(setting: Setting) -> Measured:
    emails = list(messages(setting, _SAMPLE))
    with sink() as port, smtplib.SMTP("127.0.0.1", port) as session, stopwatch() as watch:
        for email in emails:
            session.sendmail(email.sender, [email.recipient], email.content)
    return Measured(watch, len(emails), of=min(_MESSAGES, setting.customers))


def one_each(setting: Setting) -> Measured:
    emails = list(messages(setting, _SAMPLE))
    with sink() as port, stopwatch() as watch:
        for email in emails:
            with smtplib.SMTP("127.0.0.1", port) as session:
                session.sendmail(email.sender, [email.recipient], email.content)
    return Measured(watch, len(emails), of=min(_MESSAGES, setting.customers))


STAGES = (
    Stage(
        "SMTP hand-off to a local sink",
        (
            Way("channel email, 8 connections kept", channel),
            Way("smtplib, one connection kept", one_connection),
            Way("smtplib, a connection for each", one_each),
        ),
    ),
)
