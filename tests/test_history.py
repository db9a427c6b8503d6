"""What ran, and what came of it: views that add up, over the record of both databases."""

import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner, Result

from automation_pipelines import decisions, history
from automation_pipelines.campaign import Campaign
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.engine import FRAME_TYPES, open_engine
from automation_pipelines.errors import RefusedError
from automation_pipelines.history import RunFilter, RunState
from automation_pipelines.history.escalations import level_of
from automation_pipelines.history.runs import tails
from automation_pipelines.ledger.operations import JobFilter
from automation_pipelines.model import SETTLED, Reason, State
from automation_pipelines.stats import compute_day
from tests.past import NOON, plan, settle
from tests.world import World

DAY = timedelta(days=1)
START = "2026-04-01T00:00"
ONBOARDING = """\
id: onboarding
title: Onboarding
audience: new_customers
steps:
  - {id: hello, channel: email, template: a/hello}
  - {id: tips, offset: 3 days, channel: email, template: a/tips}
  - {id: ask, offset: 7 days, channel: sms, template: a/ask}
"""
SLA = """\
id: sla
title: SLA
kind: sla_escalation
audience: open_queries
purpose: internal
steps:
  - {id: level-1-notify, offset: 60 minutes, channel: email, template: a/one, recipient: agent_manager}
  - {id: first-record, offset: 60 minutes, action: set_query_escalation_level, with: {level: 1}}
  - {id: level-2-notify, offset: 120 minutes, channel: email, template: a/two, recipient: executives}
  - {id: second-record, offset: 120 minutes, action: set_query_escalation_level, with: {level: 2}}
"""
OPEN = [str(reason) for reason in Reason if reason not in SETTLED]
NEGATIVE = sorted(str(reason) for reason in SETTLED - {Reason.PLANNED})


@pytest.fixture
def onboarding(world: World) -> World:
    world.apply(ONBOARDING, start=START)
    return world


def jobs(world: World, subject: int, **steps: str) -> None:
    """The jobs of one run: a state for each step, or the reason why there is no job."""
    offsets = {"hello": 0, "tips": 3, "ask": 7}
    words = [str(state) for state in State]
    rows = [
        {
            "campaign": "onboarding",
            "step": step,
            "subject_id": subject,
            "subject_text": str(subject),
            "due_at": NOON + offsets[step] * DAY,
            "reason": "planned" if word in words else word,
        }
        for step, word in steps.items()
    ]
    numbers = plan(world.installation.database, *rows, run_id=f"subject-{subject}")
    for number, word in zip(numbers, steps.values(), strict=True):
        if word in words:
            settle(world.installation.database, number, word, minutes=1)


def hold(world: World, *decided: dict[str, Any], run: str = "held", campaign: str = "onboarding") -> None:
    """File open decisions of one run; what is not given has a sensible value."""
    db = world.installation.database
    numbers = dict(db.read("SELECT step, id FROM identities WHERE mode = 'live'").rows())
    sensible = {
        "occurrence": 1000, "tenant_id": 1, "recipient_id": 0, "campaign_id": 9_999, "campaign": campaign,
        "step": "hello", "channel": "email", "due_at": NOON, "reason": "waiting", "run_id": run,
        "mode": "live", "as_of": NOON,
    }  # fmt: skip
    schema = {column.name: FRAME_TYPES[column.type] for column in decisions.COLUMNS}
    rows = [{**sensible, **row} for row in decided]
    rows = [{**row, "step_id": numbers.get(row["step"], 9_999)} for row in rows]
    frame = pl.DataFrame(rows, schema=schema)
    world.installation.files.publish(decisions.DATASET, frame, day=NOON.date(), run=run)


def runs(world: World, at: datetime = NOON + 30 * DAY, **wanted: Any) -> pl.DataFrame:
    return history.runs(world.installation, "onboarding", RunFilter(**wanted), as_of=at)


def states(found: pl.DataFrame) -> dict[int, str]:
    return dict(found.select("subject_id", "state").rows())


