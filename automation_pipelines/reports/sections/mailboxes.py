"""Whether mail arrives: bounces and complaints by the provider of the mailbox."""

import polars as pl

from automation_pipelines.experiments import Interval
from automation_pipelines.reports.asked import Asked, Rate, total
from automation_pipelines.reports.charts import Estimate, Forest, Mark, Tone, Unit
from automation_pipelines.reports.numerals import count, share, span
from automation_pipelines.reports.parts import Numbers, Section

WARY, BLOCKED = 0.001, 0.003
"""Complaints of those sent above which mailbox providers grow wary, and block."""

_LIMITS = (Mark(WARY, "0.1 %"), Mark(BLOCKED, "0.3 %", Tone.ALERT))
_COUNTS = ("sent", "delivered", "bounced", "bounced_hard", "bounced_soft", "bounced_block", "complained")
_DRAWN = 7

_LINES = (
    "Above 0.1 % providers grow wary, above 0.3 % they block. An interval across a line says that there "
    "was too little mail to tell on which side it lies. Some of them, Gmail too, tell no single complaint."
)


def mailboxes(asked: Asked) -> Section:
    """Complaints with their interval against the limits that providers publish."""
    title, rows = "Does mail arrive", asked.rows("deliverability_daily")
    if not total(rows, "sent"):
        return asked.nothing("mailboxes", title, "deliverability_daily", "No e-mail was sent in this period.")
    summed = rows.group_by("mailbox").agg(pl.col(_COUNTS).sum()).filter(pl.col("sent") > 0)
    providers = summed.sort("sent", "mailbox", descending=[True, False]).rows(named=True)
    estimates = tuple(
        _estimate(row["mailbox"], Rate(row["complained"], row["sent"])) for row in providers[:_DRAWN]
    )
    finding = _finding(summed)
    return Section(
        "mailboxes",
        title,
        finding,
        chart=Forest(estimates, Unit.SHARE, _LIMITS, _scale(estimates)),
        drawn="Share marked as spam by mailbox provider, with 95 % intervals, and lines at 0.1 % and 0.3 %: "
        + "; ".join(f"{one.label} {one.told}" for one in estimates),
        numbers=Numbers(
            (
                "Mailbox",
                "Sent",
                "Delivered",
                "Bounced",
                "no such address",
                "for now",
                "blocked",
                "Spam",
            ),
            tuple((row["mailbox"] or "other", *(count(row[name]) for name in _COUNTS)) for row in providers),
        ),
        notes=(_LINES,),
    )


def _scale(estimates: tuple[Estimate, ...]) -> float:
    """As far as the limits and what was measured: with little mail, intervals reach out of sight."""
    return max(2 * BLOCKED, *(1.25 * one.value for one in estimates))


def _estimate(mailbox: str | None, complaints: Rate) -> Estimate:
    between, value = complaints.interval, complaints.value or 0.0
    low, high = between.low or 0.0, between.high or 0.0
    tone = Tone.ALERT if value > BLOCKED else Tone.MAIN
    return Estimate(mailbox or "other", f"{share(value)} ({span(low, high)})", value, low, high, tone)


def _finding(summed: pl.DataFrame) -> str:
    whole = summed.select(pl.col(_COUNTS).sum()).row(0, named=True)
    complaints = Rate(whole["complained"], whole["sent"])
    return (
        f"Of {count(whole['sent'])} e-mails {share(whole['bounced'] / whole['sent'])} bounced, and "
        f"{share(complaints.value)} were marked as spam: {_side(complaints.interval)}."
    )


def _side(between: Interval) -> str:
    """On which side of the limits it surely lies."""
    low, high = between.low or 0.0, between.high or 0.0
    if low > BLOCKED:
        return "surely above the 0.3 % where providers block"
    if low > WARY:
        return "surely above the 0.1 % where providers grow wary"
    if high < WARY:
        return "surely below the 0.1 % where providers grow wary"
    return f"with so little mail it could be anything up to {share(high)}"
