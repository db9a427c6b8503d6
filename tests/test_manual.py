"""A campaign for those somebody names, now."""

import json
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from click.testing import CliRunner

from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger import plans
from automation_pipelines.manual import NOT_IN_AUDIENCE, UNKNOWN, ManualRun, Request, run
from automation_pipelines.tick import read_frames
from tests.flowing import go
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
MONDAY = "2026-03-09T14:00"

BIRTHDAY: dict[str, Any] = {
    "id": "birthday",
    "title": "Happy birthday",
    "audience": "birthdays",
    "steps": [{"id": "wish", "channel": "email", "template": "wish"}],
}
WELCOME: dict[str, Any] = {
    "id": "welcome",
    "title": "Welcome",
    "audience": "new_customers",
    "steps": [
        {"id": "hello", "channel": "email", "template": "hello"},
        {"id": "tips", "after": "hello", "offset": "3 days", "channel": "email", "template": "tips"},
    ],
}
QUOTES: dict[str, Any] = {
    "id": "quotes",
    "title": "Your quote",
    "audience": "open_quotes",
    "steps": [{"id": "nudge", "offset": "3 days", "channel": "email", "template": "nudge"}],
}


@pytest.fixture
def office(world: World) -> World:
    """Two customers whose birthday is on Tuesday, one whose was on Sunday, one without."""
    world.add("tenants", id=1)
    world.add("customers", id=1, birthday="1990-03-10")
    world.add("customers", id=2, birthday="1985-03-10")
    world.add("customers", id=3, birthday="1985-03-08")
    world.add("customers", id=4)
    return world


def ask(world: World, moment: str, campaign: str = "birthday", **asked: Any) -> ManualRun:
    """Run a request made at that moment."""
    world.ticks += 1
    request = Request(campaign=campaign, **asked)
    return run(world.installation, request, as_of=at(moment), run_id=f"ask-{world.ticks}", by="kim")


def told(made: ManualRun) -> list[tuple[Any, ...]]:
    """(subject, step, decision) of everybody named."""
    return made.outcomes.select("subject", "step", "decision").rows()


def audit(world: World) -> list[dict[str, Any]]:
    """What manual runs were written down."""
    rows = world.installation.database.read(
        "SELECT detail FROM audit WHERE action = 'campaign.run' ORDER BY id"
    )
    return [json.loads(detail) for (detail,) in rows.rows()]


