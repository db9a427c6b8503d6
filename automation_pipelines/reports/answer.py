"""A question answered: the file opened, everything read and told."""

from datetime import date, timedelta
from difflib import get_close_matches
from pathlib import Path

from automation_pipelines.errors import RefusedError
from automation_pipelines.reports.asked import Asked
from automation_pipelines.reports.headline import key_figures
from automation_pipelines.reports.page import Page, render
from automation_pipelines.reports.parts import Section
from automation_pipelines.reports.period import Period, Question, said
from automation_pipelines.reports.published import Published
from automation_pipelines.reports.sections import sections

_USUALLY = timedelta(days=29)
"""Before the last day with numbers, where no period is asked for."""


def report(path: Path, question: Question) -> str:
    """The page, as HTML; `RefusedError` where nothing is published, or nothing of that campaign or tenant."""
    with Published.open(path) as published:
        return render(_page(published, question))


def _page(published: Published, question: Question) -> Page:
    days = published.days(question)
    if days is None:
        raise RefusedError(_unknown(published, question))
    until = max(days.last, published.credited_until(question) or days.last)
    asked = Asked(published, question, question.period or _latest(days, until))
    tenant = "" if question.tenant is None else asked.tenant(question.tenant)
    told = not asked.rows("campaign_daily").is_empty()
    return Page(
        "Tenant report" if question.campaign is None else f"Campaign report · {question.campaign}",
        tenant if question.campaign is None else asked.campaign(question.campaign),
        tenant if asked.of_campaign else "",
        asked.period,
        not asked.before("campaign_daily").is_empty(),
        min(until, asked.period.last),
        key_figures(asked) if told else (),
        sections(asked) if told else (_nothing(asked, days),),
    )


def _latest(days: Period, until: date) -> Period:
    """What a broadcast earns comes in the days after it."""
    return Period(max(days.first, days.last - _USUALLY), until)


def _nothing(asked: Asked, days: Period) -> Section:
    words = (
        f"Nothing fell due in {asked.period}. There are numbers from {said(days.first)} to {said(days.last)}."
    )
    return Section("nothing", "Nothing to report", words)


def _unknown(published: Published, question: Question) -> str:
    if question.campaign is None:
        known = ", ".join(str(key) for key in published.known("tenant_id")[:10]) or "none"
        return f"no numbers of tenant {question.tenant} are published; there are some of: {known}"
    campaigns = [str(name) for name in published.known("campaign")]
    if question.campaign in campaigns:
        return f"campaign {question.campaign} has no numbers of tenant {question.tenant}"
    near = get_close_matches(question.campaign, campaigns, n=3)
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"there are some of: {', '.join(campaigns) or 'none'}"
    )
    return (
        f"no numbers of campaign {question.campaign} are published: nothing of it has fallen due yet, "
        f"or it is called otherwise; {hint}"
    )
