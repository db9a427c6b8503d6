"""When messages may arrive: the campaign's window and the tenant's, planned and looked at again."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from automation_pipelines.catalogue.tenant_settings import QUIET_HOURS, TENANT_SETTINGS
from automation_pipelines.delivery import Delivered
from automation_pipelines.delivery.composition import profiles_of
from automation_pipelines.ledger.database import Database
from automation_pipelines.settings import Settings
from tests.mailroom import PROFILE, Mailroom
from tests.test_delivery import Told
from tests.world import World

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
TUESDAY = "2026-03-10"


def _campaign(**more: Any) -> dict[str, Any]:
    step = {"id": "one", "channel": more.pop("channel", "email"), "template": "t"}
    return {
        "id": "news",
        "title": "News",
        "audience": "customers",
        "schedule": {"date": TUESDAY, "at": more.pop("at", "07:00")},
        "steps": [step],
        **more,
    }


def _tenant(world: World, windows: str | None = None, **row: Any) -> None:
    world.add("tenants", id=1, **row)
    if windows is not None:
        world.add("tenant_settings", id=1, name="send_windows", value=windows)


def _sent(world: World, *moments: str) -> list[tuple[int, str]]:
    for moment in moments:
        world.tick(f"2026-03-{moment}")
    return [(subject, due.removeprefix("2026-03-")) for _, subject, _, due in world.sent()]


def test_marketing_waits_for_the_tenants_window_in_the_recipients_zone(world: World) -> None:
    _tenant(world, "mon-fri 09:00-18:00")
    world.add("customers", id=1)
    world.add("customers", id=2, time_zone="Asia/Tokyo")
    world.add("customers", id=3, time_zone="America/New_York")
    world.apply(_campaign(), start=LONG_AGO)
    assert _sent(world, "10T07:00", "10T09:00", "10T13:00") == [
        (1, "10T09:00"),
        (2, "10T07:00"),
        (3, "10T13:00"),
    ]


def test_a_country_and_a_channel_may_have_hours_of_their_own(world: World) -> None:
    _tenant(world, "09:00-18:00; sms 10:00-20:00; FR 12:00-14:00")
    world.add("customers", id=1, phone="+4912345678", country="DE")
    world.add("customers", id=2, phone="+3312345678", country="FR")
    world.add("customers", id=3, phone="+4412345678")
    world.apply(_campaign(channel="sms"), start=LONG_AGO)
    assert _sent(world, "10T10:00", "10T12:00") == [(1, "10T10:00"), (2, "10T12:00"), (3, "10T10:00")]


def test_both_the_campaigns_window_and_the_tenants_must_be_open(world: World) -> None:
    _tenant(world, "mon-fri 09:00-18:00")
    world.add("customers", id=1)
    window = {"days": ["tue", "sat"], "start": "17:00", "end": "20:00"}
    policy = {"max_lateness": "72 hours"}
    world.apply(_campaign(window=window, policy=policy, at="18:30"), start=LONG_AGO)
    assert _sent(world, "10T18:00", "14T17:00", "17T17:00") == [(1, "17T17:00")]


@pytest.mark.parametrize("purpose", ["transactional", "internal"])
def test_only_marketing_waits_for_the_tenants_window(world: World, purpose: str) -> None:
    _tenant(world, "09:00-18:00")
    world.add("customers", id=1)
    world.apply(_campaign(purpose=purpose), start=LONG_AGO)
    assert _sent(world, "10T07:00") == [(1, "10T07:00")]


def test_windows_that_exclude_each_other_let_nothing_out(world: World) -> None:
    _tenant(world, "sat 09:00-18:00")
    world.add("customers", id=1)
    window = {"days": ["mon"], "start": "09:00", "end": "18:00"}
    world.apply(_campaign(window=window), start=LONG_AGO)
    assert _sent(world, "10T07:00", "14T09:00", "16T09:00") == []


def test_delivery_knows_the_windows_that_planning_had(world: World) -> None:
    _tenant(world, "mon-fri 09:00-18:00")
    world.apply(_campaign(), start=LONG_AGO)
    world.tick("2026-03-10T07:00")
    known = profiles_of(world.installation.database)[1].send_windows
    assert known == f"mon-fri 09:00-18:00; {QUIET_HOURS}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (QUIET_HOURS, QUIET_HOURS),
        ("09:00-18:00", f"09:00-18:00; {QUIET_HOURS}"),
        ("sms 10:00-20:00", f"sms 10:00-20:00; {QUIET_HOURS}"),
        ("sms US 09:00-20:00", "sms US 09:00-20:00; whatsapp US 08:00-21:00"),
        ("sms US 00:00-24:00; whatsapp US 00:00-24:00", "sms US 00:00-24:00; whatsapp US 00:00-24:00"),
        ("none", None),
    ],
)
def test_quiet_hours_stay_unless_a_tenant_writes_its_own_for_them(text: str, expected: str | None) -> None:
    assert TENANT_SETTINGS["send_windows"].value(text) == expected


@pytest.mark.parametrize(
    ("channel", "person", "purpose", "expected"),
    [
        ("sms", {"country": "US", "time_zone": "America/New_York"}, "marketing", "10T12:00"),
        ("whatsapp", {"country": "US", "time_zone": "America/Los_Angeles"}, "marketing", "10T15:00"),
        ("sms", {"country": "US", "time_zone": "Asia/Tokyo"}, "marketing", "10T07:00"),
        ("sms", {"country": "CA", "time_zone": "America/Toronto"}, "marketing", "10T07:00"),
        ("sms", {"time_zone": "America/New_York"}, "marketing", "10T07:00"),
        ("email", {"country": "US", "time_zone": "America/New_York"}, "marketing", "10T07:00"),
        ("sms", {"country": "US", "time_zone": "America/New_York"}, "transactional", "10T07:00"),
    ],
)
def test_no_text_wakes_anybody_in_the_us(
    world: World, channel: str, person: dict[str, str], purpose: str, expected: str
) -> None:
    _tenant(world)
    world.add("customers", id=1, phone="+12125550100", **person)
    world.apply(_campaign(channel=channel, purpose=purpose), start=LONG_AGO)
    assert _sent(world, "10T07:00", "10T12:00", "10T15:00") == [(1, expected)]


def test_a_tenant_may_set_other_quiet_hours_for_another_region(world: World) -> None:
    _tenant(world, "sms CA 09:30-20:00; sms US 00:00-24:00")
    world.add("customers", id=1, phone="+14165550100", country="CA", time_zone="America/Toronto")
    world.add("customers", id=2, phone="+12125550100", country="US", time_zone="America/New_York")
    world.apply(_campaign(channel="sms"), start=LONG_AGO)
    assert sorted(_sent(world, "10T07:00", "10T13:30")) == [(1, "10T13:30"), (2, "10T07:00")]


def test_a_fall_back_by_text_waits_for_the_hours_of_texts_when_it_is_handed_over(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(PROFILE, "setting", {"send_windows": QUIET_HOURS})
    room = Mailroom(database, Settings(home=tmp_path))
    room.apply()
    kim = '{"name": "Kim", "country": "US", "time_zone": "America/Los_Angeles"}'
    whom = f'{{"word": "Dear", "recipient": {kim}}}'
    (email,) = room.plan(1, variables=whom)
    (sms,) = room.plan(1, variables=whom, channel="sms", address="+12125550100")
    done = room.deliver({"email": Told(), "sms": Told()})
    assert (done.completed, done.moved) == (1, 1)
    assert room.jobs()[email]["state"] == "completed"
    assert room.available(sms) == datetime.fromisoformat("2026-03-04T08:00-08:00")


class TestDelivery:
    """A job that leaves late meets the tenant's window again."""

    @pytest.fixture
    def room(self, database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mailroom:
        monkeypatch.setitem(PROFILE, "setting", {"send_windows": "mon-fri 08:00-11:00; NP 14:00-20:00"})
        made = Mailroom(database, Settings(home=tmp_path))
        made.apply()
        return made

    @pytest.mark.parametrize(
        ("purpose", "recipient", "expected"),
        [
            ("marketing", "", "2026-03-05T08:00+00:00"),
            ("marketing", ', "time_zone": "Asia/Kathmandu"', "2026-03-05T08:00+05:45"),
            ("marketing", ', "time_zone": "America/New_York"', "2026-03-04T08:00-05:00"),
            ("marketing", ', "time_zone": "America/Sao_Paulo"', None),
            ("transactional", "", None),
        ],
    )
    def test_it_waits_for_the_next_opening(
        self, room: Mailroom, purpose: str, recipient: str, expected: str | None
    ) -> None:
        variables = f'{{"word": "Dear", "recipient": {{"name": "Kim"{recipient}}}}}'
        [job] = room.plan(1, purpose=purpose, variables=variables)
        if expected is None:
            assert room.deliver({"email": Told()}) == Delivered(completed=1)
            return
        assert room.deliver({"email": Told()}) == Delivered(moved=1)
        assert room.available(job) == datetime.fromisoformat(expected)

    def test_it_is_skipped_where_it_can_never_leave(self, room: Mailroom) -> None:
        abroad = '{"word": "Dear", "recipient": {"name": "Kim", "country": "NP"}}'
        room.plan(1, variables=abroad)
        assert room.deliver({"email": Told()}) == Delivered(skipped=1)
