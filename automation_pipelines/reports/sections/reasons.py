"""Why people did not get a message, in words that nobody needs to look up."""

import polars as pl

from automation_pipelines.reports.asked import Asked, total
from automation_pipelines.reports.charts import Bar, Bars, Group, Tone
from automation_pipelines.reports.numerals import count, share
from automation_pipelines.reports.parts import Numbers, Section
from automation_pipelines.reports.wording import TO_MEND, WHY_NOT

_DRAWN = 8


def reasons(asked: Asked) -> Section:
    """All moments that fell due and did not become a message sent, by reason."""
    title, rows = "Who did not get it, and why", asked.rows("campaign_daily")
    moments = total(rows, "moments")
    if not moments:
        return asked.nothing("reasons", title, "campaign_daily", "Nothing fell due in this period.")
    counts = rows.select(pl.col(list(WHY_NOT)).sum()).row(0, named=True)
    found = sorted(((n, name) for name, n in counts.items() if n), key=lambda one: (-one[0], one[1]))
    if not found:
        return Section("reasons", title, f"All {count(moments)} messages that fell due were sent.")
    finding = _finding(moments, found)
    return Section(
        "reasons",
        title,
        finding,
        chart=Bars((Group("", tuple(_bar(name, n, moments) for n, name in found[:_DRAWN])),), above=True),
        drawn=finding,
        numbers=Numbers(
            ("Reason", "Messages", "Share of all due"),
            tuple((_label(name), count(n), share(n / moments)) for n, name in found),
        ),
        notes=_notes([name for _, name in found]),
    )


def _label(name: str) -> str:
    return f"{WHY_NOT[name]}{' ▲' if name in TO_MEND else ''}"


def _bar(name: str, number: int, moments: int) -> Bar:
    tone = Tone.ALERT if name in TO_MEND else Tone.MAIN
    return Bar(_label(name), number, f"{count(number)} · {share(number / moments)}", tone)


def _finding(moments: int, found: list[tuple[int, str]]) -> str:
    without = sum(n for n, _ in found)
    first, name = found[0]
    return (
        f"{count(moments - without)} of {count(moments)} messages that fell due were sent. "
        f"Of the {count(without)} others, {share(first / without)}: "
        f"{WHY_NOT[name][:1].lower()}{WHY_NOT[name][1:]}."
    )


def _notes(names: list[str]) -> tuple[str, ...]:
    notes = ("▲ Somebody can do something about it; the rest is as intended.",) if TO_MEND & {*names} else ()
    hidden = len(names) - _DRAWN
    return (*notes, f"{hidden} rarer reasons are in the numbers below.") if hidden > 0 else notes
