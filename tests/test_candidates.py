"""Who becomes a candidate for what: variants, settings of the tenant, recurring schedules, tenants, zones."""

from typing import Any

import polars as pl
import pytest

from automation_pipelines.explain import standing
from automation_pipelines.tick import find_work
from tests.world import World, at

pytestmark = pytest.mark.planner

LONG_AGO = "2026-01-01T00:00"
STEP = {"id": "one", "channel": "email", "template": "t"}


def _broadcast(schedule: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "id": "news",
        "title": "News",
        "audience": "customers",
        "schedule": schedule if "cron" in schedule else {"at": "10:00", **schedule},
        "steps": [STEP],
        **more,
    }


def _sla(**step: Any) -> dict[str, Any]:
    return {
        "id": "sla",
        "title": "SLA",
        "audience": "open_queries",
        "purpose": "internal",
        "steps": [{**STEP, "recipient": "agent", **step}],
    }


def _setting(world: World, number: int, tenant: int, name: str, value: str | None) -> None:
    world.add("tenant_settings", id=number, tenant_id=tenant, name=name, value=value)


def _times(world: World) -> list[str]:
    return sorted({due for _, _, _, due in world.sent()})


def _needed(world: World, moment: str) -> bool:
    return bool(find_work(world.installation, at(moment)).needs)


class TestSchedules:
    def test_monthly_on_the_31st_goes_out_on_the_last_day_of_shorter_months(self, world: World) -> None:
        world.add("tenants", id=1)
        world.add("customers", id=1)
        world.apply(_broadcast({"every": "month", "start": "2026-01-31"}), start=LONG_AGO)
        for day in ("2026-01-31", "2026-02-28", "2026-03-30", "2026-03-31", "2026-04-30"):
            world.tick(f"{day}T09:45")
            world.tick(f"{day}T10:15")
        assert _times(world) == [
            "2026-01-31T10:00",
            "2026-02-28T10:00",
            "2026-03-31T10:00",
            "2026-04-30T10:00",
        ]

    def test_twice_a_day_by_cron_on_weekdays_that_are_not_excluded(self, world: World) -> None:
        world.add("tenants", id=1)
        world.add("customers", id=1)
        schedule = {"cron": "0 8,20 * * 1-5", "except": ["2026-03-10"]}
        world.apply(_broadcast(schedule), start="2026-03-06T00:00")
        for day in range(6, 12):
            world.tick(f"2026-03-{day:02}T08:00")
            world.tick(f"2026-03-{day:02}T19:45")
        assert _times(world) == [
            "2026-03-06T08:00",
            "2026-03-06T20:00",
            "2026-03-09T08:00",
            "2026-03-09T20:00",
            "2026-03-11T08:00",
            "2026-03-11T20:00",
        ]

    @pytest.mark.parametrize(
        ("zone", "day", "clock", "expected"),
        [
            ("Pacific/Kiritimati", "2026-03-10", "09:00", "2026-03-09T19:00"),
            ("Pacific/Pago_Pago", "2026-03-10", "09:00", "2026-03-10T20:00"),
            ("Australia/Sydney", "2026-10-04", "02:30", "2026-10-03T16:30"),  # missing there
            ("Australia/Sydney", "2026-04-05", "02:30", "2026-04-04T15:30"),  # twice there
            ("Europe/Berlin", "2026-03-29", "02:30", "2026-03-29T01:30"),
            ("America/New_York", "2026-11-01", "01:30", "2026-11-01T05:30"),
        ],
    )
    def test_a_broadcast_in_the_recipients_zone(
        self, world: World, zone: str, day: str, clock: str, expected: str
    ) -> None:
        world.add("tenants", id=1)
        world.add("customers", id=1, time_zone=zone)
        world.apply(_broadcast({"date": day, "at": clock}, zone="recipient"), start=LONG_AGO)
        world.tick(at(expected).isoformat())
        assert _times(world) == [expected]

    def test_the_segment_is_read_only_while_the_broadcast_can_be_due(self, world: World) -> None:
        world.add("tenants", id=1, time_zone="Asia/Kathmandu")
        world.add("customers", id=1)
        world.apply(_broadcast({"date": "2026-03-10", "at": "15:00"}), start=LONG_AGO)
        moments = ["2026-03-10T08:30", "2026-03-10T08:45", "2026-03-11T09:00", "2026-03-11T09:45"]
        assert [_needed(world, moment) for moment in moments] == [False, True, True, False]
        assert not _needed(world, "2026-03-09T15:00")

    def test_in_the_recipients_zone_it_can_be_due_all_over_the_world(self, world: World) -> None:
        world.add("tenants", id=1)
        world.apply(_broadcast({"date": "2026-03-10", "at": "15:00"}, zone="recipient"), start=LONG_AGO)
        moments = ["2026-03-10T00:00", "2026-03-10T00:30", "2026-03-12T02:30", "2026-03-12T04:00"]
        assert [_needed(world, moment) for moment in moments] == [False, True, True, False]

    def test_it_is_looked_at_earlier_in_the_day_only_where_it_competes_for_a_cap(self, world: World) -> None:
        world.add("tenants", id=1)
        world.add("customers", id=1, birthday="1990-03-10")
        world.apply(_broadcast({"date": "2026-03-10", "at": "15:00"}), start=LONG_AGO)
        birthday = {"id": "birthday", "title": "Birthday", "audience": "birthdays", "steps": [STEP]}
        world.apply(birthday, start=LONG_AGO)
        moment = at("2026-03-10T09:00")
        audiences = [need.audience for need in find_work(world.installation, moment).needs]
        assert audiences == ["birthdays"]
        _setting(world, 1, 1, "caps", "1 per day")
        audiences = [need.audience for need in find_work(world.installation, moment).needs]
        assert audiences == ["birthdays", "customers"]

    def test_a_broadcast_spread_over_hours_is_still_due_when_they_end(self, world: World) -> None:
        world.add("tenants", id=1)
        for number in range(1, 41):
            world.add("customers", id=number)
        world.apply(_broadcast({"date": "2026-03-10", "spread": "4 hours"}), start=LONG_AGO)
        world.tick_through("2026-03-10T09:30", "2026-03-10T14:00", minutes=90)
        due = sorted(due for _, _, _, due in world.sent())
        assert len(due) == 40
        assert due[0] >= "2026-03-10T10:00"
        assert due[-1] <= "2026-03-10T13:59"
        assert sum(moment < "2026-03-10T12:00" for moment in due) in range(10, 31)