class TestRuns:
    def test_where_a_run_stands_follows_from_its_jobs(self, onboarding: World) -> None:
        cases = {
            "queued": [
                {"hello": "pending"},
                {"hello": "pending", "tips": "pending"},
                {"hello": "condition", "tips": "pending"},
            ],
            "running": [{"hello": "processing"}, {"hello": "completed", "tips": "pending"}],
            "success": [
                {"hello": "completed", "tips": "completed", "ask": "completed"},
                {"hello": "completed", "tips": "condition", "ask": "condition"},
                {"hello": "completed", "tips": "cancelled"},
            ],
            "failed": [{"hello": "completed", "tips": "dead"}, {"hello": "unknown", "tips": "pending"}],
            "skipped": [{"hello": "stale"}, {"hello": "holdout", "tips": "capped"}, {"hello": "cancelled"}],
        }  # fmt: skip
        expected = {}
        for state, each in cases.items():
            for steps in each:
                expected[len(expected) + 1] = state
                jobs(onboarding, len(expected), **steps)
        assert states(runs(onboarding)) == expected

    def test_a_run_goes_on_until_its_last_step_had_its_time(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="completed")
        jobs(onboarding, 2, hello="completed", tips="completed", ask="completed")
        jobs(onboarding, 3, hello="condition")
        assert states(runs(onboarding, NOON + DAY)) == {1: "running", 2: "success", 3: "skipped"}
        assert states(runs(onboarding, NOON + 8 * DAY)) == {1: "running", 2: "success", 3: "skipped"}
        assert states(runs(onboarding, NOON + 10 * DAY))[1] == "success"

    def test_a_campaign_that_ended_has_nothing_more_to_come(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="completed")
        hold(onboarding, {"subject_id": 1, "step": "tips"})
        onboarding.installation.campaigns.cancel("onboarding", "test", NOON)
        assert states(runs(onboarding, NOON + DAY)) == {1: "success"}

    def test_what_is_held_belongs_to_its_run(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="completed")
        hold(onboarding, {"subject_id": 1, "step": "tips"}, {"subject_id": 2, "reason": "no_recipient"})
        found = runs(onboarding, NOON + 20 * DAY)
        assert states(found) == {1: "running", 2: "skipped"}
        assert found.select("subject_id", "done", "held", "reason").rows() == [
            (1, 1, 1, "waiting"),
            (2, 0, 1, "no_recipient"),
        ]

    def test_what_was_held_and_settled_later_is_no_longer_held(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="completed")
        (number,) = onboarding.jobs()["campaign_id"].unique()
        hold(onboarding, {"subject_id": 1, "campaign_id": number, "reason": "suppressed"})
        assert runs(onboarding)["held"].to_list() == [0]

    def test_the_newest_come_first_and_each_is_on_one_page(self, onboarding: World) -> None:
        for subject in range(7):
            jobs(onboarding, subject, hello="completed")
        jobs(onboarding, 50, tips="pending")
        found = runs(onboarding)
        assert found["subject_id"][0] == 50
        pages = [history.page(onboarding.installation, found, number, 3) for number in (1, 2, 3, 4)]
        assert [page.rows.height for page in pages] == [3, 3, 2, 0]
        assert {page.last for page in pages} == {3}
        shown = pl.concat([page.rows for page in pages])
        assert shown["subject"].to_list() == [str(subject) for subject in found["subject_id"]]

    def test_a_page_says_the_last_error_of_what_failed(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="dead")
        with onboarding.installation.database.begin() as connection:
            connection.exec_driver_sql("UPDATE job_payloads SET error = '550 no such user'")
        (row,) = history.page(onboarding.installation, runs(onboarding)).rows.iter_rows(named=True)
        assert (row["subject"], row["state"], row["error"]) == ("1", "failed", "550 no such user")

    def test_filters(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="completed", tips="completed", ask="completed")
        jobs(onboarding, 2, hello="dead")
        jobs(onboarding, 3, tips="pending")
        plan(onboarding.installation.database, moment(4, tenant_id=2), run_id="other-tenant")
        for wanted, subjects in (
            ({"states": (RunState.FAILED, RunState.QUEUED)}, [2, 3, 4]),
            ({"tenant": 2}, [4]),
            ({"subject": "3"}, [3]),
            ({"subject": "nobody"}, []),
            ({"since": NOON + DAY}, [3]),
            ({"until": NOON + DAY}, [1, 2, 4]),
        ):
            assert sorted(states(runs(onboarding, **wanted))) == subjects

    def test_keys_that_are_texts_are_found_by_their_text(self, onboarding: World) -> None:
        with open_engine() as engine:
            number = engine.query("SELECT hash63('abc-7') AS n")["n"][0]
        plan(onboarding.installation.database, moment(number, subject_text="abc-7"))
        found = runs(onboarding, subject="abc-7")
        assert history.page(onboarding.installation, found).rows["subject"].to_list() == ["abc-7"]

    def test_an_unknown_campaign_is_refused(self, world: World) -> None:
        with pytest.raises(RefusedError, match="nothing"):
            history.runs(world.installation, "nothing", as_of=NOON)

    def test_a_campaign_that_never_ran_has_no_runs(self, onboarding: World) -> None:
        assert runs(onboarding).is_empty()
        assert history.page(onboarding.installation, runs(onboarding)).last == 1

    def test_how_far_a_campaign_goes_on_after_each_step(self) -> None:
        spec = Campaign.model_validate(
            {
                "id": "c",
                "title": "C",
                "audience": "new_customers",
                "steps": [
                    {"id": "a", "channels": ["email", "sms"], "send": "all", "template": "x"},
                    {"id": "b", "after": "a", "offset": "2 days", "channel": "email", "template": "x"},
                    {"id": "c", "after": "b", "offset": "24 hours", "channel": "email", "template": "x"},
                    {
                        "id": "d",
                        "offset": "{quote_followup_day_1} days",
                        "channel": "email",
                        "template": "x",
                    },
                ],
            }
        )
        days = {step: minutes / 1440 for step, minutes in tails(spec).rows()}
        assert days == {"a/email": 5, "a/sms": 5, "b": 3, "c": 0, "d": 0}


