"""Headers that have mail providers tell us with every event whose message it was.

Each has a name of its own for it; most take the header out. Amazon SES and Resend show X-Job-ID, which every
message has. Who reads the echo is `feedback.adapters`.
"""

import json
from collections.abc import Collection, Mapping

from automation_pipelines.settings import Settings

HEADERS: Mapping[str, str] = {
    "sendgrid": 'X-SMTPAPI: {{"unique_args": {whose}}}\r\n',
    "mailgun": "X-Mailgun-Variables: {whose}\r\n",
    "postmark": "X-PM-Metadata-job_id: {job_id}\r\nX-PM-Metadata-identity: {identity}\r\n",
    "sparkpost": 'X-MSYS-API: {{"metadata": {whose}}}\r\n',
    "brevo": "X-Mailin-custom: {whose}\r\n",
}


def echoes_of(settings: Settings) -> tuple[str, ...]:
    """The providers whose webhooks are set up, and who need a header."""
    return tuple(name for name in HEADERS if getattr(settings, name) is not None)


def echo_headers(providers: Collection[str], job_id: int, identity: str) -> str:
    """The headers for one message, each line ended."""
    if not providers:
        return ""
    whose = json.dumps({"job_id": str(job_id), "identity": identity})
    return "".join(HEADERS[name].format(whose=whose, job_id=job_id, identity=identity) for name in providers)
