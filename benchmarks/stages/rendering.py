"""Job → bytes: render a letter of 10 KB for each recipient and encode it."""

from collections.abc import Iterator
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from automation_pipelines.messages import Content, MessageTemplate
from automation_pipelines.messages.mime import Mailbox, Sender, build_email
from automation_pipelines.model import Email
from benchmarks.harness import AS_OF, Measured, Setting, Stage, Way, stopwatch
from benchmarks.programme import LETTER, source

_MESSAGES, _SAMPLE = 10_000, 1_000
_SENDER = Sender(Mailbox("Himal Trails", "hello@himal-trails.example.org"), "office@himal-trails.example.org")
_TENANT = {
    "name": "Himal Trails",
    "website": "https://himal-trails.example.org",
    "postal_address": "Kathmandu",
}


def _people(setting: Setting, number: int) -> Iterator[tuple[int, str, str]]:
    customers = source(setting, "customers").select("id", "name", "first_name").head(number)
    yield from customers.fill_null("friend").iter_rows()


def _rendered(template: MessageTemplate, name: str, first_name: str) -> Content:
    return template.render({"recipient": {"name": name, "first_name": first_name}, "tenant": _TENANT})


def messages(setting: Setting, number: int) -> Iterator[Email]:
    """Complete messages, ready for hand-off."""
    template = MessageTemplate(LETTER)
    for job_id, name, first_name in _people(setting, number):
        yield build_email(
            _rendered(template, name, first_name),
            _SENDER,
            Mailbox(name, f"customer{job_id}@mail.example.com"),
            job_id=job_id,
            tenant_id=2,
            identity=f"{job_id}.benchmark",
            at=AS_OF,
        )


def ours(setting: Setting) -> Measured:
    with stopwatch() as watch:
        number = sum(len(message.content) > 0 for message in messages(setting, _MESSAGES))
    return Measured(watch, number)


def standard_library(setting: Setting) -> Measured:
    template, number = MessageTemplate(LETTER), 0
    with stopwatch() as watch:
        for job_id, name, first_name in _people(setting, _SAMPLE):
            content = _rendered(template, name, first_name)
            message = EmailMessage(policy=SMTP)
            message["From"] = Address("Himal Trails", "hello", "himal-trails.example.org")
            message["Reply-To"] = "office@himal-trails.example.org"
            message["To"] = Address(name, f"customer{job_id}", "mail.example.com")
            message["Subject"] = content.subject
            message["Date"] = format_datetime(AS_OF)
            message["Message-ID"] = f"<{job_id}.benchmark@himal-trails.example.org>"
            message.set_content(content.text)
            message.add_alternative(content.html, subtype="html")
            number += len(message.as_bytes()) > 0
    return Measured(watch, number, of=min(_MESSAGES, setting.customers))


STAGES = (
    Stage(
        "render and encode 10 KB",
        (Way("compiled template, own encoder", ours), Way("same template, EmailMessage", standard_library)),
    ),
)