def moment(subject: int, **changes: Any) -> dict[str, Any]:
    return {"campaign": "onboarding", "step": "hello", "subject_id": subject} | changes


def an_eventful_record(world: World, seed: int) -> pl.DataFrame:
    """Jobs of every state and reason, at random, for two tenants; returns what is held."""
    draw = random.Random(seed)
    db = world.installation.database
    words = [*State, *NEGATIVE, "expired", "suppressed"]
    for run in range(3):
        rows, said = [], []
        for place in range(60):
            word = str(draw.choice(words))
            said.append(word)
            rows.append(
                {
                    "campaign": draw.choice(["onboarding", "sla"]),
                    "step": draw.choice(["hello", "tips"]),
                    "subject_id": draw.randrange(12),
                    "occurrence": place,
                    "tenant_id": draw.choice([1, 2]),
                    "due_at": NOON + timedelta(hours=draw.randrange(11)),
                    "reason": word if word in NEGATIVE else "planned",
                    "held_by": draw.choice([None, "no_recipient"]) if word == "stale" else None,
                }
            )
        numbers = plan(db, *rows, run_id=f"run-{run}")
        for number, word in zip(numbers, said, strict=True):
            if number is not None and word == "skipped":
                settle(db, number, "skipped", reason="expired")
            elif number is not None and word in ("expired", "suppressed"):
                settle(db, number, "skipped", reason=word)
            elif number is not None and word in list(State):
                settle(db, number, word)
    held = [{"subject_id": 100 + n, "tenant_id": 1 + n % 2, "reason": draw.choice(OPEN)} for n in range(9)]
    hold(world, *held)
    return pl.DataFrame(held)


