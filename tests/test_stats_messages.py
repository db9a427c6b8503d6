"""Statistics of messages: funnels, decisions, deliverability, hours of sending, runs, the overview."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa

from automation_pipelines import decisions
from automation_pipelines.campaign import Campaign
from automation_pipelines.catalogue.statistics import DAILY, STATISTICS
from automation_pipelines.catalogue.types import Statistic
from automation_pipelines.engine import FRAME_TYPES, Engine, open_engine
from automation_pipelines.files import FileStore
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import events, interventions
from automation_pipelines.ledger.campaigns import CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.interventions import Order, Subject
from automation_pipelines.ledger.tables import jobs, tenants
from automation_pipelines.model import Purpose, Reason
from automation_pipelines.progress import progress
from automation_pipelines.settings import Settings
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.stats import compute_day, dataset, filed, restate
from automation_pipelines.stats.inputs import Kept, at_publication
from automation_pipelines.stats.tables import run, show_files
from tests.past import NOON, plan, settle

SQL = SqlFiles()
DAY = NOON.date()
HOUR, ONE_DAY = timedelta(hours=1), timedelta(days=1)
KATHMANDU, BERLIN = "Asia/Kathmandu", "Europe/Berlin"

in_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What is computed from frames alone: which database they came from is proved elsewhere."""


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def sent(db: Database, *moments: dict[str, Any], minutes: float = 0) -> list[int]:
    """Plan and hand off, `minutes` after noon."""
    work = plan(db, *moments, run_id=f"run-{len(moments)}-{minutes}-{moments[0]}"[:64])
    for job in work:
        settle(db, job, "completed", minutes=minutes)
    return work


def hear(db: Database, *told: tuple[int, str] | tuple[int, str, float] | tuple[int, str, float, str]) -> None:
    """Record (job, event, minutes after noon, how): `machine`, or the kind of a bounce."""
    rows = [
        {
            "identity": f"{place}-{one}",
            "job_id": one[0],
            "type": one[1],
            "told_at": NOON + timedelta(minutes=one[2] if len(one) > 2 else 0),
            "machine": one[3] == "machine" if len(one) > 3 else None,
            "kind": one[3] if len(one) > 3 and one[3] != "machine" else None,
        }
        for place, one in enumerate(told)
    ]
    nothing = {name: pl.lit(None, pl.String) for name in ("detail", "detail_of_stranger", "suppresses")}
    events.record(db, pl.DataFrame(rows, infer_schema_length=None).with_columns(**nothing), now=NOON)


def held(files: FileStore, *decided: dict[str, Any], run: str = "run", as_of: datetime = NOON) -> None:
    """File decisions that no ledger row settles."""
    sensible = {
        **dict.fromkeys(("tenant_id", "campaign_id", "campaign_version", "occurrence"), 1),
        **dict(zip(("campaign", "step", "channel"), ("birthday", "wish", "email"), strict=True)),
        "step_id": 2,
        "recipient_id": 0,
        "purpose": "marketing",
        "due_at": NOON,
        "run_id": run,
        "mode": "live",
        "as_of": as_of,
    }
    schema = {column.name: FRAME_TYPES[column.type] for column in decisions.COLUMNS}
    files.publish(
        decisions.DATASET, pl.DataFrame([{**sensible, **one} for one in decided], schema), day=DAY, run=run
    )


def rows(frame: pl.DataFrame, *names: str) -> list[tuple[Any, ...]]:
    return frame.select(names).rows()


def of_day(db: Database, files: FileStore, statistic: str, day: date = DAY) -> pl.DataFrame:
    return compute_day(db, files, SQL, day, as_of=NOON)[statistic]


def derived(
    db: Database, files: FileStore, name: str, days: Iterable[date] = (), *, as_of: datetime = NOON
) -> pl.DataFrame:
    """A statistic as it is derived at a publication, after these days were restated."""
    restate(db, files, SQL, days, as_of=as_of)
    with open_engine() as engine:
        for daily in DAILY:
            show_files(engine, daily.name, daily, files.paths(dataset(daily)))
        return _derived(engine, Kept(db, files, as_of), STATISTICS[name])


def _derived(engine: Engine, kept: Kept, statistic: Statistic) -> pl.DataFrame:
    for name in statistic.inputs:
        if name in STATISTICS and not STATISTICS[name].daily:
            engine.add(**{name: _derived(engine, kept, STATISTICS[name])})
    engine.add(**at_publication(kept, [statistic]))
    return run(engine, SQL, statistic, as_of=kept.as_of)