class TestSettings:
    def test_minutes_and_roles_are_each_tenants_own(self, world: World) -> None:
        for tenant in (1, 2):
            world.add("tenants", id=tenant)
            world.add("users", id=10 * tenant, tenant_id=tenant)
            world.add("users", id=10 * tenant + 1, tenant_id=tenant, role="executive")
            world.add("customers", id=tenant, tenant_id=tenant)
            world.add(
                "queries",
                id=tenant,
                tenant_id=tenant,
                customer_id=tenant,
                agent_id=10 * tenant,
                sla_due_at="2026-03-10T09:00",
            )
        _setting(world, 1, 2, "sla_level_1_minutes", "15")
        _setting(world, 2, 2, "sla_level_1_escalate_to", "agent, executives")
        _setting(world, 3, 1, "sla_level_1_escalate_to", "agent")
        step = {"offset": "{sla_level_1_minutes} minutes", "recipient": "{sla_level_1_escalate_to}"}
        world.apply(_sla(**step), start=LONG_AGO)
        world.tick_through("2026-03-10T09:00", "2026-03-10T10:30")
        assert world.sent() == [
            ("one", 1, 10, "2026-03-10T10:00"),
            ("one", 2, 20, "2026-03-10T09:15"),
            ("one", 2, 21, "2026-03-10T09:15"),
        ]

    def test_a_step_does_not_exist_where_its_setting_is_unset(self, world: World) -> None:
        for tenant in (1, 2):
            world.add("tenants", id=tenant)
            world.add("customers", id=tenant, tenant_id=tenant)
            world.add("quotes", id=tenant, tenant_id=tenant, customer_id=tenant, sent_at="2026-03-01T09:00")
        _setting(world, 1, 2, "quote_followup_day_1", "none")
        follow_up = {
            "id": "follow-up",
            "title": "Follow-up",
            "audience": "open_quotes",
            "steps": [{**STEP, "offset": "{quote_followup_day_1} days", "at": "10:00"}],
        }
        world.apply(follow_up, start=LONG_AGO)
        world.tick("2026-03-04T10:00")
        assert world.sent() == [("one", 1, 0, "2026-03-04T10:00")]

    def test_time_and_zone_of_day_are_each_tenants_own(self, world: World) -> None:
        for tenant in (1, 2):
            world.add("tenants", id=tenant, time_zone="Europe/Berlin")
            world.add("customers", id=tenant, tenant_id=tenant, birthday="1990-03-10")
        _setting(world, 1, 2, "birthday_email_time", "07:30")
        _setting(world, 2, 2, "birthday_email_time_zone", "Asia/Tokyo")
        birthday = {
            "id": "birthday",
            "title": "Birthday",
            "audience": "birthdays",
            "zone": "{birthday_email_time_zone}",
            "steps": [{**STEP, "at": "{birthday_email_time}"}],
        }
        world.apply(birthday, start=LONG_AGO)
        world.tick_through("2026-03-09T22:00", "2026-03-10T08:00", minutes=150)
        assert world.sent() == [
            ("one", 1, 0, "2026-03-10T08:00"),
            ("one", 2, 0, "2026-03-09T22:30"),
        ]

    def test_a_condition_may_ask_for_a_setting(self, world: World) -> None:
        for tenant in (1, 2):
            world.add("tenants", id=tenant)
            world.add("customers", id=tenant, tenant_id=tenant)
        _setting(world, 1, 2, "re_engagement_reach", "all")
        only = {"field": "setting.re_engagement_reach", "operator": "equals", "value": "all"}
        world.apply(_broadcast({"date": "2026-03-10"}, conditions=only), start=LONG_AGO)
        world.tick("2026-03-10T10:00")
        assert [subject for _, subject, _, _ in world.sent()] == [2]