class TestEverythingAddsUp:
    @pytest.mark.parametrize("seed", [1, 2, 3])
    def test_over_runs_jobs_reasons_days_and_ticks(self, onboarding: World, seed: int) -> None:
        onboarding.apply(SLA, start=START)
        held = an_eventful_record(onboarding, seed)
        here, late = onboarding.installation, NOON + 5 * DAY
        own = onboarding.jobs().filter(pl.col("campaign") == "onboarding")
        in_state = dict(own["state"].value_counts().iter_rows())
        (count,) = history.counts(here, ["onboarding"]).iter_rows(named=True)
        why = history.reasons(here, ["onboarding"], as_of=late)
        found = runs(onboarding, late)
        by_day = history.days(here, "onboarding", as_of=late)
        by_tick = history.ticks(here, "onboarding", as_of=late)

        assert count["moments"] == own.height == count["executions"] + count["pending"] + count["skipped"]
        assert count["successes"] == in_state["completed"] == found["done"].sum() == by_day["notified"].sum()
        assert count["failures"] == in_state["dead"] + in_state["unknown"] == found["failed"].sum()
        assert count["failures"] == by_day["failed"].sum() == by_tick["failed"].sum()
        assert count["pending"] == found["pending"].sum() == by_tick["pending"].sum()
        assert count["skipped"] == found["skipped"].sum() == why["settled"].sum() == by_tick["skipped"].sum()
        assert why["held"].sum() == held.height == found["held"].sum() == by_day["held"].sum()
        assert by_day["processed"].sum() == by_tick["processed"].sum() == own.height + held.height
        assert count["success_rate"] == count["successes"] / count["executions"]

    def test_over_the_tenants(self, onboarding: World) -> None:
        an_eventful_record(onboarding, 4)
        here, late = onboarding.installation, NOON + 5 * DAY
        numbers = ["moments", "planned", "executions", "successes", "failures", "pending", "skipped"]
        whole = history.counts(here).select(numbers).sum()
        assert history.counts(here, by_tenant=True).select(numbers).sum().equals(whole)
        parts = [history.counts(here, tenant=tenant).select(numbers).sum() for tenant in (1, 2)]
        assert pl.concat(parts).sum().equals(whole)
        per_tenant = history.reasons(here, as_of=late, by_tenant=True)["settled"].sum()
        assert per_tenant == whole["skipped"].item()

    def test_with_what_analysts_read(self, onboarding: World) -> None:
        an_eventful_record(onboarding, 5)
        here = onboarding.installation
        frames = compute_day(here.database, here.files, here.sqlfiles, NOON.date(), as_of=NOON)
        daily = frames["campaign_daily"].filter(pl.col("campaign") == "onboarding")
        (count,) = history.counts(here, ["onboarding"]).iter_rows(named=True)
        sums = daily.sum().row(0, named=True)
        assert (count["planned"], count["successes"]) == (sums["planned"], sums["sent"])
        assert count["failures"] == sums["failed"] + sums["unknown"]
        assert count["pending"] == sums["waiting"] + sums["processing"]
        why = {
            reason: settled + held
            for reason, settled, held in history.reasons(here, ["onboarding"], as_of=NOON)
            .select("reason", "settled", "held")
            .rows()
        }
        fates = {name: sums[name] for name in ("cancelled", "expired", "withheld")}
        skipped = {
            name.removeprefix("skipped_"): number
            for name, number in sums.items()
            if name.startswith("skipped_")
        }
        told = {reason: number for reason, number in (skipped | fates).items() if number}
        assert {reason: number for reason, number in why.items() if reason in skipped | fates} == told

    def test_tests_of_a_campaign_count_nowhere(self, onboarding: World) -> None:
        plan(onboarding.installation.database, moment(1), moment(2), mode="test")
        here = onboarding.installation
        assert history.counts(here).is_empty()
        assert runs(onboarding).is_empty()
        assert history.ticks(here, "onboarding", as_of=NOON).is_empty()
        assert history.days(here, "onboarding", as_of=NOON).is_empty()
        hold(onboarding, {"subject_id": 1, "mode": "test"}, {"subject_id": 2, "mode": "reconstructed"})
        assert history.reasons(here, as_of=NOON).is_empty()


class TestCounts:
    def test_only_what_was_handed_over_and_ended_is_an_execution(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="completed", tips="dead", ask="pending")
        jobs(onboarding, 2, hello="unknown", tips="cancelled", ask="condition")
        (row,) = history.counts(onboarding.installation, ["onboarding"]).iter_rows(named=True)
        assert row == {
            "campaign": "onboarding",
            "tenant_id": None,
            "moments": 6,
            "planned": 5,
            "executions": 3,
            "successes": 1,
            "failures": 2,
            "success_rate": 1 / 3,
            "pending": 1,
            "skipped": 2,
            "last_execution": NOON + timedelta(minutes=1),
        }

    def test_without_executions_there_is_no_rate(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="stale")
        (row,) = history.counts(onboarding.installation).iter_rows(named=True)
        assert (row["executions"], row["success_rate"], row["last_execution"]) == (0, None, None)

    def test_since_means_due_since(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="completed", tips="completed", ask="completed")
        (row,) = history.counts(onboarding.installation, since=NOON + 3 * DAY).iter_rows(named=True)
        assert row["executions"] == 2