def in_zone(db: Database, **zones: str) -> None:
    """Give tenants, named by their number behind an underscore, a zone of their own."""
    with db.begin() as connection:
        for tenant, zone in zones.items():
            profile = json.dumps({"name": f"Tenant {tenant[1:]}", "time_zone": zone})
            connection.execute(
                sa.update(tenants).where(tenants.c.tenant_id == int(tenant[1:])).values(profile=profile)
            )


STAGES = ("planned", "sent", "delivered", "opened", "clicked", "converted", "converted_without_click")


@in_sqlite
def test_a_funnel_only_narrows(database: Database, files: FileStore) -> None:
    work = plan(database, *({} for _ in range(9)), {"channel": "sms"}, {"reason": "capped"})
    for job in (*work[:7], work[9]):
        settle(database, job, "completed")
    settle(database, work[7], "dead")
    settle(database, work[8], "skipped", reason="expired")
    machine, click, bounced, late, phoned, bought, silent, dead, _, text, _ = work
    hear(
        database,
        *((machine, "delivered", 1), (machine, "opened", 1, "machine"), (machine, "clicked", 1, "machine")),
        *((click, "clicked", 9), (click, "clicked", 5), (click, "clicked", 1, "machine")),
        *((bounced, "delivered", 1), (bounced, "bounced", 60, "hard")),
        *((late, "bounced", 1, "soft"), (late, "delivered", 60)),
        *((phoned, "delivered", 1), (phoned, "converted", 600)),
        *((bought, "converted", 3), (bought, "opened", 2), (bought, "clicked", 2)),  # the order tells nothing
        *((dead, "delivered", 1), (dead, "opened", 2), (text, "delivered", 1), (text, "replied", 5)),
    )
    assert silent
    found = of_day(database, files, "step_funnel")
    assert rows(found, "day", "tenant_id", "campaign", "step", "channel", *STAGES) == [
        (DAY, 1, "birthday", "wish", "email", 9, 7, 5, 2, 2, 1, 1),
        (DAY, 1, "birthday", "wish", "sms", 1, 1, 1, 0, 0, 0, 0),
    ]


@in_sqlite
def test_every_decision_is_counted_once_under_its_latest_reason(database: Database, files: FileStore) -> None:
    work = plan(
        database,
        *({} for _ in range(3)),
        *({"reason": "stale", "held_by": "no_recipient"}, {"reason": "stale"}, {"reason": "holdout"}),
        {"reason": "capped", "tenant_id": 2, "campaign": "other"},
    )
    settle(database, work[1], "skipped", reason="expired")
    settle(database, work[2], "skipped", reason="suppressed")
    plan(database, {"subject_id": 50}, run_id="try", mode="test")
    held(files, {"subject_id": 90, "reason": "waiting"}, {"subject_id": 91, "reason": "guarded"})
    held(files, {"subject_id": 90, "reason": "suppressed"}, run="later", as_of=NOON + HOUR)
    held(files, {"subject_id": 92, "reason": "waiting", "mode": "reconstructed"}, run="look")
    frames = compute_day(database, files, SQL, DAY, as_of=NOON)
    assert rows(frames["decision_daily"], "tenant_id", "campaign", "reason", "held_by", "moments") == [
        (1, "birthday", "guarded", "nothing", 1),
        (1, "birthday", "holdout", "nothing", 1),
        (1, "birthday", "planned", "nothing", 3),
        (1, "birthday", "stale", "no_recipient", 1),
        (1, "birthday", "stale", "nothing", 1),
        (1, "birthday", "suppressed", "nothing", 1),
        (2, "other", "capped", "nothing", 1),
    ]
    assert frames["decision_daily"]["moments"].sum() == frames["campaign_daily"]["moments"].sum()


def test_every_reason_has_a_word() -> None:
    reason = next(one for one in STATISTICS["decision_daily"].columns if one.name == "reason")
    assert set(reason.values) == {str(reason) for reason in Reason}


