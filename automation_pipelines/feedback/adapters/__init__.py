"""Providers' webhooks → events: one module each, with one table from its words to ours on top.

An adapter says who asks (signatures) and what was said. What follows from it is the store's.
"""

from collections.abc import Mapping

from automation_pipelines.feedback.adapters import (
    brevo,
    mailgun,
    meta,
    postmark,
    resend,
    sendgrid,
    ses,
    sparkpost,
    twilio,
)
from automation_pipelines.feedback.adapters.adapter import Adapter, Reading, Request

PROVIDERS: Mapping[str, Adapter] = {
    module.NAME: module.ADAPTER
    for module in (brevo, mailgun, meta, postmark, resend, sendgrid, ses, sparkpost, twilio)
}
"""Every provider by the last part of its webhook's URL."""

__all__ = ["PROVIDERS", "Adapter", "Reading", "Request"]