class TestTicks:
    def test_each_run_tells_what_became_of_what_it_planned(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="completed", tips="condition")
        jobs(onboarding, 2, hello="dead")
        jobs(onboarding, 3, hello="pending")
        jobs(onboarding, 4, hello="stale")
        hold(onboarding, {"subject_id": 5}, {"subject_id": 6}, run="subject-4")
        found = history.ticks(onboarding.installation, "onboarding", as_of=NOON)
        columns = ("run_id", "state", "processed", "notified", "failed", "pending", "skipped", "held")
        assert found.select(columns).rows() == [
            ("subject-1", "success", 2, 1, 0, 0, 1, 0),
            ("subject-2", "failed", 1, 0, 1, 0, 0, 0),
            ("subject-3", "running", 1, 0, 0, 1, 0, 0),
            ("subject-4", "skipped", 3, 0, 0, 0, 1, 2),
        ]

    def test_days_are_those_of_the_tenants_calendar(self, onboarding: World) -> None:
        late_evening = {"due_at": datetime.fromisoformat("2026-05-01T19:00+00:00")}
        first, second = plan(onboarding.installation.database, moment(1), moment(2, **late_evening))
        settle(onboarding.installation.database, first, "completed")
        settle(onboarding.installation.database, second, "dead")
        found = history.days(onboarding.installation, "onboarding", as_of=NOON)
        told = found.select(pl.col("day").cast(pl.String), "processed", "notified", "failed").rows()
        assert told == [("2026-05-02", 1, 0, 1), ("2026-05-01", 1, 1, 0)]  # in Kathmandu


def escalate(world: World, query: int, *steps: tuple[str, int], state: str = "completed") -> None:
    """Steps of the escalation of one enquiry: (step, recipient)."""
    rows = [
        {
            "campaign": "sla",
            "step": step,
            "subject_id": query,
            "recipient_id": person,
            "subject_text": str(query),
        }
        for step, person in steps
    ]
    for number in plan(world.installation.database, *rows, run_id=f"escalated-{query}"):
        settle(world.installation.database, number, state, minutes=len(steps))


LEVEL_1 = (("level-1-notify", 7), ("first-record", 0))
LEVEL_2 = (("level-2-notify", 8), ("level-2-notify", 9), ("second-record", 0))


class TestAfterRealTicks:
    def test_what_planning_held_and_planned_is_what_is_told(self, world: World) -> None:
        world.apply(ONBOARDING, start="2026-05-01T00:00")
        world.add("tenants", id=1)
        world.add("customers", id=1, created_at="2026-05-01T08:00")
        world.add("customers", id=2, created_at="2026-05-01T08:10", email=None)
        world.tick("2026-05-01T08:30")
        late = datetime.fromisoformat("2026-05-01T09:00+00:00")
        found = runs(world, late)
        assert states(found) == {1: "queued", 2: "skipped"}
        told = history.page(world.installation, found).rows.select("subject", "pending", "held", "reason")
        assert told.rows() == [("2", 0, 1, "no_recipient"), ("1", 1, 0, None)]
        why = history.reasons(world.installation, as_of=late)
        assert why.select("reason", "settled", "held").rows() == [("no_recipient", 0, 1)]
        (tick,) = history.ticks(world.installation, "onboarding", as_of=late).iter_rows(named=True)
        assert (tick["run_id"], tick["processed"], tick["pending"], tick["held"]) == ("run-1", 2, 1, 1)

        world.change("customers", 2, email="now@mail.example.com")
        world.tick("2026-05-01T09:00")
        assert states(runs(world, late)) == {1: "queued", 2: "queued"}
        assert history.reasons(world.installation, as_of=late).is_empty()