@in_sqlite
def test_deliverability_is_that_of_e_mails_by_sender_and_mailbox(
    database: Database, files: FileStore
) -> None:
    work = sent(database, *({} for _ in range(6)), {"channel": "sms"}, {"tenant_id": 2, "subject_id": 99})
    (refused,) = plan(database, {"subject_id": 70}, run_id="refused")
    settle(database, refused, "dead")
    with database.begin() as connection:
        known = sa.update(jobs).where(jobs.c.id.in_(work[:4]))
        connection.execute(known.values(sender_domain="acme.example", mailbox="gmail"))
    full, gone, spam, reader, plain, odd, text, _ = work
    hear(
        database,
        *((full, "bounced", 5, "soft"), (full, "deferred"), (full, "deferred", 1)),
        *((gone, "bounced", 1, "soft"), (gone, "bounced", 2, "hard")),  # the worst is what is known
        *((spam, "bounced", 2, "block"), (plain, "delivered"), (odd, "bounced", 1)),
        *((reader, "delivered"), (reader, "complained", 3), (reader, "complained", 4)),
        *((reader, "unsubscribed", 9), (text, "unsubscribed"), (refused, "bounced", 1, "hard")),
    )
    counts = ("sent", "delivered", "bounced", "bounced_hard", "bounced_soft", "bounced_block")
    told = of_day(database, files, "deliverability_daily")
    assert rows(
        told, "tenant_id", "sender_domain", "mailbox", *counts, "complained", "unsubscribed", "deferred"
    ) == [
        (1, "acme.example", "gmail", 4, 1, 3, 1, 1, 1, 1, 1, 1),
        (1, "unknown", "unknown", 2, 1, 1, 0, 0, 0, 0, 0, 0),
        (2, "unknown", "unknown", 1, 0, 0, 0, 0, 0, 0, 0, 0),
    ]


RESPONSE = ("tenant_id", "channel", "weekday", "hour", "sent", "opened", "clicked")


@in_sqlite
def test_hours_of_sending_are_those_of_the_tenants_clocks(database: Database, files: FileStore) -> None:
    # A Friday noon in UTC: 17:45 in Kathmandu, 14:00 in Berlin, where another is sent after midnight.
    first = sent(database, *({} for _ in range(3)))
    sent(database, {"tenant_id": 2}, {"tenant_id": 3, "subject_id": 9}, {"tenant_id": 2, "recipient_id": 5})
    (midnight,) = sent(database, {"tenant_id": 2, "subject_id": 7, "due_at": NOON}, minutes=60 * 10 + 1)
    in_zone(database, _1=KATHMANDU, _2=BERLIN)
    with database.begin() as connection:
        connection.execute(sa.delete(tenants).where(tenants.c.tenant_id == 3))  # then it is UTC
    one, two, three = first
    hear(
        database,
        *((one, "opened", 10), (one, "opened", 4), (one, "clicked", 61), (one, "opened", 1, "machine")),
        *((two, "opened", 60), (three, "opened", 2, "machine"), (midnight, "clicked", 60 * 10 + 31)),
    )
    found = of_day(database, files, "send_time_response")
    more = ("opened_within_an_hour", "clicked_within_an_hour")
    medians = ("median_minutes_to_open", "median_minutes_to_click")
    assert rows(found, *RESPONSE, *more, *medians) == [
        (1, "email", 5, 17, 3, 2, 1, 2, 0, 32.0, 61.0),
        (2, "email", 5, 14, 1, 0, 0, 0, 0, None, None),
        (2, "email", 6, 0, 1, 0, 1, 0, 1, None, 30.0),
        (3, "email", 5, 12, 1, 0, 0, 0, 0, None, None),
    ]


@in_sqlite
@pytest.mark.parametrize(
    ("day", "hours"),
    [  # of 00:30, 01:30 and 02:30 in UTC
        (date(2026, 3, 29), [(7, 1, 1), (7, 3, 1), (7, 4, 1)]),  # there is no 02:30 in Berlin
        (date(2026, 10, 25), [(7, 2, 2), (7, 3, 1)]),  # there are two
    ],
)
def test_hours_that_clocks_skip_or_repeat(
    database: Database, files: FileStore, day: date, hours: list[tuple[int, int, int]]
) -> None:
    for hour in range(3):
        due = datetime(day.year, day.month, day.day, hour, 30, tzinfo=UTC)
        sent(database, {"due_at": due, "subject_id": hour + 1}, minutes=(due - NOON) / timedelta(minutes=1))
    in_zone(database, _1=BERLIN)
    assert rows(of_day(database, files, "send_time_response", day), "weekday", "hour", "sent") == hours
    totals = derived(database, files, "send_time_totals", [day], as_of=due + 30 * ONE_DAY)
    assert rows(totals, "weekday", "hour", "sent") == hours
    assert derived(database, files, "send_time_totals", [], as_of=due + 200 * ONE_DAY).is_empty()