class TestTenants:
    def test_a_campaign_runs_for_the_tenants_it_names(self, world: World) -> None:
        for tenant in (1, 2, 3):
            world.add("tenants", id=tenant)
            world.add("customers", id=tenant, tenant_id=tenant)
        world.apply(_broadcast({"date": "2026-03-10"}, tenants=[1, 3]), start=LONG_AGO)
        world.tick("2026-03-10T10:00")
        assert [subject for _, subject, _, _ in world.sent()] == [1, 3]

    def test_nothing_is_read_for_a_campaign_whose_tenants_do_not_exist(self, world: World) -> None:
        world.add("tenants", id=1)
        world.apply(_broadcast({"date": "2026-03-10"}, tenants=[7]), start=LONG_AGO)
        assert not _needed(world, "2026-03-10T10:00")

    def test_two_campaigns_of_one_audience_have_their_own_conditions_and_days(self, world: World) -> None:
        world.add("tenants", id=1)
        for number, segment in ((1, "family"), (2, "luxury"), (3, "family")):
            world.add("customers", id=number, segment=segment)
        for name, segment, day in (("families", "family", "10"), ("luxury", "luxury", "11")):
            condition = {"field": "segment", "operator": "equals", "value": segment}
            campaign = _broadcast({"date": f"2026-03-{day}"}, id=name, conditions=condition)
            world.apply(campaign, start=LONG_AGO)
        world.tick("2026-03-10T10:00")
        world.tick("2026-03-11T10:00")
        assert [(subject, due[:10]) for _, subject, _, due in world.sent()] == [
            (1, "2026-03-10"),
            (2, "2026-03-11"),
            (3, "2026-03-10"),
        ]


