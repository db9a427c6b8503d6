"""Dagster's side: runs commit what the tick job releases, and nothing else ever does."""

import json
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
import sqlalchemy as sa

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.catalogue.sources import CRM_SOURCES, SOURCES
from automation_pipelines.catalogue.statistics import STATISTICS
from automation_pipelines.ledger.tables import identities, ticks
from automation_pipelines.orchestration import build_definitions
from automation_pipelines.orchestration.jobs import RELEASED
from automation_pipelines.orchestration.runs import RunFiles
from automation_pipelines.orchestration.schedules import cron
from tests.world import World, at

NOW = "2026-03-10T08:50"
TODAY, YESTERDAY, LOOKED_AT = "2026-03-10", "2026-03-09", "2026-03-08"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

BIRTHDAY = """
id: birthday
title: Birthday
kind: birthday
audience: birthdays
steps:
  - {id: wish, channel: email, template: hello}
"""

BROADCAST = """
id: to-adas
title: To everybody called Ada
audience: customers
conditions: {field: first_name, operator: equals, value: Ada}
schedule: {date: 2026-03-10, at: "09:00"}
steps:
  - {id: wish, channel: email, template: hello}
"""

ASSETS = sorted(
    [
        "analytics",
        "campaigns",
        "decisions",
        "deliveries",
        "feedback",
        "jobs",
        "payloads",
        "storage",
        "watch",
        *(f"audiences/{name}" for name in AUDIENCES),
        *(f"crm/{name}" for name in CRM_SOURCES),
        *(f"sources/{name}" for name in SOURCES),
        *(f"stats/{name}" for name in STATISTICS),
    ]
)


class Stage:
    """A world with Dagster over it and a clock that the test moves."""

    def __init__(self, world: World, instance: dg.DagsterInstance, **settings: Any) -> None:
        self.world, self.instance, self.now = world, instance, at(NOW)
        update = {"first_day": date(2026, 3, 1), "notify_email": "ops@staff.example.com", **settings}
        made = world.installation.settings.model_copy(update=update)
        self.definitions = build_definitions(made, clock=lambda: self.now)
        self.automation = dict(self.definitions.resources or {})["automation"]

    def run(
        self, job: str, *, day: str | None = None, release: bool | None = None, **options: Any
    ) -> dg.ExecuteInProcessResult:
        config = {} if release is None else {"resources": {"release": {"config": {"release": release}}}}
        return self.definitions.resolve_job_def(job).execute_in_process(
            run_config={**QUIET, **config}, partition_key=day, instance=self.instance, **options
        )

    def tick(self, **options: Any) -> dg.ExecuteInProcessResult:
        return self.run("tick", day=self.now.date().isoformat(), release=True, **options)

    def jobs(self) -> int:
        return len(self.world.jobs())

    def metadata(self, *key: str) -> dict[str, Any]:
        event = self.instance.get_latest_materialization_event(dg.AssetKey(key))
        assert event is not None
        assert event.asset_materialization is not None
        return {name: told.value for name, told in event.asset_materialization.metadata.items()}

    def sensor(self, name: str, cursor: str | None = None) -> Any:
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=cursor,
            resources={"automation": self.automation},
            repository_def=self.definitions.get_repository_def(),
        )
        return self.definitions.resolve_sensor_def(name).evaluate_tick(context)

    def schedule(self, name: str) -> Any:
        context = dg.build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=self.now.replace(minute=30),
            resources={"automation": self.automation},
            repository_def=self.definitions.get_repository_def(),
        )
        return self.definitions.resolve_schedule_def(name).evaluate_tick(context)


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    world = World.create(tmp_path, f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'crm.db'}")
    world.add("tenants", id=1)
    world.add("customers", id=1, birthday="1990-03-10", first_name="Kim")
    world.add("customers", id=2, birthday="1985-03-10", first_name="Ada", email=None)
    world.add("customers", id=3, birthday="1985-03-08")
    world.apply(BIRTHDAY, start="2026-03-01T00:00")
    with dg.DagsterInstance.ephemeral() as instance:
        yield Stage(world, instance)


def test_the_assets_are_these(stage: Stage) -> None:
    graph = stage.definitions.resolve_asset_graph()
    assert sorted(key.to_user_string() for key in graph.get_all_asset_keys()) == ASSETS