def letters(database: Database, name: str, *steps: dict[str, Any], start: bool = True, **more: Any) -> None:
    """Apply and start a campaign of these steps a long time ago."""
    written = [{"channel": "email", "template": "hello", **step} for step in steps]
    spec = Campaign.model_validate(
        {"id": name, "title": name, "audience": "stage_entries", "steps": written, **more}
    )
    store = CampaignStore(database)
    store.apply(spec, "", {}, "ann", NOON - 400 * ONE_DAY)
    if start:
        store.start(name, "ann", NOON - 400 * ONE_DAY)


def minutes_of(moment: datetime) -> int:
    return int(moment.timestamp()) // 60


ENTERED = NOON - 10 * ONE_DAY
COUNTED = ("steps_settled", "steps_sent", "steps_pending", "steps_failed", "steps_skipped")


def of_run(subject: int, *days: int, step: str = "day-{}", **more: Any) -> list[dict[str, Any]]:
    """Moments of one subject that entered ten days ago."""
    return [
        {
            "campaign": "series",
            "step": step.format(day),
            "subject_id": subject,
            "customer_id": subject * 10,
            "occurrence": minutes_of(ENTERED),
            "due_at": ENTERED + day * ONE_DAY,
            **more,
        }
        for day in days
    ]


def order(database: Database, kind: Order, campaign: str, subject: int, days_ago: float) -> None:
    whom = Subject(1, subject, str(subject))
    interventions.give(database, kind, campaign, whom, by_hand=False, by="ops", at=NOON - days_ago * ONE_DAY)


@in_sqlite
def test_how_far_runs_of_a_series_got(database: Database, files: FileStore) -> None:
    series = [{"id": f"day-{day}", "offset": f"{day} days"} for day in (0, 3, 7)]
    letters(
        database,
        "series",
        {**series[0], "send": "all", "channels": ["email", "sms"], "channel": None},
        *series[1:],
    )
    letters(database, "single", {"id": "day-0"})
    done = plan(
        database,
        *of_run(1, 0, step="day-{}/email"),
        *of_run(1, 0, step="day-{}/sms", channel="sms"),
        *of_run(1, 3, 7),
        run_id="1",
    )
    for job, state in zip(done, ("dead", "completed", "completed", "dead"), strict=True):
        settle(database, job, state)
    (first, _) = plan(database, *of_run(2, 0, 3), run_id="2")
    settle(database, first, "completed")
    (first,) = plan(database, *of_run(3, 0), run_id="3")
    settle(database, first, "completed")
    plan(database, *of_run(4, 0, 3, 7, reason="holdout"), run_id="4")
    (first,) = plan(database, *of_run(5, 0, customer_id=None, variant="b"), run_id="5")
    settle(database, first, "completed")
    order(database, "stop", "series", 5, 2)
    plan(database, *of_run(6, 0, campaign="single"), run_id="6")
    days = {ENTERED.date() + n * ONE_DAY for n in (0, 3, 7)}
    found = derived(database, files, "workflow_runs", days)
    assert rows(
        found, "campaign", "subject_id", "customer_id", "variant", "state", "held_out", "last_step"
    ) == [
        ("series", 1, 10, None, "finished", False, "day-7"),
        ("series", 2, 20, None, "running", False, "day-3"),
        ("series", 3, 30, None, "running", False, "day-0"),
        ("series", 4, 40, None, "finished", True, "day-7"),
        ("series", 5, None, "b", "stopped", False, "day-0"),
    ]
    assert rows(found, "subject_id", "steps", *COUNTED) == [
        (1, 3, 3, 2, 0, 1, 0),
        (2, 3, 2, 1, 1, 0, 0),
        (3, 3, 1, 1, 0, 0, 0),
        (4, 3, 3, 0, 0, 0, 3),
        (5, 3, 1, 1, 0, 0, 0),
    ]
    assert set(found["entered_at"]) == {ENTERED}
    assert set(found["timeline_day"]) == {None}
    # Three days after the last day nothing can come any more.
    later = derived(database, files, "workflow_runs", as_of=ENTERED + 11 * ONE_DAY)
    assert dict(rows(later, "subject_id", "state"))[3] == "ended"
    CampaignStore(database).pause("series", "ann", NOON)
    later = derived(database, files, "workflow_runs", as_of=ENTERED + 12 * ONE_DAY)
    assert dict(rows(later, "subject_id", "state")) == {
        1: "finished", 2: "paused", 3: "paused", 4: "finished", 5: "stopped",
    }  # fmt: skip
    CampaignStore(database).delete("series", "ann", NOON)
    assert "ended" in set(derived(database, files, "workflow_runs")["state"])
    # Half a year later only those are left that are not over: none.
    assert derived(database, files, "workflow_runs", as_of=NOON + 200 * ONE_DAY).is_empty()