class TestVariants:
    def _world(self, world: World, number: int = 60) -> None:
        world.add("tenants", id=1)
        for customer in range(1, number + 1):
            world.add("customers", id=customer, created_at="2026-03-10T08:00")

    def _welcome(self, **weights: float) -> dict[str, Any]:
        return {
            "id": "welcome",
            "title": "Welcome",
            "audience": "new_customers",
            "variants": [{"id": name, "weight": weight} for name, weight in weights.items()],
            "steps": [
                {**STEP, "variants": {"b": {"template": "u"}}},
                {**STEP, "id": "two", "offset": "1 days", "at": "09:00", "variants": {"b": {"at": "15:00"}}},
            ],
        }

    def _drawn(self, world: World, step: str = "one") -> dict[int, str]:
        rows = world.jobs().filter(pl.col("step") == step).select("subject_id", "variant").rows()
        assert len(rows) == len(dict(rows))
        return dict(rows)

    def test_everybody_has_one_variant_and_keeps_it_from_step_to_step(self, world: World) -> None:
        self._world(world)
        world.apply(self._welcome(a=1, b=1), start=LONG_AGO)
        world.tick("2026-03-10T08:30")
        world.tick("2026-03-11T15:00")
        first, second = self._drawn(world), self._drawn(world, "two")
        assert set(first.values()) == {"a", "b"}
        assert first == second
        due = {(variant, f"{moment:%H:%M}") for variant, moment in _due(world, "two")}
        assert due == {("a", "09:00"), ("b", "15:00")}

    def test_who_was_written_to_keeps_the_variant_though_weights_change(self, world: World) -> None:
        self._world(world)
        world.apply(self._welcome(a=1, b=1), start=LONG_AGO)
        world.tick("2026-03-10T08:30")
        before = self._drawn(world)
        world.apply(self._welcome(b=1, a=0), on="2026-03-10T10:00")
        world.add("customers", id=100, created_at="2026-03-10T11:00")
        world.tick("2026-03-10T11:30")
        world.tick("2026-03-11T15:00")
        assert {**before, 100: "b"} == self._drawn(world, "two")

    def test_changed_weights_move_the_fewest_of_those_not_written_to_yet(self, world: World) -> None:
        self._world(world, 200)
        world.apply(self._welcome(a=1, b=1), start=LONG_AGO)
        world.apply(self._welcome(b=2, a=1, c=1), on="2026-03-01T00:00")
        world.tick("2026-03-10T08:30")
        drawn = list(self._drawn(world).values())
        assert drawn.count("b") in range(80, 121)
        assert drawn.count("a") in range(35, 66)

    def test_nobody_new_gets_a_variant_without_weight(self, world: World) -> None:
        self._world(world)
        world.apply(self._welcome(a=1, b=0), start=LONG_AGO)
        world.tick("2026-03-10T08:30")
        assert set(self._drawn(world).values()) == {"a"}


def _due(world: World, step: str) -> list[tuple[str, Any]]:
    return world.jobs().filter(pl.col("step") == step).select("variant", "due_at").rows()


class TestBelonging:
    def _standing(self, world: World, subject: int) -> bool:
        now = at("2026-03-10T12:00")
        return standing(world.installation, subject=str(subject), campaign="news", now=now).holds

    def test_what_happened_counts_as_it_was_at_the_tick(self, world: World) -> None:
        world.add("tenants", id=1)
        for number in (1, 2, 3):
            world.add("customers", id=number)
        world.add("bookings", id=1, customer_id=1, booked_at="2026-03-01T00:00")
        world.add("bookings", id=2, customer_id=2, booked_at="2026-01-01T00:00")
        booked = {"event": "booking_made", "within": "30 days"}
        world.apply(_broadcast({"date": "2026-03-10"}, conditions={"none": [booked]}), start=LONG_AGO)
        world.tick("2026-03-10T10:00")
        assert [subject for _, subject, _, _ in world.sent()] == [2, 3]
        assert [self._standing(world, number) for number in (1, 2, 3)] == [False, True, True]

    def test_of_entries_into_stages_those_into_the_stage_of_the_timeline(self, world: World) -> None:
        world.add("tenants", id=1)
        for number, stage in ((1, "hook"), (2, "won")):
            world.add("customers", id=number, pipeline_stage=stage, stage_entered_at="2026-03-10T08:00")
        timeline = {
            "id": "news",
            "title": "News",
            "audience": "stage_entries",
            "timeline": {"stage": "hook", "duration_days": 90},
            "steps": [{**STEP, "day": 1, "delay": "10 hours"}],
        }
        world.apply(timeline, start=LONG_AGO)
        world.tick("2026-03-10T10:00")
        assert world.sent() == [("one", 1, 0, "2026-03-10T10:00")]
        assert [self._standing(world, number) for number in (1, 2)] == [True, False]

    def test_a_campaign_for_other_tenants_is_not_for_them(self, world: World) -> None:
        world.add("tenants", id=1)
        world.add("tenants", id=2)
        world.add("customers", id=1)
        world.apply(_broadcast({"date": "2026-03-10"}, tenants=[2]), start=LONG_AGO)
        assert not self._standing(world, 1)
