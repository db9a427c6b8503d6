"""The words of the catalogue's codes in a marketer's language: reasons, stages, weekdays, metrics."""

from automation_pipelines.model import Reason

WHY_NOT: dict[str, str] = {
    f"skipped_{Reason.STALE}": "Seen too late to be worth sending",
    f"skipped_{Reason.INACTIVE}": "Campaign or tenant was not active",
    f"skipped_{Reason.WAITING}": "An earlier step was not finished",
    f"skipped_{Reason.CONDITION}": "The step's own condition did not hold",
    f"skipped_{Reason.NO_RECIPIENT}": "Nobody to send to, or no usable address",
    f"skipped_{Reason.SUPPRESSED}": "Opted out, or the address bounced",
    f"skipped_{Reason.DUPLICATE}": "Had the same message recently",
    f"skipped_{Reason.SUPERSEDED}": "A later message went instead",
    f"skipped_{Reason.HOLDOUT}": "Held out on purpose, to compare with",
    f"skipped_{Reason.MERGED}": "Told in another message to the same person",
    f"skipped_{Reason.GUARDED}": "Held: a large day waits for approval",
    f"skipped_{Reason.CAPPED}": "The day's limit went to something else",
    f"skipped_{Reason.LIMITED}": "The campaign's own limit was reached",
    "withheld": "Opted out just before it left",
    "expired": "Could not leave in time",
    "failed": "Refused by the provider",
    "cancelled": "Cancelled",
    "unknown": "Not known whether it left",
    "waiting": "Still waiting to leave",
    "processing": "Leaving right now",
}
"""Columns of `campaign_daily`, each with what it says."""

TO_MEND = frozenset(
    {
        f"skipped_{Reason.NO_RECIPIENT}",
        f"skipped_{Reason.GUARDED}",
        f"skipped_{Reason.STALE}",
        "expired",
        "failed",
        "unknown",
    }
)
"""Reasons that somebody can do something about; the others are meant to be."""

STAGES: dict[str, str] = {
    "planned": "Planned",
    "sent": "Sent",
    "delivered": "Delivered",
    "opened": "Opened by people",
    "clicked": "Clicked by people",
    "converted": "Converted, as told",
}
"""The steps of the funnel, columns of `step_funnel`."""

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

METRICS = {
    "clicked": "clicked",
    "replied": "answered",
    "converted": "converted",
    "delivered": "reached the mailbox",
    "opened": "opened it",
}
"""What experiments are decided by: "how many …"."""

MODELS = {
    "last": "each to the last message before it",
    "first": "each to the first message before it",
    "even": "each shared evenly among the messages before it",
}
"""How `attribution_daily` credits conversions."""


def sentence(words: str) -> str:
    """With a capital and a full stop."""
    text = words[:1].upper() + words[1:]
    return text if text.endswith((".", "!", "?")) else f"{text}."