def test_everything_loads_and_is_described_owned_and_of_a_kind(stage: Stage) -> None:
    dg.Definitions.validate_loadable(stage.definitions)
    for node in stage.definitions.resolve_asset_graph().asset_nodes:
        assert node.description, node.key
        assert node.owners, node.key
        assert node.kinds, node.key
        if node.key.path[0] in {"sources", "audiences", "decisions", "stats"}:
            assert node.metadata["dagster/column_schema"].columns, node.key


def test_the_tick_job_commits_what_is_due_and_tells_it(stage: Stage) -> None:
    stage.now = at("2026-03-10T08:30")
    assert stage.tick().success
    assert stage.world.sent() == [("wish", 1, 0, "2026-03-10T09:00")]
    assert stage.metadata("jobs")["planned"] == 1
    assert stage.metadata("sources", "customers")["dagster/row_count"] >= 2
    assert stage.world.decisions()["mode"].unique().to_list() == ["live"]


def test_ledger_and_crm_may_be_postgresql(tmp_path: Path, new_postgres: Callable[[], str]) -> None:
    world = World.create(tmp_path, new_postgres(), new_postgres())
    world.add("tenants", id=1)
    world.add("customers", id=1, birthday="1990-03-10")
    world.apply(BIRTHDAY, start="2026-03-01T00:00")
    with dg.DagsterInstance.ephemeral() as instance:
        stage = Stage(world, instance)
        stage.tick()
        stage.now = at("2026-03-10T09:01")
        assert stage.run("deliver").success
        assert stage.run("daily", day=TODAY).success
        assert stage.metadata("deliveries")["completed"] == 1
        known = stage.definitions.resolve_asset_graph()
    assert "postgres" in known.get(dg.AssetKey("jobs")).kinds
    assert "postgres" in known.get(dg.AssetKey(["crm", "users"])).kinds


def test_a_second_tick_adds_nothing(stage: Stage) -> None:
    stage.tick()
    before = stage.jobs()
    stage.tick()
    assert (before, stage.jobs(), stage.metadata("jobs")["planned"]) == (1, 1, 0)


def test_a_tick_just_after_midnight_may_carry_the_day_before(stage: Stage) -> None:
    stage.now = at("2026-03-10T00:05")
    assert stage.run("tick", day=YESTERDAY, release=True).success
    assert stage.world.installation.database.read(sa.select(ticks)).height == 1


@pytest.mark.parametrize("release", [None, False])
def test_a_partition_by_hand_is_a_look(stage: Stage, release: bool | None) -> None:
    selection = [dg.AssetKey(name) for name in ("decisions", "jobs")]
    job = stage.definitions.resolve_implicit_global_asset_job_def()
    config = {} if release is None else {"resources": {"release": {"config": {"release": release}}}}
    done = job.execute_in_process(
        run_config={**QUIET, **config},
        partition_key=YESTERDAY,
        instance=stage.instance,
        asset_selection=selection,
    )
    assert done.success
    assert stage.jobs() == 0
    assert "look" in stage.metadata("jobs")["not released"]


@pytest.mark.parametrize("day", [YESTERDAY, "2026-03-05"])
def test_a_past_day_is_a_look_even_with_release(stage: Stage, day: str) -> None:
    assert stage.run("tick", day=day, release=True).success
    database = stage.world.installation.database
    assert stage.jobs() == 0
    assert database.read(sa.select(ticks)).is_empty()
    assert database.read(sa.select(identities)).is_empty()
    assert stage.world.decisions().is_empty()


def test_a_look_shows_the_day_as_it_would_be_lived_again(stage: Stage) -> None:
    stage.run("tick", day=LOOKED_AT)
    look = stage.world.installation.files.read("decisions_reconstructed")
    assert look.select("subject_id", "reason", "mode").rows() == [(3, "planned", "reconstructed")]
    audience = stage.world.installation.files.read("audiences_reconstructed/birthdays", [date(2026, 3, 8)])
    assert 3 in audience["subject_id"].to_list()


def test_a_range_of_days_is_one_run(stage: Stage) -> None:
    edges = {"start": LOOKED_AT, "end": YESTERDAY}
    tags = {f"dagster/asset_partition_range_{edge}": day for edge, day in edges.items()}
    assert stage.run("tick", tags=tags).success
    known = stage.instance.get_materialized_partitions(dg.AssetKey("decisions"))
    assert known == {LOOKED_AT, YESTERDAY}
    assert stage.jobs() == 0


