"""The pages on kinds of campaigns: their examples apply, and stories they tell send what they show."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from click.testing import CliRunner

from automation_pipelines.campaign import Campaign, Schedule
from automation_pipelines.cli.front import Front
from automation_pipelines.cli.main import automation
from automation_pipelines.demo.crm import build_crm
from automation_pipelines.installation import Installation
from automation_pipelines.ledger import events
from automation_pipelines.playbooks import FOLDER
from automation_pipelines.settings import Settings
from tests.flowing import finish
from tests.world import NewWorld, World, at

PAGES = {
    path.stem: path.read_text(encoding="utf-8")
    for path in sorted((Path(__file__).parent.parent / "docs" / "campaigns").glob("*.md"))
}
_YAML = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TICKED = re.compile(r"^<!-- ticked: ([a-z0-9-]+) -->\n```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")

EXAMPLES = {
    yaml.safe_load(text)["id"]: (page, text) for page, told in PAGES.items() for text in _YAML.findall(told)
}
SHOWN = {name: (page, text) for page, told in PAGES.items() for name, text in _TICKED.findall(told)}


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Front:
    """A scratch home over a small demo."""
    now = datetime.now(UTC)
    installation = Installation.open(Settings(home=tmp_path_factory.mktemp("home")))
    installation.initialise(now)
    build_crm(installation.settings.crm, as_of=now, customers=200)
    return Front(installation, now, "ann")


def _says(front: Front, *words: str) -> str:
    done = CliRunner().invoke(automation, words, obj=front, env={"COLUMNS": "200"})
    assert done.exit_code == 0, f"{words}: {done.output} {done.exception}"
    return done.output


@pytest.mark.parametrize("page", sorted(PAGES))
def test_every_example_of_a_page_applies(page: str, front: Front, tmp_path: Path) -> None:
    own = {name: text for name, (where, text) in EXAMPLES.items() if where == page}
    assert own
    for name, text in own.items():
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    said = _says(front, "campaign", "apply", str(tmp_path), "--dry-run")
    assert said.count("would be new") == len(own)


def test_no_two_examples_have_one_id() -> None:
    assert len(EXAMPLES) == sum(len(_YAML.findall(told)) for told in PAGES.values())


def test_every_playbook_is_told_on_a_page() -> None:
    told = {code for page in PAGES.values() for code in _CODE.findall(page)}
    assert sorted(path.stem for path in FOLDER.glob("*.yaml") if path.stem not in told) == []


def _table(page: str, heading: str, column: str) -> list[str]:
    """The codes in one column of the first table below a heading that has it."""
    lines = [line for line in PAGES[page].partition(heading)[2].splitlines() if line.startswith("|")]
    first = next(number for number, line in enumerate(lines) if column in line)
    place = lines[first].split("|").index(f" {column} ")
    rows = [line.split("|")[place] for line in lines[first + 2 :] if column not in line]
    return [code for row in rows for code in _CODE.findall(row) if code.startswith("{")]


def test_every_segment_of_the_table_applies_and_counts(front: Front, tmp_path: Path) -> None:
    segments = _table("travel", "## Segments", "`conditions`")[:6]
    assert len(segments) == 6
    for number, conditions in enumerate(segments):
        file = tmp_path / f"segment-{number}.yaml"
        file.write_text(
            f"id: segment-{number}\ntitle: Segment\naudience: customers\nconditions: {conditions}\n"
            'schedule: {date: 2027-01-01, at: "10:00"}\n'
            "steps:\n  - {id: offer, channel: email, template: promotion}\n",
            encoding="utf-8",
        )
        assert "belong" in _says(front, "campaign", "count", str(file))


def test_every_schedule_of_the_table_is_one() -> None:
    schedules = _table("travel", "## Schedules", "`schedule`")
    assert len(schedules) >= 8
    for text in schedules:
        assert Schedule.model_validate(yaml.safe_load(text))


def test_every_condition_of_the_account_table_applies(front: Front, tmp_path: Path) -> None:
    conditions = _table("success", "## Conditions", "`conditions`")
    assert len(conditions) > 8
    for number, condition in enumerate(conditions):
        (tmp_path / f"accounts-{number}.yaml").write_text(
            f"id: accounts-{number}\ntitle: Accounts\naudience: accounts\npurpose: internal\n"
            f'conditions: {condition}\nschedule: {{every: week, start: 2027-01-04, at: "09:00"}}\n'
            "steps:\n  - {id: tell, channel: email, recipient: account_owner, template: success/expansion}\n",
            encoding="utf-8",
        )
    _says(front, "campaign", "apply", str(tmp_path), "--dry-run")


Happening = Callable[[World], object]


@dataclass(frozen=True)
class Story:
    """What a page tells before it shows what is sent."""

    given: tuple[tuple[str, dict[str, Any]], ...]
    ticks: tuple[str, ...]
    between: tuple[tuple[str, Happening], ...] = ()
    """Each happens before the first tick at or after its time."""
    start: str = "2026-01-01T00:00"


def _changes(source: str, key: int, **values: Any) -> Happening:
    return lambda world: world.change(source, key, **values)


def _adds(source: str, **row: Any) -> Happening:
    return lambda world: world.add(source, **row)


def _opens(step: str, subject: int, moment: str) -> Happening:
    def opened(world: World) -> None:
        sent = world.jobs().filter(pl.col("step") == step, pl.col("subject_id") == subject)
        told = {
            "identity": [f"opened-{step}-{subject}"],
            "type": ["opened"],
            "told_at": [at(moment)],
            "job_id": [sent["id"][0]],
            "detail": [None],
            "detail_of_stranger": [None],
            "suppresses": [None],
        }
        events.record(world.installation.database, pl.DataFrame(told), now=at(moment))

    return opened


def _days(first: int, last: int, *times: str, month: str = "2026-03") -> tuple[str, ...]:
    return tuple(f"{month}-{day:02}T{time}" for day in range(first, last + 1) for time in times)


def _staff(manager: int) -> tuple[dict[str, Any], ...]:
    return {"manager_id": manager}, {"role": "manager"}, {"role": "department_manager"}


TENANT = ("tenants", {"id": 1})
STORIES: dict[str, Story] = {
    "worthwhile-quotes": Story(
        given=(
            TENANT,
            *(("customers", {"id": n}) for n in (1, 2, 3, 4)),
            *(
                (
                    "quotes",
                    {
                        "id": n,
                        "customer_id": n,
                        "amount": 90_000 if n == 2 else 250_000,
                        "destination": "Rome",
                        "sent_at": "2026-03-02T10:00",
                        "expires_at": "2026-04-02T10:00",
                    },
                )
                for n in (1, 2, 3, 4)
            ),
        ),
        ticks=_days(2, 17, "10:00"),
        between=(
            ("2026-03-05T08:00", _changes("quotes", 4, viewed_at="2026-03-05T07:30", status="viewed")),
            (
                "2026-03-09T08:00",
                _adds(
                    "bookings", id=1, customer_id=3, booked_at="2026-03-09T07:45", departure_on="2026-08-01"
                ),
            ),
        ),
    ),
    "own-escalation": Story(
        given=(
            TENANT,
            ("tenants", {"id": 2}),
            ("tenant_settings", {"id": 1, "tenant_id": 2, "name": "sla_level_1_minutes", "value": "30"}),
            (
                "tenant_settings",
                {"id": 2, "tenant_id": 2, "name": "sla_level_1_escalate_to", "value": "agent"},
            ),
            *(
                ("users", {"id": tenant * 10 + n, "tenant_id": tenant, **person})
                for tenant in (1, 2)
                for n, person in enumerate(_staff(manager=tenant * 10 + 1))
            ),
            *(
                row
                for tenant in (1, 2)
                for row in (
                    ("customers", {"id": tenant, "tenant_id": tenant}),
                    (
                        "queries",
                        {
                            "id": tenant,
                            "tenant_id": tenant,
                            "customer_id": tenant,
                            "agent_id": tenant * 10,
                            "sla_due_at": "2026-03-02T10:00",
                        },
                    ),
                )
            ),
        ),
        ticks=tuple(f"2026-03-02T{time}" for time in ("10:00", "10:30", "11:00", "11:30", "12:00")),
        between=(("2026-03-02T11:00", _changes("queries", 2, status="resolved")),),
    ),
    "new-clients": Story(
        given=(
            ("tenants", {"id": 1, "time_zone": "Europe/London"}),
            ("customers", {"id": 1, "created_at": "2026-02-26T11:00"}),
            ("customers", {"id": 2, "time_zone": "America/New_York", "created_at": "2026-03-02T08:00"}),
            (
                "customers",
                {"id": 3, "email": None, "phone": "+44 20 7946 0000", "created_at": "2026-03-02T12:00"},
            ),
            ("customers", {"id": 4, "created_at": "2026-02-20T11:00"}),
        ),
        start="2026-03-02T08:00",
        ticks=_days(2, 10, "09:00", "12:00", "14:00"),
        between=(
            (
                "2026-03-04T11:00",
                _adds(
                    "bookings", id=1, customer_id=3, booked_at="2026-03-04T11:00", departure_on="2026-08-01"
                ),
            ),
        ),
    ),
    "thirty-days": Story(
        given=(
            ("tenants", {"id": 1, "time_zone": "America/New_York"}),
            *(
                (
                    "customers",
                    {
                        "id": n,
                        "phone": f"+1 555 010{n}",
                        "pipeline_stage": "new_lead",
                        "stage_entered_at": "2026-03-02T15:00",
                    },
                )
                for n in (1, 2, 3)
            ),
        ),
        ticks=_days(2, 9, "15:00"),
        between=(
            ("2026-03-05T12:00", _opens("day-1-hello", 2, "2026-03-05T11:30")),
            (
                "2026-03-05T14:00",
                _changes("customers", 3, pipeline_stage="proposal", stage_entered_at="2026-03-05T13:30"),
            ),
        ),
    ),
    "come-back": Story(
        given=(
            TENANT,
            ("tenants", {"id": 2}),
            *(
                ("tenant_settings", {"id": n, "tenant_id": 2, "name": name, "value": value})
                for n, (name, value) in enumerate(
                    (
                        ("inactivity_days", "3"),
                        ("re_engagement_channels", "sms,email"),
                        ("re_engagement_time", "18:00"),
                        ("re_engagement_time_zone", "America/New_York"),
                        ("re_engagement_repeat_days", "5"),
                    ),
                    start=1,
                )
            ),
            *(
                (
                    "customers",
                    {
                        "id": n,
                        "tenant_id": 1 if n < 3 else 2,
                        "status": "active",
                        "wallet_pass": f"W-{n}",
                        "phone": None if n == 4 else f"+1 555 010{n}",
                        "last_activity_at": "2026-03-01T10:00",
                    },
                )
                for n in (1, 2, 3, 4)
            ),
        ),
        ticks=_days(3, 14, "12:00", "23:00"),
        between=tuple(
            ("2026-03-03T12:00", _changes("customers", n, last_activity_at="2026-03-03T11:00"))
            for n in (2, 4)
        ),
    ),
    "below-sixty": Story(
        given=(
            TENANT,
            ("users", {"id": 10}),
            ("users", {"id": 11}),
            *(
                (
                    "accounts",
                    {
                        "id": n,
                        "arr": arr,
                        "currency": "EUR",
                        "health_score": health,
                        "owner_id": 10,
                        "csm_id": 11,
                        "updated_at": "2026-03-02T08:00",
                    },
                )
                for n, arr, health in ((1, 5_000_000, 72), (2, 400_000, 70))
            ),
        ),
        ticks=(*_days(6, 10, "12:00", "16:00"), *_days(20, 24, "12:00")),
        between=(
            ("2026-03-06T16:00", _changes("accounts", 1, health_score=55, updated_at="2026-03-06T15:40")),
            ("2026-03-06T16:00", _changes("accounts", 2, health_score=55, updated_at="2026-03-06T15:40")),
            ("2026-03-09T12:00", _changes("accounts", 1, health_score=64, updated_at="2026-03-09T11:00")),
            ("2026-03-10T12:00", _changes("accounts", 1, health_score=58, updated_at="2026-03-10T11:00")),
        ),
    ),
    "quote-digest": Story(
        given=(
            TENANT,
            ("customers", {"id": 1}),
            ("customers", {"id": 2}),
            *(
                (
                    "quotes",
                    {
                        "id": n,
                        "customer_id": 2 if n == 4 else 1,
                        "number": f"Q-{n}",
                        "sent_at": f"2026-03-02T1{n}:00",
                        "expires_at": "2026-04-02T10:00",
                    },
                )
                for n in (1, 2, 3, 4)
            ),
        ),
        ticks=("2026-03-05T08:30", "2026-03-05T09:00"),
    ),
}


def test_every_page_shows_what_an_example_of_it_sends() -> None:
    assert {page for page, _ in SHOWN.values()} == set(PAGES)
    assert set(SHOWN) == set(STORIES)


@pytest.mark.parametrize("name", sorted(STORIES))
def test_an_example_sends_what_its_page_shows(name: str, new_world: NewWorld) -> None:
    world = new_world("sqlite")
    _live(world, EXAMPLES[name][1], STORIES[name])
    assert _told(world) == SHOWN[name][1]


def _live(world: World, text: str, story: Story) -> Campaign:
    for source, row in story.given:
        world.add(source, **row)
    spec = world.apply(text, start=story.start)
    waiting = sorted(story.between, key=lambda one: one[0])
    for tick in story.ticks:
        while waiting and waiting[0][0] <= tick:
            waiting.pop(0)[1](world)
        world.tick(tick)
        finish(world, tick)
    assert not waiting
    return spec


def _told(world: World) -> str:
    """Every message and action of the ledger, as the pages show them."""
    sent = world.jobs().filter(pl.col("state") != "skipped")
    rows = [
        (f"{due:%a %d %b %H:%M}", f"tenant {tenant}", f"{subject}", step, channel, address or "")
        for due, tenant, subject, step, channel, address in sent.select(
            "due_at", "tenant_id", "subject_id", "step", "channel", "address"
        )
        .sort("due_at", "tenant_id", "subject_id", "step", "address")
        .iter_rows()
    ]
    if sent["tenant_id"].n_unique() < 2:
        rows = [(due, *rest) for due, _, *rest in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + "\n"
        for row in rows
    )
