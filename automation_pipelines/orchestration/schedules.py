"""The cadence: a tick every so many minutes, statistics every night. UTC, so that no slot repeats or is lost.

Schedules never catch up, and need not: a tick finds whatever is due and unsettled.
"""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from math import gcd

import dagster as dg

from automation_pipelines.errors import AutomationError
from automation_pipelines.ledger import daily
from automation_pipelines.orchestration.jobs import DAILY, RELEASED, TICK
from automation_pipelines.orchestration.resources import Automation
from automation_pipelines.stats import days_changed
from automation_pipelines.tick import find_work

_DAY, _HOUR = timedelta(days=1), timedelta(hours=1)


def schedules(tick_minutes: int) -> list[dg.ScheduleDefinition]:
    """Assemble the schedules."""
    return [_tick(tick_minutes), _daily()]


def cron(minutes: int) -> str:
    """The slots of a cadence, or a superset of them where cron cannot say it."""
    if minutes % 60:
        every = gcd(minutes, 60)
        return f"*/{every} * * * *" if every > 1 else "* * * * *"
    every = gcd(minutes // 60, 24)
    return f"0 */{every} * * *" if every > 1 else "0 * * * *"


def _tick(minutes: int) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"every_{minutes}_minutes",
        job=TICK,
        cron_schedule=cron(minutes),
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Everything that falls due, SLA deadlines included. Skipped when the declarations prove "
        "that nothing can be due.",
    )
    def tick(
        context: dg.ScheduleEvaluationContext, automation: dg.ResourceParam[Automation]
    ) -> dg.RunRequest | dg.SkipReason:
        slot = context.scheduled_execution_time
        if int(slot.timestamp()) // 60 % minutes:
            return dg.SkipReason(f"no slot of a cadence of {minutes} minutes")
        return request_tick(automation)

    return tick


def request_tick(automation: Automation) -> dg.RunRequest | dg.SkipReason:
    """A tick, or why none is needed."""
    now = automation.clock()
    try:
        automation.installation.database.require_current()
        work = find_work(automation.installation, now)
    except AutomationError:
        # The run fails in the same way, and a failed run is seen and told about.
        return _tick_of(now.date())
    if not work.campaigns:
        return dg.SkipReason("nothing can be due: no campaign is started (`automation campaign list`)")
    if not work.needs:
        names = ", ".join(active.spec.id for active in work.campaigns)
        return dg.SkipReason(f"nothing can be due: no step of the started campaigns is near ({names})")
    return _tick_of(now.date())


def _tick_of(day: date) -> dg.RunRequest:
    return dg.RunRequest(run_config=RELEASED, partition_key=day.isoformat())


def _daily() -> dg.ScheduleDefinition:
    @dg.schedule(
        name="daily",
        job=DAILY,
        cron_schedule="20 0 * * *",
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Statistics of yesterday, today and the days that late feedback touched; publication; "
        "clean-up.",
    )
    def nightly(
        context: dg.ScheduleEvaluationContext, automation: dg.ResourceParam[Automation]
    ) -> list[dg.RunRequest]:
        slot = context.scheduled_execution_time.isoformat()
        return [_days_run(first, last, slot) for first, last in days_to_restate(automation)]

    return nightly


def days_to_restate(automation: Automation) -> list[tuple[date, date]]:
    """Yesterday, today and the days touched since the night before, as ranges; the newest range last.

    Touched are those of messages that something was told of, and those of conversions that the CRM wrote.
    """
    now, installation = automation.clock(), automation.installation
    days = {now.date() - _DAY, now.date()}
    try:
        installation.database.require_current()
        days |= set(daily.days_touched(installation.database, now - _DAY - _HOUR))
        days |= set(days_changed(installation.crm, installation.sqlfiles, installation.files))
    except AutomationError:  # the run fails in the same way, and a failed run is seen and told about
        pass
    return list(_ranges(sorted({max(day, automation.first_day) for day in days if day <= now.date()})))


def _ranges(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    first = last = days[0]
    for day in days[1:]:
        if day - last > _DAY:
            yield first, last
            first = day
        last = day
    yield first, last


def _days_run(first: date, last: date, slot: str) -> dg.RunRequest:
    tags = range_tags(first, last)
    # Dagster wants a key where a slot asks for several runs; it keeps none from being asked for again.
    return dg.RunRequest(run_key=f"{slot} {first.isoformat()}", tags=tags)


def range_tags(first: date, last: date) -> dict[str, str]:
    """How a run is told its days."""
    if first == last:
        return {"dagster/partition": first.isoformat()}
    edges = {"start": first.isoformat(), "end": last.isoformat()}
    return {f"dagster/asset_partition_range_{edge}": day for edge, day in edges.items()}