def test_a_time_far_from_the_clock_is_not_released(stage: Stage) -> None:
    config = {"resources": {"release": {"config": {"release": True, "as_of": "2026-03-10T07:00+00:00"}}}}
    job = stage.definitions.resolve_job_def("tick")
    job.execute_in_process(run_config={**QUIET, **config}, partition_key=TODAY, instance=stage.instance)
    assert stage.jobs() == 0
    assert "more than a tick from now" in stage.metadata("jobs")["not released"]


def test_another_planner_at_work_is_no_failure(stage: Stage) -> None:
    with stage.world.installation.database.planner_lock():
        assert stage.tick().success
    assert stage.jobs() == 0
    assert stage.instance.get_latest_materialization_event(dg.AssetKey("jobs")) is None


def test_no_personal_data_is_in_what_runs_tell(stage: Stage) -> None:
    events = [*stage.tick().all_events, *stage.run("deliver").all_events]
    told = json.dumps([str(event) for event in events])
    assert "Kim" not in told
    assert "mail.example.com" not in told
    assert "1990-03-10" not in told


def test_delivery_hands_over_what_is_due(stage: Stage) -> None:
    stage.tick()
    stage.now = at("2026-03-10T09:01")
    stage.run("deliver")
    assert stage.metadata("deliveries")["completed"] == 1
    assert len(list(stage.world.installation.settings.outbox.glob("new/*"))) == 1


def test_backfilled_statistics_are_restated_and_send_nothing(stage: Stage) -> None:
    stage.world.apply(BROADCAST, start="2026-03-01T00:00")
    stage.tick()
    stage.now = at("2026-03-10T09:01")
    stage.run("deliver")
    before = stage.world.jobs()
    stage.now = at("2026-03-14T12:00")
    assert stage.run("daily", day=TODAY).success
    assert stage.world.jobs().equals(before)
    statistics = stage.world.installation.files.read("stats/campaign_daily", [date(2026, 3, 10)])
    assert statistics.filter(campaign="birthday").select("planned", "sent").sum().rows() == [(1, 1)]
    members = pl.read_parquet(stage.world.installation.files.root / "stats" / "segment_membership.parquet")
    assert set(members.select("campaign", "subject_id").rows()) == {
        *(("*", n) for n in (1, 2, 3)),
        ("to-adas", 2),
    }
    assert stage.world.installation.settings.analytics.is_file()


def test_a_broken_source_stops_everything_and_names_every_violation(stage: Stage) -> None:
    with stage.world.crm.begin() as connection:
        connection.execute(sa.text("ALTER TABLE customers DROP COLUMN birthday"))
        connection.execute(sa.text("UPDATE tenants SET time_zone = 'Mars/Base'"))
    done = stage.tick(raise_on_error=False)
    assert not done.success
    (failure,) = [event for event in done.all_events if event.is_step_failure]
    described = failure.step_failure_data.user_failure_data.description
    assert "birthday" in described
    assert "Mars/Base" in described
    assert stage.instance.get_latest_materialization_event(dg.AssetKey("decisions")) is None
    assert stage.jobs() == 0
    results = {event.asset_key.path[-1]: event.passed for event in done.get_asset_check_evaluations()}
    assert (results["customers"], results["tenants"], results["quotes"]) == (False, False, True)


def test_checks_of_a_healthy_tick_pass(stage: Stage) -> None:
    results = {event.check_name: event.passed for event in stage.tick().get_asset_check_evaluations()}
    assert results == {"contract": True, "size": True, "every_moment_decided": True, "keys_are_unique": True}


def test_a_decision_file_that_vanished_is_noticed(stage: Stage) -> None:
    stage.tick()
    for path in stage.world.installation.files.paths("decisions"):
        path.unlink()
    assert _check(stage, "decisions", "every_moment_decided").passed is False


def test_jobs_that_wait_too_long_are_a_warning(stage: Stage) -> None:
    stage.tick()
    stage.now = at("2026-03-10T11:00")
    result = _check(stage, "deliveries", "nothing_waits_too_long")
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)