class TestEscalations:
    @pytest.fixture
    def sla(self, world: World) -> World:
        world.apply(SLA, start=START)
        world.add("customers", id=1)
        for query, status in ((1, "open"), (2, "resolved"), (3, "in_progress"), (4, "open")):
            world.add("queries", id=query, status=status)
        escalate(world, 1, *LEVEL_1)
        escalate(world, 2, *LEVEL_1, *LEVEL_2)
        escalate(world, 3, *LEVEL_2[:1], state="dead")
        escalate(world, 5, LEVEL_2[2])
        return world

    def test_each_enquiry_with_its_highest_level_and_its_status_now(self, sla: World) -> None:
        found = history.page(sla.installation, history.escalations(sla.installation)).rows
        told = found.sort("subject").select("subject", "level", "told", "status").rows()
        assert told == [("1", 1, 1, "open"), ("2", 2, 3, "resolved"), ("5", 2, 0, "gone")]
        sla.change("queries", 1, status="closed")
        changed = history.escalations(sla.installation).filter(pl.col("subject_id") == 1)
        assert changed["status"].to_list() == ["closed"]

    def test_filters(self, sla: World) -> None:
        for wanted, expected in (
            ({"level": 1}, [1]),
            ({"level": 2}, [2, 5]),
            ({"status": "open"}, [1]),
            ({"status": "gone"}, [5]),
            ({"level": 2, "status": "open"}, []),
            ({"tenant": 2}, []),
        ):
            found = history.escalations(sla.installation, **wanted)  # type: ignore[arg-type]
            assert sorted(found["subject_id"]) == expected

    def test_nothing_was_escalated(self, onboarding: World) -> None:
        jobs(onboarding, 1, hello="completed")
        assert history.escalations(onboarding.installation).is_empty()

    def test_a_step_says_its_level_by_what_it_records_or_by_its_id(self) -> None:
        spec = Campaign.model_validate(
            {
                "id": "e",
                "title": "E",
                "audience": "open_queries",
                "steps": [
                    {"id": "level-1-record", "action": "escalate_query", "with": {"level": 3}},
                    {"id": "tell-level-12", "channel": "email", "template": "x"},
                    {"id": "sublevel-1x", "channel": "email", "template": "x"},
                ],
            }
        )
        assert [list(level_of(step)) for step in spec.parts] == [[3], [12], []]


def test_enquiries_with_text_keys_are_found_in_the_crm(tmp_path: Path) -> None:
    own = tmp_path / "sql" / "sources"
    own.mkdir(parents=True)
    shipped = Path(__file__).parent.parent / "sql" / "sources" / "queries.sql"
    text = shipped.read_text(encoding="utf-8")
    own.joinpath("queries.sql").write_text(
        text.replace("SELECT", "-- text ids: id, tenant_id, customer_id, agent_id\nSELECT", 1),
        encoding="utf-8",
    )
    urls = f"sqlite:///{tmp_path / 'ledger.db'}", f"sqlite:///{tmp_path / 'crm.db'}"
    world = World.create(tmp_path / "home", *urls, text_ids=True, sql_dir=own.parent)
    world.apply(SLA, start=START)
    world.add("queries", id="q-1", tenant_id="t-1", customer_id="c-1")
    with open_engine() as engine:
        query, tenant = engine.query("SELECT hash63('q-1') AS q, hash63('t-1') AS t").row(0)
    row = {"campaign": "sla", "step": "first-record", "subject_id": query, "subject_text": "q-1"}
    row |= {"tenant_id": tenant}
    (number,) = plan(world.installation.database, row)
    settle(world.installation.database, number, "completed")
    found = history.page(world.installation, history.escalations(world.installation)).rows
    world.close()
    assert found.select("subject", "status").rows() == [("q-1", "open")]


class TestLists:
    def test_a_list_names_contact_and_type(self, world: World) -> None:
        world.apply(SLA, start=START)
        rows = [{"campaign": "sla", "step": "level-1-notify"}]
        rows += [{"campaign": "sla", "step": "first-record", "channel": "crm", "address": None}]  # type: ignore[dict-item]
        plan(world.installation.database, *rows)
        found = history.listing(world.installation.database, JobFilter(), 10).sort("step")
        assert found.select("step", "type", "contact").rows() == [
            ("first-record", "set_query_escalation_level", None),
            ("level-1-notify", "email", "c•••@mail.example.com"),
        ]
        whole = history.listing(world.installation.database, JobFilter(), 10, addresses=True)
        assert set(whole["contact"]) == {None, "customer1@mail.example.com"}

    @pytest.mark.parametrize(
        ("address", "shown"),
        [
            ("kim@x.org", "k•••@x.org"),
            ("+49 171 1234567", "•••67"),
            ("1234", "•••"),
            ("", "•••"),
            ("@x", "•••@x"),
        ],
    )
    def test_masked(self, address: str, shown: str) -> None:
        assert history.masked(address) == shown


Run = Callable[..., Result]