def test_what_is_sent_by_hand_is_not_sent_again_by_itself(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    made = ask(office, MONDAY, subjects=("1",))
    assert told(made) == [("1", "wish", "planned")]
    office.tick_through("2026-03-10T08:30", "2026-03-10T09:30")
    assert office.sent() == [("wish", 1, 0, MONDAY), ("wish", 2, 0, "2026-03-10T09:00")]


def test_who_had_it_is_left_alone_and_told_when(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    ask(office, MONDAY, subjects=("1",))
    made = ask(office, "2026-03-09T15:00", subjects=("1", "2"))
    assert told(made) == [("1", "wish", "duplicate"), ("2", "wish", "planned")]
    assert "pending before, 2026-03-09 14:00 UTC" in made.outcomes["why"][0]
    assert len(office.sent()) == 2


def test_again_makes_it_another_time_each_minute_and_is_written_down(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    for moment in ("2026-03-09T14:00:10", "2026-03-09T14:00:50", "2026-03-09T14:01:00"):
        ask(office, moment, subjects=("1",), again=True)
    assert [row[3] for row in office.sent()] == ["2026-03-09T14:00", "2026-03-09T14:01"]
    assert [entry["again"] for entry in audit(office)] == [True, True, True]
    assert audit(office)[0]["subjects"] == ["1"]
    office.tick("2026-03-10T09:00")
    assert len([row for row in office.sent() if row[1] == 1]) == 3


def test_a_birthday_that_has_just_been_is_that_of_this_year(office: World) -> None:
    office.apply(BIRTHDAY, start="2026-03-09T00:00")
    ask(office, MONDAY, subjects=("3",))
    (occurrence,) = office.jobs()["occurrence"]
    assert timedelta(minutes=occurrence) == at("2026-01-01T00:00") - at("1970-01-01T00:00")


def test_nobody_who_is_named_is_left_out_silently(office: World) -> None:
    office.add("customers", id=5, birthday="1990-03-10", email_opt_out=True)
    office.add("customers", id=6, birthday="1990-03-10", email=None)
    office.add("customers", id=7, birthday="1990-03-10", name="Nobody")
    only = {"field": "customer_name", "operator": "not_equals", "value": "Nobody"}
    office.apply({**BIRTHDAY, "conditions": only}, start=LONG_AGO)
    made = ask(office, MONDAY, subjects=("1", "4", "5", "6", "7", "99", "no-key"))
    assert dict(made.outcomes.select("subject", "decision").rows()) == {
        "1": "planned",
        "4": NOT_IN_AUDIENCE,
        "5": "suppressed",
        "6": "no_recipient",
        "7": "condition",
        "99": UNKNOWN,
        "no-key": UNKNOWN,
    }
    assert made.outcomes.filter(pl.col("decision") != "planned")["why"].null_count() == 0


def test_what_is_decided_against_by_hand_may_still_come_by_itself(office: World) -> None:
    step = {**BIRTHDAY["steps"][0], "when": {"field": "status", "operator": "equals", "value": "active"}}
    office.apply({**BIRTHDAY, "steps": [step]}, start=LONG_AGO)
    assert told(ask(office, MONDAY, subjects=("1",))) == [("1", "wish", "condition")]
    assert office.jobs().is_empty()
    office.change("customers", 1, status="active")
    office.tick("2026-03-10T08:30")
    assert office.sent() == [("wish", 1, 0, "2026-03-10T09:00")]


def test_holdout_and_guard_do_not_stop_what_is_asked_for(office: World) -> None:
    policy = {"holdout": 100, "guard": {"cap": 1, "at_least": 1}}
    office.apply({**BIRTHDAY, "policy": policy}, start=LONG_AGO)
    made = ask(office, MONDAY, subjects=("1", "2"))
    assert made.outcomes["decision"].to_list() == ["planned", "planned"]


def test_limits_count_what_is_asked_for(office: World) -> None:
    office.apply({**BIRTHDAY, "policy": {"max_executions": 1}}, start=LONG_AGO)
    made = ask(office, MONDAY, subjects=("1", "2"))
    assert made.outcomes["decision"].to_list() == ["planned", "limited"]
    assert office.tick("2026-03-10T09:00").planned == 0


def test_the_send_window_is_respected(office: World) -> None:
    window = {"start": "09:00", "end": "17:00"}
    office.apply({**BIRTHDAY, "window": window}, start=LONG_AGO)
    made = ask(office, "2026-03-09T22:00", subjects=("1",))
    assert "2026-03-10 09:00 UTC" in made.outcomes["why"][0]
    assert office.sent() == [("wish", 1, 0, "2026-03-10T09:00")]


def test_a_sequence_goes_on_after_the_step_that_was_sent_by_hand(office: World) -> None:
    office.add("customers", id=10, created_at="2026-03-09T13:00")
    office.apply(
        {**WELCOME, "steps": [{**WELCOME["steps"][0], "offset": "1 day"}, WELCOME["steps"][1]]},
        start=LONG_AGO,
    )
    ask(office, MONDAY, "welcome", subjects=("10",))
    go(office, "2026-03-09T14:00", "2026-03-12T15:00", minutes=360)
    assert office.sent() == [("hello", 10, 0, MONDAY), ("tips", 10, 0, "2026-03-12T09:00")]


def test_a_later_step_that_is_asked_for_waits_for_none(office: World) -> None:
    office.add("customers", id=10, created_at="2025-06-01T00:00")
    office.add("customers", id=11, created_at="2026-03-09T13:00")
    office.apply(WELCOME, start=LONG_AGO)
    made = ask(office, MONDAY, "welcome", subjects=("10",), steps=("tips",))
    assert told(made) == [("10", "tips", "planned")]
    assert told(ask(office, MONDAY, "welcome", subjects=("11",), all_steps=True)) == [
        ("11", "hello", "planned"),
        ("11", "tips", "planned"),
    ]


def test_what_is_a_customers_is_found_by_the_customer(office: World) -> None:
    office.add("quotes", id=1, customer_id=1, sent_at="2025-11-01T00:00")
    office.add("quotes", id=2, customer_id=1, sent_at="2026-03-09T00:00")
    office.add("quotes", id=3, customer_id=2, sent_at="2026-03-09T00:00")
    office.apply(QUOTES, start=LONG_AGO)
    made = ask(office, MONDAY, "quotes", customers=("1", "4"))
    assert told(made) == [("1", "nudge", "planned"), ("2", "nudge", "planned"), ("4", None, UNKNOWN)]


def test_a_customer_of_another_tenant_is_not_left_out_silently(office: World) -> None:
    office.add("quotes", id=71, customer_id=1, sent_at="2026-03-09T10:00")
    office.apply(QUOTES, start=LONG_AGO)
    made = ask(office, MONDAY, "quotes", customers=("1", "4"), tenant_id=2)
    assert told(made) == [("1", None, UNKNOWN), ("4", None, UNKNOWN)]
    assert made.outcomes["why"][0] == "none of the customers of tenant 2 has this key: check it"
    made = ask(office, MONDAY, "quotes", customers=("4",))
    assert made.outcomes["why"][0] == "the CRM has no quotes of the customer with this key"


def test_a_key_too_long_for_a_number_names_nobody(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    assert told(ask(office, MONDAY, subjects=("9" * 25,))) == [("9" * 25, None, UNKNOWN)]


def test_a_broadcast_is_brought_forward(office: World) -> None:
    schedule = {"date": "2026-03-10", "at": "09:00"}
    office.apply({**BIRTHDAY, "id": "sale", "audience": "customers", "schedule": schedule}, start=LONG_AGO)
    ask(office, MONDAY, "sale", subjects=("4",))
    office.tick("2026-03-10T08:30")
    assert [row[1] for row in office.sent() if row[3] == "2026-03-10T09:00"] == [1, 2, 3]


def test_caps_count_what_was_sent_before_and_what_is_asked_for(office: World) -> None:
    office.add("tenant_settings", id=1, name="caps", value="1 per day")
    for name in ("birthday", "other"):
        office.apply({**BIRTHDAY, "id": name}, start=LONG_AGO)
    assert told(ask(office, MONDAY, subjects=("1",))) == [("1", "wish", "planned")]
    assert told(ask(office, MONDAY, "other", subjects=("1",))) == [("1", "wish", "capped")]


def test_no_more_of_the_crm_is_read_than_what_is_asked_for(
    office: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2, 3):
        office.add("quotes", id=number, customer_id=number, sent_at="2026-03-09T00:00")
    office.apply(QUOTES, start=LONG_AGO)
    read: dict[str, list[int]] = {}

    def watched(*asked: Any) -> dict[str, pl.DataFrame]:
        frames = read_frames(*asked)
        read.update({name: frame["id"].to_list() for name, frame in frames.items()})
        return frames

    monkeypatch.setattr(sys.modules["automation_pipelines.manual.run"], "read_frames", watched)
    ask(office, MONDAY, "quotes", subjects=("2",))
    assert (read["quotes"], read["customers"]) == ([2], [2])


def test_text_keys_are_found_as_they_are(tmp_path: Path) -> None:
    own = tmp_path / "sql" / "sources"
    own.mkdir(parents=True)
    ids = {
        "customers": "id, tenant_id, agent_id, merged_into",
        "tenants": "id",
        "users": "id, tenant_id, manager_id",
    }
    for name, columns in ids.items():
        (own / f"{name}.sql").write_text(f"-- One of {name}.\n-- text ids: {columns}\nSELECT * FROM {name}")
    urls = f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'crm.db'}"
    world = World.create(tmp_path / "home", *urls, text_ids=True, sql_dir=own.parent)
    world.add("tenants", id="T1")
    world.add("tenants", id="T2")
    for key, tenant in (("00001", "T1"), ("1", "T1"), ("x", "T2")):
        world.add("customers", id=key, tenant_id=tenant, birthday="1990-03-10")
    world.apply(BIRTHDAY, start=LONG_AGO)
    assert told(ask(world, MONDAY, subjects=("00001", "x", "01"))) == [
        ("00001", "wish", "planned"),
        ("x", "wish", "planned"),
        ("01", None, UNKNOWN),
    ]
    world.close()


def test_the_cursor_stays_where_the_ticks_left_it(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.tick("2026-03-09T13:30")
    made = ask(office, MONDAY, subjects=("1",))
    assert plans.planned_through(office.installation.database) == at("2026-03-09T13:30")
    assert made.done is not None
    modes = office.installation.database.read("SELECT mode FROM ticks ORDER BY id")["mode"]
    assert modes.to_list() == ["live", "manual"]


@pytest.mark.parametrize("state", ["draft", "cancelled"])
def test_only_a_campaign_that_runs_sends(office: World, state: str) -> None:
    office.apply(BIRTHDAY)
    if state == "cancelled":
        office.installation.campaigns.cancel("birthday", "kim", at(LONG_AGO))
    with pytest.raises(RefusedError, match=f"is {state} and sends nothing"):
        ask(office, MONDAY, subjects=("1",))


def test_a_paused_campaign_says_so(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    office.installation.campaigns.pause("birthday", "kim", at(LONG_AGO))
    made = ask(office, MONDAY, subjects=("1",))
    assert told(made) == [("1", "wish", "inactive")]
    assert "campaign paused" in made.outcomes["why"][0]


def test_a_step_the_campaign_does_not_have_is_refused(office: World) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    with pytest.raises(RefusedError, match="has no step gift: its steps are wish"):
        ask(office, MONDAY, subjects=("1",), steps=("gift",))


def test_the_command_plans_and_tells(office: World, tmp_path: Path) -> None:
    office.apply(BIRTHDAY, start=LONG_AGO)
    keys = tmp_path / "keys.txt"
    keys.write_text("2\n\n 99 \n")
    front = Front(office.installation, at(MONDAY), "kim")
    command = ["campaign", "run", "birthday", "--subject", "1", "--file", str(keys)]
    dry = CliRunner().invoke(automation, [*command, "--dry-run"], obj=front)
    assert "2 would be planned" in dry.output
    assert office.jobs().is_empty()
    done = CliRunner().invoke(automation, [*command, "--json"], obj=front)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["subject"], line["decision"]) for line in lines] == [
        ("1", "planned"),
        ("2", "planned"),
        ("99", "unknown"),
    ]
    assert len(office.sent()) == 2
