"""django-post-office over the same server: `PYTHON -m benchmarks.post_office PORT MESSAGES FILE`.

Run by a Python that has it, which need not be ours: `BENCHMARK_DJANGO` names it. FILE is one message; its
parts go to MESSAGES recipients. It prints the seconds that its queue took to be emptied: claims, hand-offs
and settlements, not the filling of the queue.
"""

import email
import logging
import sys
import tempfile
from email import policy
from pathlib import Path
from time import perf_counter

import django
from django.conf import settings
from django.core.management import call_command

_THREADS = 8


def main(port: str, messages: str, file: str) -> None:
    """Fill the queue, then measure how it is emptied."""
    logging.disable(logging.INFO)
    with tempfile.TemporaryDirectory() as directory:
        name = str(Path(directory) / "post_office.db")
        settings.configure(
            INSTALLED_APPS=["django.contrib.contenttypes", "post_office"],
            DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": name}},
            TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates"}],
            EMAIL_BACKEND="post_office.EmailBackend",
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=int(port),
            POST_OFFICE={
                "THREADS_PER_PROCESS": _THREADS,
                "BATCH_SIZE": 500,
                "LOG_LEVEL": 0,
                "CELERY_ENABLED": False,
            },
            DEFAULT_AUTO_FIELD="django.db.models.AutoField",
        )
        django.setup()
        call_command("migrate", verbosity=0)
        print(_seconds(int(messages), Path(file).read_bytes()))


def _seconds(messages: int, content: bytes) -> float:
    from post_office import mail  # noqa: PLC0415 - after the settings
    from post_office.models import STATUS, Email  # noqa: PLC0415

    message = email.message_from_bytes(content, policy=policy.default)
    parts = {
        part.get_content_subtype(): part.get_content() for part in message.walk() if not part.is_multipart()
    }
    mail.send_many(
        [
            {
                "recipients": [f"customer{number}@mail.example.com"],
                "sender": "hello@himal-trails.example.org",
                "subject": message["Subject"],
                "message": parts["plain"],
                "html_message": parts["html"],
            }
            for number in range(messages)
        ]
    )
    started = perf_counter()
    mail.send_queued_mail_until_done(processes=1, log_level=0)
    took = perf_counter() - started
    assert Email.objects.filter(status=STATUS.sent).count() == messages
    return took


if __name__ == "__main__":
    main(*sys.argv[1:])