@pytest.fixture
def run(onboarding: World) -> Run:
    front = Front(onboarding.installation, NOON + 5 * DAY, "ann")

    def invoke(words: str) -> Result:
        done = CliRunner().invoke(automation, words.split(), obj=front, env={"COLUMNS": "200"})
        assert done.exit_code == 0, f"{words}: {done.output} {done.exception!r}"
        return done

    return invoke


class TestCommands:
    def test_runs(self, onboarding: World, run: Run) -> None:
        assert "no runs" in run("campaign runs onboarding").output
        jobs(onboarding, 1, hello="completed", tips="dead")
        jobs(onboarding, 2, hello="pending")
        said = run("campaign runs onboarding --size 1 --page 2").output
        assert "1 failed, 1 queued" in said
        assert "page 2 of 2, 2 in all" in said
        (row,) = map(json.loads, run("campaign runs onboarding --state failed --json").output.splitlines())
        assert (row["subject"], row["done"], row["failed"]) == ("1", 1, 1)

    def test_counts(self, onboarding: World, run: Run) -> None:
        jobs(onboarding, 1, hello="completed", tips="dead", ask="condition")
        hold(onboarding, {"subject_id": 9, "reason": "no_recipient"})
        said = run("campaign counts onboarding").output
        assert "50.0%" in said
        assert "condition 1, no_recipient 1" in said
        assert "onboarding" in run("campaign counts --by-tenant --tenant 1").output
        (row,) = map(json.loads, run("campaign counts --json").output.splitlines())
        assert row["not_sent"] == [
            {"reason": "condition", "moments": 1},
            {"reason": "no_recipient", "moments": 1},
        ]

    def test_a_campaign_all_of_whose_moments_are_held_is_counted(self, onboarding: World, run: Run) -> None:
        hold(onboarding, {"subject_id": 9, "reason": "guarded"})
        assert "guarded 1" in run("campaign counts onboarding").output

    def test_lists_and_descriptions_of_campaigns_say_what_they_did(self, onboarding: World, run: Run) -> None:
        assert "executions: 0" in run("campaign show onboarding").output
        jobs(onboarding, 1, hello="completed", tips="dead", ask="condition")
        assert (
            "executions: 2, sent: 1, failed: 1, last: 2026-05-01 12:01 UTC"
            in run("campaign show onboarding").output
        )
        assert "2026-05-01 12:01 UTC" in run("campaign list").output

    def test_ticks(self, onboarding: World, run: Run) -> None:
        jobs(onboarding, 1, hello="completed")
        assert "success" in run("campaign ticks onboarding").output
        assert "2026-05-01" in run("campaign ticks onboarding --by-day").output
        (row,) = map(json.loads, run("campaign ticks onboarding --json").output.splitlines())
        assert (row["run_id"], row["processed"], row["notified"]) == ("subject-1", 1, 1)

    def test_escalations(self, onboarding: World, run: Run) -> None:
        onboarding.apply(SLA, start=START)
        onboarding.add("customers", id=1)
        onboarding.add("queries", id=4)
        escalate(onboarding, 4, *LEVEL_2)
        (row,) = map(json.loads, run("escalations list --level 2 --status open --json").output.splitlines())
        assert (row["subject"], row["told"]) == ("4", 2)
        assert "page 1 of 1, 1 in all" in run("escalations list").output

    def test_addresses_of_jobs_are_masked_unless_asked_for(self, onboarding: World, run: Run) -> None:
        jobs(onboarding, 1, hello="pending")
        for words in ("jobs list", "jobs list --json"):
            assert "c•••@mail.example.com" in run(words).output
            assert "customer1@" not in run(words).output
            assert "customer1@mail.example.com" in run(f"{words} --show-addresses").output


def test_the_commands_that_operators_are_told_can_be_typed(
    onboarding: World, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # some write files
    page = (Path(__file__).parent.parent / "docs" / "operating.md").read_text(encoding="utf-8")
    section = page.partition("\n## What ran, and what came of it")[2].partition("\n## ")[0]
    blocks = section.split("```sh\n")[1:]
    typed = [line for block in blocks for line in block.partition("```")[0].splitlines()]
    assert len(typed) > 10
    for name in ("quote-follow-up", "re-engagement", "welcome"):
        onboarding.apply(ONBOARDING.replace("onboarding", name), start=START)
    for line in typed:
        run(line.removeprefix("automation "))
