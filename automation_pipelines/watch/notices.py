"""What somebody is written about the news of a look: one message, through the e-mail channel."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape

from automation_pipelines.channels import Channel
from automation_pipelines.messages import Content
from automation_pipelines.messages.mime import Mailbox, Sender, build_email
from automation_pipelines.model import Email, Outcome
from automation_pipelines.watch.look import Finding

_SUBJECTS = {"paused": "Campaign paused", "stopped": "Marketing stopped", "warning": "Warning"}


def tell(
    channels: Mapping[str, Channel], recipient: str | None, news: Sequence[Finding], at: datetime
) -> Outcome | None:
    """Write to the one who is told of failed runs, too; what the channel said. `None`: nothing to say."""
    if not news or recipient is None:
        return None
    (outcome,) = channels["email"].send([notice(news, recipient, at)])
    return outcome


def notice(news: Sequence[Finding], recipient: str, at: datetime) -> Email:
    """One message about everything that is new."""
    first, lines = news[0], [one.words for one in news]
    more = f" (and {len(news) - 1} more)" if len(news) > 1 else ""
    intro = f"What came back of messages sent lately, looked at on {at:%Y-%m-%d %H:%M} UTC:"
    html = "".join(f"<li>{escape(line)}</li>" for line in lines)
    digest = hashlib.sha256("\n".join((at.isoformat(), *lines)).encode()).hexdigest()[:32]
    return build_email(
        Content(
            subject=f"{_SUBJECTS[first.kind]}: {first.about}{more}",
            html=f"<p>{escape(intro)}</p><ul>{html}</ul>",
            text=f"{intro}\n\n" + "\n\n".join(f"- {line}" for line in lines) + "\n",
        ),
        Sender(Mailbox("Automation pipelines", recipient)),
        Mailbox("", recipient),
        job_id=0,
        tenant_id=0,
        identity=f"watch.{digest}",
        at=at,
    )
