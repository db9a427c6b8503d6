"""Each ready campaign against its cases in `cases/playbooks/`: what its users expect to be sent.

The shipped file runs as it is, over the real planner: each tick plans, what is due is rendered and handed
off, actions change the CRM. A case says what is `given`, which other playbooks run (`also`), what happens
`between` the ticks, and everything that is sent and skipped; a row of `sent` is step, subject, address,
channel, time. `crm` has rows that the CRM then holds, `said` words that somebody was told.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from email import message_from_bytes
from email.policy import default
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
import yaml

from automation_pipelines.campaign import CALL_CHANNELS, MESSAGE_CHANNELS
from automation_pipelines.catalogue.actions import actions
from automation_pipelines.catalogue.sources import SOURCES
from automation_pipelines.catalogue.types import Keeper
from automation_pipelines.channels import build_channels
from automation_pipelines.delivery import deliver
from automation_pipelines.ledger import coupons, events
from automation_pipelines.playbooks import FOLDER
from automation_pipelines.sqlfiles import SqlFiles
from automation_pipelines.validation import Draft, Known, load
from tests.flowing import tell
from tests.happened import happen
from tests.world import NewWorld, World, at

CASES = Path(__file__).parent / "cases" / "playbooks"
KNOWN = Known(frozenset({*MESSAGE_CHANNELS, *CALL_CHANNELS, "wait"}), actions(SqlFiles()))
START = "2026-01-01T00:00"
STAFF: dict[int, dict[str, Any]] = {
    10: {"name": "Agent", "manager_id": 11},
    11: {"name": "Manager", "role": "manager", "manager_id": 12},
    12: {"name": "Head of sales", "role": "department_manager"},
    13: {"name": "Senior", "role": "senior_management"},
    14: {"name": "Executive", "role": "executive"},
    15: {"name": "Success manager", "role": "manager", "department": "success"},
}
"""Of every case; a case may add others."""


@cache
def drafts() -> dict[str, Draft]:
    """The shipped files by name."""
    return {draft.path.stem: draft for draft in load([FOLDER], KNOWN)}


def _cases() -> Iterator[Any]:
    for path in sorted(CASES.glob("*.yaml")):
        for case in yaml.safe_load(path.read_text(encoding="utf-8")):
            # One of each group: that both databases do the same is the planner's own tests' to prove.
            for database in case.get("databases", ["sqlite"]):
                yield pytest.param(database, path.stem, case, id=f"{path.stem}: {case['case']} [{database}]")


def test_every_playbook_has_cases() -> None:
    assert {path.stem for path in CASES.glob("*.yaml")} == set(drafts())


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_the_cases_send_every_step_and_leave_out_each_that_has_a_condition(name: str) -> None:
    told = [case["expect"] for case in yaml.safe_load((CASES / f"{name}.yaml").read_text(encoding="utf-8"))]
    sent = {row[0] for one in told for row in one.get("sent", ())}
    left_out = {row[0] for one in told for row in one.get("skipped", ()) if row[2] == "condition"}
    spec = drafts()[name].spec
    assert {part.id for part in spec.parts if part.send == "first"} <= sent
    assert {step.id for step in spec.steps if step.when is not None} <= left_out
    assert not spec.exit or left_out


@pytest.mark.parametrize(("database", "name", "case"), list(_cases()))
def test_the_playbook_sends_what_its_case_expects(
    database: str, name: str, case: dict[str, Any], new_world: NewWorld
) -> None:
    world = new_world(database, **case.get("settings", {}))
    _begin(world, name, case)
    _live(world, name, case)
    expect = case["expect"]
    assert _sent(world, name) == [tuple(row) for row in expect.get("sent", ())]
    assert _skipped(world, name) == [tuple(row) for row in expect.get("skipped", ())]
    _check_crm(world, expect.get("crm", ()))
    _check_said(world, expect.get("said", ()))
    _check_outcome(world, at(case["ticks"][-1]))


def _begin(world: World, name: str, case: dict[str, Any]) -> None:
    """Fill the CRM, apply the shipped file with its own messages, and start it."""
    for number, person in STAFF.items():
        world.add("users", id=number, **person)
    for source, rows in {"tenants": [{"id": 1}], **case.get("given", {})}.items():
        for row in rows:
            _add(world, source, row)
    for pool, codes in case.get("coupons", {}).items():
        coupons.add(world.installation.database, pool, codes)
    campaigns, started = world.installation.campaigns, at(case.get("start", START))
    for draft in (drafts()[one] for one in (name, *case.get("also", ()))):
        campaigns.apply(draft.spec, draft.text, draft.templates, "test", started)
        campaigns.start(draft.spec.id, "test", started)


def _add(world: World, source: str, row: dict[str, Any]) -> None:
    if SOURCES[source].origin is Keeper.LEDGER:
        happen(world.installation.database, source, row)
    else:
        world.add(source, **row)


def _live(world: World, name: str, case: dict[str, Any]) -> None:
    """Let every tick plan and every message leave; what happens between them happens in its place."""
    waiting = sorted(case.get("between", ()), key=lambda one: at(one["at"]))
    for tick in case["ticks"]:
        while waiting and at(waiting[0]["at"]) <= at(tick):
            _happen(world, name, waiting.pop(0))
        world.tick(tick)
        _deliver(world, at(tick))
    assert not waiting, "what happens after the last tick is never seen"


def _happen(world: World, name: str, what: dict[str, Any]) -> None:
    moment = what["at"]
    match what:
        case {"add": source, "row": row}:
            _add(world, source, row)
        case {"change": source, "id": key, "to": values}:
            world.change(source, key, **values)
        case {"event": kind, "step": step, "subject": subject}:
            _tell(world, kind, step, subject, at(moment))
        case {"enter": subject}:
            tell(world, "start", subject, moment, drafts()[name].spec.id)
        case _:
            pytest.fail(f"nobody knows how this happens: {what}")


def _tell(world: World, kind: str, step: str, subject: int, moment: datetime) -> None:
    """The provider tells of a message that was really sent."""
    found = world.jobs().filter(pl.col("step") == step, pl.col("subject_id") == subject)
    told = {
        "identity": [f"{kind}-{step}-{subject}"],
        "type": [kind],
        "told_at": [moment],
        "job_id": [found["id"][0]],
        "detail": [None],
        "detail_of_stranger": [None],
        "suppresses": [None],
    }
    events.record(world.installation.database, pl.DataFrame(told), now=moment)


def _deliver(world: World, moment: datetime) -> None:
    opened = world.installation
    channels = build_channels(opened.settings)
    try:
        deliver(
            opened.database, channels, opened.campaigns, opened.settings, clock=lambda: moment, owner="test"
        )
    finally:
        for channel in channels.values():
            channel.close()


def _own(world: World, name: str) -> pl.DataFrame:
    """The campaign's own jobs, not those that a case gave as the past."""
    return world.jobs().filter(pl.col("campaign") == drafts()[name].spec.id)


