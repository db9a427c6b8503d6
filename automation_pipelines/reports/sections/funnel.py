"""From what was planned to what converted, step by step."""

import polars as pl

from automation_pipelines.reports.asked import Asked, total
from automation_pipelines.reports.charts import Bar, Bars, Group
from automation_pipelines.reports.numerals import count, counted, share
from automation_pipelines.reports.parts import Numbers, Section
from automation_pipelines.reports.wording import STAGES

_DRAWN = 3
"""Steps in the chart, those with most messages; all of them are in the table."""

_COUNTED = (
    "A message counts on the day it was due, whenever people clicked it. Converted, as told: an event said "
    "so of the message; sales that it is credited with are among the key figures."
)


def funnel(asked: Asked) -> Section:
    """Per step of a campaign; of a tenant, all messages together."""
    title = "From planned to converted" if not asked.of_campaign else "From planned to converted, by step"
    rows = asked.rows("step_funnel")
    if not total(rows, "planned"):
        return asked.nothing("funnel", title, "step_funnel", "No message was planned in this period.")
    whole = rows.select(pl.col(list(STAGES)).sum()).row(0, named=True)
    steps = _steps(asked, rows)
    shown = [("", whole)] if len(steps) < 2 else _largest(steps)  # noqa: PLR2004
    listed = [("All steps", whole)] if len(steps) < 2 else [*steps, ("All steps", whole)]  # noqa: PLR2004
    notes: tuple[str, ...] = (_COUNTED,)
    if len(steps) > _DRAWN:
        notes = (f"The chart shows the {_DRAWN} steps with most messages of {len(steps)}.", *notes)
    return Section(
        "funnel",
        title,
        _finding(whole),
        chart=Bars(tuple(Group(name, _bars(stages)) for name, stages in shown)),
        drawn=_finding(whole),
        numbers=Numbers(
            ("Step", *(words.split()[0].strip(",") for words in STAGES.values())),
            tuple((name, *(count(stages[stage]) for stage in STAGES)) for name, stages in listed),
        ),
        notes=notes,
    )


def _steps(asked: Asked, rows: pl.DataFrame) -> list[tuple[str, dict[str, int]]]:
    """The steps of a campaign in their order; those that are no longer in it come last."""
    if asked.question.campaign is None:
        return []
    named = asked.published.steps(asked.question.campaign)
    summed = rows.group_by("step").agg(pl.col(list(STAGES)).sum()).sort("step")
    stages = {row.pop("step"): row for row in summed.iter_rows(named=True)}
    order = [*(step for step in named if step in stages), *(step for step in stages if step not in named)]
    return [(named.get(step, step), stages[step]) for step in order]


def _largest(steps: list[tuple[str, dict[str, int]]]) -> list[tuple[str, dict[str, int]]]:
    least = sorted((stages["planned"] for _, stages in steps), reverse=True)[:_DRAWN][-1]
    return [one for one in steps if one[1]["planned"] >= least][:_DRAWN]


def _bars(stages: dict[str, int]) -> tuple[Bar, ...]:
    return tuple(Bar(words, stages[stage], _told(stages, stage)) for stage, words in STAGES.items())


def _told(stages: dict[str, int], stage: str) -> str:
    if stage in ("planned", "sent") or not stages[stage]:
        return count(stages[stage])
    return f"{count(stages[stage])} · {share(stages[stage] / stages['sent'])}"


def _finding(whole: dict[str, int]) -> str:
    if not whole["sent"]:
        return f"{count(whole['planned'])} messages were planned; none of them has been sent."
    converted = share(whole["converted"] / whole["sent"])
    clicked = f"people clicked in {share(whole['clicked'] / whole['sent'])} of those"
    told = f", and {converted} converted, as events told" if whole["converted"] else ""
    return (
        f"Of {counted(whole['planned'], 'message')} planned, {count(whole['sent'])} were sent; "
        f"{clicked if whole['clicked'] else 'nobody has clicked in one of those'}{told}."
    )