@in_sqlite
def test_a_run_that_begins_before_its_date_is_entered_with_its_first_step(
    database: Database, files: FileStore
) -> None:
    steps = [{"id": "day-0", "offset": "-7 days"}, {"id": "day-7", "offset": "at once"}]
    letters(database, "series", *steps, audience="departures")
    trip = minutes_of(datetime(2026, 4, 28, tzinfo=UTC))
    for job in plan(database, *of_run(1, 0, occurrence=trip)):
        settle(database, job, "completed")
    (run,) = derived(database, files, "workflow_runs", [ENTERED.date()]).iter_rows(named=True)
    assert (run["entered_at"], run["state"], run["steps"]) == (ENTERED, "running", 2)


@in_sqlite
def test_where_subjects_stand_in_a_timeline(database: Database, files: FileStore) -> None:
    steps = [{"id": "day-0", "day": 1}, {"id": "day-8", "day": 9}]
    letters(database, "series", *steps, timeline={"stage": "new_lead", "duration_days": 30})
    for subject in range(1, 8):
        (job, *_) = plan(database, *of_run(subject, 0), run_id=str(subject))
        settle(database, job, "completed" if subject != 2 else "dead")
    (job,) = plan(database, *of_run(2, 8), run_id="2b")
    settle(database, job, "completed")
    plan(database, *of_run(8, 0, reason="holdout"), run_id="8")
    old = [{**one, "occurrence": 5, "due_at": NOON - 60 * ONE_DAY} for one in of_run(9, 0, tenant_id=2)]
    (job,) = plan(database, *old, run_id="9")
    settle(database, job, "completed")
    order(database, "pause", "series", 3, 6)
    order(database, "pause", "series", 4, 6)
    order(database, "resume", "series", 4, 2)
    order(database, "stop", "series", 5, 7)
    in_zone(database, _1=KATHMANDU, _2=BERLIN)
    days = {NOON.date() - n * ONE_DAY for n in (0, 2, 10, 60)}
    found = derived(database, files, "timeline_progress", days)
    counts = ("subjects", "running", "paused", "stopped", "ended", "finished", "steps_sent", "steps_failed")
    assert rows(found, "tenant_id", "timeline_day", "timeline_days", *counts) == [
        (1, 4, 30, 1, 0, 0, 1, 0, 0, 1, 0),  # stopped on its fourth day
        (1, 5, 30, 1, 0, 1, 0, 0, 0, 1, 0),  # paused since its fifth
        (1, 7, 30, 1, 1, 0, 0, 0, 0, 1, 0),  # four of its days were spent waiting
        (1, 11, 30, 4, 3, 0, 0, 0, 1, 4, 1),
        (2, 30, 30, 1, 0, 0, 0, 0, 1, 1, 0),
    ]  # fmt: skip
    # `progress` finds the same in the ledger itself.
    place = Installation(Settings(home=files.root, crm_url="sqlite://"), database, files, SQL)
    told = derived(database, files, "workflow_runs").sort("tenant_id", "subject_id")
    assert rows(told, "tenant_id", "subject_id", "timeline_day", "state", "entered_on") == rows(
        progress(place, "series", NOON).runs, "tenant_id", "subject_id", "day", "standing", "entered_on"
    )
    # 18:14 in UTC is still the day before in Kathmandu, 18:15 is not.
    edge = NOON.replace(hour=18, minute=15)
    assert [
        max(derived(database, files, "timeline_progress", as_of=moment).filter(tenant_id=1)["timeline_day"])
        for moment in (edge - timedelta(minutes=1), edge)
    ] == [11, 12]