def _sent(world: World, name: str) -> list[tuple[Any, ...]]:
    rows = _own(world, name).filter(pl.col("state") != "skipped")
    due = pl.col("due_at").dt.strftime("%Y-%m-%dT%H:%M").alias("due")
    picked = rows.select("step", "subject_id", pl.col("address").fill_null("-"), "channel", due)
    return picked.sort("due", "step", "subject_id", "address").rows()


def _skipped(world: World, name: str) -> list[tuple[Any, ...]]:
    rows = _own(world, name).filter(pl.col("state") == "skipped").sort("due_at", "step", "subject_id")
    return rows.select("step", "subject_id", "reason").rows()


def _check_crm(world: World, wanted: list[dict[str, Any]]) -> None:
    """The CRM has these rows: found by the values it is asked by, with those it is to have."""
    for one in wanted:
        table = world.tables[one["source"]]
        with world.crm.connect() as connection:
            rows = connection.execute(sa.select(table)).mappings().all()
        found = [{key: str(row[key]) for key in one["row"]} for row in rows]
        assert {key: str(value) for key, value in one["row"].items()} in found


def _check_said(world: World, wanted: list[tuple[str, str]]) -> None:
    """Somebody was told this, among other things; without a recipient: another system was."""
    outbox = world.installation.settings.outbox
    told = [json.loads(path.read_text(encoding="utf-8")) for path in outbox.glob("*/*.json")]
    heard = [(one.get("to"), f"{one.get('title')} {one.get('text')} {one}") for one in told]
    for path in (outbox / "new").glob("*"):
        mail = message_from_bytes(path.read_bytes(), policy=default)
        text = mail.get_body(("plain",))
        heard.append((str(mail["To"]), f"{mail['Subject']} {text.get_content() if text else ''}"))
    for to, words in wanted:
        assert any(who == to or f"<{to}>" in str(who) for who, said in heard if words in said), (to, words)


def _check_outcome(world: World, until: datetime) -> None:
    """Whatever was due has left, so every message of it could be rendered and every action done."""
    due = world.jobs().filter(pl.col("due_at") <= until)
    stuck = due.filter(~pl.col("state").is_in(["completed", "skipped"]))
    assert stuck.select("step", "subject_id", "state").rows() == []