def test_an_audience_that_jumps_is_a_warning(stage: Stage) -> None:
    key = dg.AssetKey(["audiences", "birthdays"])
    for rows in (60, 62, 61, 60, 63, 900):
        stage.instance.report_runless_asset_event(
            dg.AssetMaterialization(key, metadata={"dagster/row_count": dg.MetadataValue.int(rows)})
        )
    assert _check(stage, "birthdays", "size", group="audiences").passed is False


def test_whole_tables_are_looked_at_by_the_daily_job(stage: Stage) -> None:
    stage.world.add("quotes", id=7, customer_id=99)
    found = stage.run("daily", day=TODAY).get_asset_check_evaluations()
    results = {event.asset_key.path[-1]: event.passed for event in found if event.check_name == "whole_table"}
    assert [name for name, passed in results.items() if not passed] == ["quotes"]


def _check(stage: Stage, asset: str, name: str, *, group: str | None = None) -> Any:
    key = dg.AssetKey([group, asset] if group else [asset])
    selection = dg.AssetSelection.checks(dg.AssetCheckKey(key, name))
    if group:  # one step looks at all of the group
        selection = dg.AssetSelection.checks_for_assets(
            *(
                key
                for key in stage.definitions.resolve_asset_graph().get_all_asset_keys()
                if key.path[0] == group
            )
        )
    job = dg.define_asset_job("only_checks", selection=selection)
    looked = dg.Definitions.merge(stage.definitions, dg.Definitions(jobs=[job])).resolve_job_def(
        "only_checks"
    )
    found = looked.execute_in_process(run_config=QUIET, instance=stage.instance).get_asset_check_evaluations()
    return next(event for event in found if event.asset_key == key)


def test_the_schedule_asks_for_a_released_tick_of_today(stage: Stage) -> None:
    (request,) = stage.schedule("every_30_minutes").run_requests
    assert request.run_config == RELEASED
    assert request.partition_key == TODAY


def test_the_schedule_is_skipped_when_nothing_can_be_due(stage: Stage) -> None:
    stage.world.installation.campaigns.cancel("birthday", "test", at(NOW))
    skipped = stage.schedule("every_30_minutes")
    assert not skipped.run_requests
    assert "no campaign is started" in skipped.skip_message


def test_a_crm_that_cannot_be_read_is_the_runs_failure_not_the_schedules(stage: Stage) -> None:
    with stage.world.crm.begin() as connection:
        connection.execute(sa.text("DROP TABLE tenants"))
    assert stage.schedule("every_30_minutes").run_requests


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        (30, "*/30 * * * *"),
        (5, "*/5 * * * *"),
        (45, "*/15 * * * *"),
        (7, "* * * * *"),
        (60, "0 * * * *"),
        (240, "0 */4 * * *"),
        (1440, "0 */24 * * *"),
    ],
)
def test_a_cadence_is_within_its_cron(minutes: int, expected: str) -> None:
    assert cron(minutes) == expected