def test_a_tenant_at_a_glance(database: Database, files: FileStore) -> None:
    ages = (0, 6, 7, 29, 30)
    work = sent(database, *({"due_at": NOON - age * ONE_DAY, "subject_id": age + 1} for age in ages))
    sent(database, {"channel": "sms", "subject_id": 80})
    hear(database, *((job, "delivered") for job in work), *((job, "clicked", 9) for job in work[:3]))
    hear(database, (work[2], "complained"), (work[3], "bounced", 1, "hard"), (work[0], "unsubscribed", 2))
    waiting = plan(
        database, *({"subject_id": 90 + n, "due_at": NOON - n * HOUR} for n in (1, 2, 3, 4)), run_id="w"
    )
    settle(database, waiting[2], "dead")
    settle(database, waiting[3], "unknown")
    plan(database, {"tenant_id": 2}, run_id="try", mode="test")
    letters(database, "for-all", {"id": "one"})
    letters(database, "for-two", {"id": "one"}, tenants=[2, 7])
    letters(database, "draft", {"id": "one"}, start=False)
    found = derived(database, files, "tenant_overview", {NOON.date() - age * ONE_DAY for age in (*ages, 1)})
    first, second = found.iter_rows(named=True)
    lately = {name: value for name, value in first.items() if name.endswith("_days") and value}
    assert lately == {
        "sent_7_days": 3, "emails_7_days": 2, "delivered_7_days": 2, "clicked_7_days": 2,
        "unsubscribed_7_days": 1,
        "sent_30_days": 5, "emails_30_days": 4, "delivered_30_days": 4, "clicked_30_days": 3,
        "bounced_30_days": 1, "complained_30_days": 1, "unsubscribed_30_days": 1,
    }  # fmt: skip
    now = ("tenant_id", "name", "waiting", "processing", "failed", "unknown", "running_campaigns")
    assert [first[name] for name in now] == [1, "Acme Travel", 2, 0, 1, 1, 1]
    assert (first["oldest_waiting_at"], first["last_tick_at"]) == (NOON - 2 * HOUR, NOON)
    assert [second[name] for name in now] == [2, "Acme Travel", 0, 0, 0, 0, 2]
    assert (second["sent_30_days"], second["oldest_waiting_at"]) == (0, None)


def digests(files: FileStore) -> dict[Path, tuple[str, int]]:
    """What every filed day is, and when it was written."""
    return {
        path.relative_to(files.root): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mtime_ns)
        for path in (files.root / "stats").rglob("day=*/*.parquet")
    }


@in_sqlite
def test_a_late_event_and_nothing_else_changes_the_files_of_its_day(
    database: Database, files: FileStore
) -> None:
    dues = [NOON + n * ONE_DAY for n in range(3)]
    # A notice to staff knows no customer.
    internal = {"purpose": str(Purpose.INTERNAL), "customer_id": None}
    work = [
        sent(database, {"due_at": due, "occurrence": n}, {"due_at": due, "occurrence": n, **internal})[0]
        for n, due in enumerate(dues)
    ]
    restate(database, files, SQL, [due.date() for due in dues], as_of=dues[-1])
    before = digests(files)
    daily = [each for each in DAILY if not each.reads]
    assert len(before) == 3 * len(daily)
    restate(database, files, SQL, [dues[1].date()], as_of=dues[-1])
    again = digests(files)
    assert {path: digest for path, (digest, _) in again.items()} == {
        path: digest for path, (digest, _) in before.items()
    }
    hear(database, (work[1], "clicked", 60 * 24 * 30))
    restate(database, files, SQL, [dues[1].date()], as_of=dues[-1] + 30 * ONE_DAY)
    after = digests(files)
    written = {path for path in after if after[path][1] != before[path][1]}
    assert {path.parent.name for path in written} == {f"day={dues[1].date()}"}
    changed = {path.parts[1] for path in after if after[path][0] != before[path][0]}
    assert changed == {"message_facts", "campaign_daily", "step_funnel", "send_time_response"}
    clicked = filed(files, STATISTICS["step_funnel"]).group_by("day").agg(pl.col("clicked").sum()).sort("day")
    assert clicked["clicked"].to_list() == [0, 1, 0]
