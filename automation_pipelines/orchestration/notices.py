"""What a person is written about a failed run. Who is told, and when, is the sensor's."""

from datetime import datetime
from html import escape

import dagster as dg

from automation_pipelines.messages import Content
from automation_pipelines.messages.mime import Mailbox, Sender, build_email
from automation_pipelines.model import Email

_LONGEST = 4_000
_NEXT = (
    "Nothing is lost: what is due and unsettled is found by the next run. Correct the cause, or re-execute "
    "the run from its page."
)


def failure_mail(context: dg.RunFailureSensorContext, recipient: str, at: datetime) -> Email:
    """One message about one failed run; the same however often it is written."""
    run = context.dagster_run
    subject = f"Run of job '{run.job_name}' failed"
    facts = f"Run {run.run_id} of job '{run.job_name}' failed at {at:%Y-%m-%d %H:%M} UTC."
    reason = _reason(context)
    html = f"<p>{escape(facts)}</p><pre>{escape(reason)}</pre><p>{escape(_NEXT)}</p>"
    return build_email(
        Content(subject=subject, html=html, text=f"{facts}\n\n{reason}\n\n{_NEXT}\n"),
        Sender(Mailbox("Automation pipelines", recipient)),
        Mailbox("", recipient),
        job_id=0,
        tenant_id=0,
        identity=f"failed-run.{run.run_id}",
        at=at,
    )


def _reason(context: dg.RunFailureSensorContext) -> str:
    steps = [
        f"{event.step_key}: {_message(event)}"
        for event in context.get_step_failure_events()
        if event.is_step_failure
    ]
    return "\n\n".join(steps or [context.failure_event.message or "no reason is known"])[:_LONGEST]


def _message(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data is not None and data.user_failure_data.description:
        return str(data.user_failure_data.description)
    error = data.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip() if error is not None else "no reason is known"