def test_the_nightly_schedule_covers_days_that_late_feedback_touched(stage: Stage) -> None:
    stage.tick()
    stage.now = at("2026-03-10T09:01")
    stage.run("deliver")
    line = {"id": "e1", "type": "opened", "at": "2026-03-14T10:00:00Z", "job_id": stage.world.jobs()["id"][0]}
    directory = stage.world.installation.settings.feedback
    directory.mkdir(parents=True)
    (directory / "late.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
    stage.now = at("2026-03-14T23:00")
    stage.run("feedback")
    stage.now = at("2026-03-15T00:20")
    requests = stage.schedule("daily").run_requests
    assert requests[0].tags["dagster/partition"] == TODAY
    assert requests[1].tags["dagster/asset_partition_range_end"] == "2026-03-15"


def test_delivery_starts_when_a_job_is_due_and_says_when_the_next_is(stage: Stage) -> None:
    assert "no job is waiting" in stage.sensor("deliver_when_due").skip_message
    stage.tick()
    assert "due at 2026-03-10 09:00:00" in stage.sensor("deliver_when_due").skip_message
    stage.now = at("2026-03-10T09:00:30")
    asked = stage.sensor("deliver_when_due")
    assert len(asked.run_requests) == 1
    again = stage.sensor("deliver_when_due", asked.cursor)
    assert "left by the last delivery" in again.skip_message
    stage.now += timedelta(minutes=6)
    assert stage.sensor("deliver_when_due", asked.cursor).run_requests


def test_new_rows_start_a_tick(stage: Stage) -> None:
    first = stage.sensor("new_rows")
    assert not first.run_requests
    assert "no new rows" in stage.sensor("new_rows", first.cursor).skip_message
    stage.world.add("queries", id=1, updated_at="2026-03-10T08:49")
    (request,) = stage.sensor("new_rows", first.cursor).run_requests
    assert request.run_config == RELEASED
    assert request.tags["automation/new_rows"] == "queries"


def test_a_crm_that_is_away_keeps_the_cursor(stage: Stage) -> None:
    first = stage.sensor("new_rows")
    with stage.world.crm.begin() as connection:
        connection.execute(sa.text("DROP TABLE events"))
    away = stage.sensor("new_rows", first.cursor)
    assert "cannot be asked" in away.skip_message
    assert away.cursor in {None, first.cursor}


def test_new_event_files_are_read(stage: Stage) -> None:
    directory = stage.world.installation.settings.feedback
    assert "no file waits" in stage.sensor("new_event_files").skip_message
    directory.mkdir(parents=True)
    (directory / "one.jsonl").write_text("{}\n", encoding="utf-8")
    first = stage.sensor("new_event_files")
    assert first.run_requests
    assert "left by the last reading" in stage.sensor("new_event_files", first.cursor).skip_message
    (directory / "two.jsonl").write_text("", encoding="utf-8")
    assert stage.sensor("new_event_files", first.cursor).run_requests
    assert stage.run("feedback").success
    assert stage.metadata("feedback")["rejected"] == 1


def test_a_failed_run_is_told_by_mail(stage: Stage) -> None:
    with stage.world.crm.begin() as connection:
        connection.execute(sa.text("ALTER TABLE customers DROP COLUMN birthday"))
    done = stage.tick(raise_on_error=False)
    event = next(event for event in done.all_events if event.event_type_value == "PIPELINE_FAILURE")
    context = dg.build_run_status_sensor_context(
        sensor_name="run_failed",
        dagster_instance=stage.instance,
        dagster_run=done.dagster_run,
        dagster_event=event,
        resources={"automation": stage.automation},
    ).for_run_failure()
    stage.definitions.resolve_sensor_def("run_failed")(context)
    (mail,) = stage.world.installation.settings.outbox.glob("new/*")
    message = message_from_bytes(mail.read_bytes(), policy=policy.default)
    text = message.get_body(("plain",)).get_content()
    assert message["To"] == "ops@staff.example.com"
    assert "birthday" in text
    assert done.run_id in text


def test_a_run_repeated_from_a_failure_finds_the_frames_of_the_first(tmp_path: Path) -> None:
    RunFiles(tmp_path, ("first",)).write({"customers": pl.DataFrame({"id": [1]})})
    again = RunFiles(tmp_path, ("second", "first"))
    again.write({"quotes": pl.DataFrame({"id": [2]})})
    assert again.read("customers") is not None
    assert again.read("quotes") is not None
    assert RunFiles(tmp_path, ("second",)).read("customers") is None


def test_old_frames_audiences_and_payloads_are_removed_by_the_daily_job(stage: Stage) -> None:
    stage.tick()
    stage.now = at("2026-03-10T09:01")
    stage.run("deliver")
    files = stage.world.installation.files
    assert files.days("audiences/birthdays") == [date(2026, 3, 10)]
    stage.now = at("2026-06-20T00:20")
    stage.run("daily", day="2026-06-20")
    assert files.days("audiences/birthdays") == []
    assert stage.world.installation.database.read("SELECT count(*) AS n FROM job_payloads").item() == 0
    assert files.days("payloads") == [date(2026, 3, 10)]
    assert files.days("decisions")


def test_a_campaign_that_is_over_is_ended_by_the_daily_job(stage: Stage) -> None:
    over = (
        BIRTHDAY.replace("birthday\ntitle", "old\ntitle")
        + "policy: {valid_until: 2026-03-02T00:00:00+00:00}\n"
    )
    stage.world.apply(over, start="2026-03-01T00:00")
    stage.run("daily", day=TODAY)
    assert stage.world.installation.campaigns.states()["old"] == "completed"
    assert "old" in stage.metadata("campaigns")["completed_now"]
