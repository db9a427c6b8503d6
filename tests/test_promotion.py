"""A share of the audience goes first; the rest waits, and gets the variant that won by then."""

import json
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import polars as pl
import pytest
import sqlalchemy as sa
from pydantic import ValidationError

from automation_pipelines.campaign import Campaign
from automation_pipelines.explain import explain, standing
from automation_pipelines.ledger import events
from automation_pipelines.ledger.tables import promotions
from automation_pipelines.preview import preview
from tests.world import World, at

LONG_AGO = "2026-01-01T00:00"
STEP = {"id": "one", "channel": "email", "template": "t"}
EXPERIMENT = {"effect": 0.6, "promote": {"share": 20, "after": "24 hours"}}
SLOT = "2026-03-10T10:00"


def _news(**more: Any) -> dict[str, Any]:
    return {
        "id": "news",
        "title": "News",
        "audience": "customers",
        "schedule": {"date": "2026-03-10", "at": "10:00"},
        "variants": [{"id": "a"}, {"id": "b"}],
        "experiment": EXPERIMENT,
        "steps": [{**STEP, "variants": {"b": {"template": "u"}}}],
        **more,
    }


def _people(world: World, count: int = 120, tenant: int = 1, first: int = 1, **more: Any) -> None:
    world.add("tenants", id=tenant, **more)
    for number in range(first, first + count):
        world.add("customers", id=number, tenant_id=tenant)


def _sent(world: World, step: str = "one", tenant: int = 1) -> dict[int, tuple[str, str]]:
    """Each subject's variant, and when it is due."""
    ours = (pl.col("step") == step) & (pl.col("tenant_id") == tenant) & (pl.col("state") != "skipped")
    due = pl.col("due_at").dt.strftime("%Y-%m-%dT%H:%M")
    rows = world.jobs().filter(ours).select("subject_id", "variant", due).rows()
    assert len(rows) == len({row[0] for row in rows})
    return {subject: (variant, moment) for subject, variant, moment in rows}


def _told(world: World, tenant: int = 1) -> list[tuple[Any, ...]]:
    return [(winner, words) for of, _, winner, words in _verdicts(world) if of == tenant]


def _drawn(world: World) -> Counter[str]:
    return Counter(variant for variant, _ in _sent(world).values())


def _act(
    world: World, variant: str, moment: str, what: str = "clicked", *, machine: bool = False, tenant: int = 1
) -> None:
    """Everybody of a tenant who has this variant so far does it."""
    those = (pl.col("variant") == variant) & (pl.col("tenant_id") == tenant)
    _tell(world, world.jobs().filter(those)["id"].to_list(), moment, what, machine=machine)


def _tell(world: World, jobs: list[int], moment: str, what: str, *, machine: bool = False) -> None:
    rows = [
        {
            "identity": f"{what}:{job}:{moment}",
            "type": what,
            "told_at": at(moment),
            "job_id": job,
            "machine": machine,
        }
        for job in jobs
    ]
    unsaid = dict.fromkeys(("detail", "detail_of_stranger", "suppresses"))
    told = pl.DataFrame([row | unsaid for row in rows], schema={**events.TOLD, "machine": pl.Boolean()})
    events.record(world.installation.database, told, now=at(moment) + timedelta(hours=1))


def _verdicts(world: World) -> list[tuple[Any, ...]]:
    p = promotions.c
    wanted = sa.select(p.tenant_id, p.occurrence, p.winner, p.words).order_by(p.occurrence, p.tenant_id)
    return world.installation.database.read(wanted).rows()


def test_the_rest_gets_the_winner_a_day_later_and_the_preview_says_so(world: World) -> None:
    _people(world)
    world.apply(_news(), start=LONG_AGO)
    world.tick("2026-03-10T09:30")
    first = _sent(world)
    assert {moment for _, moment in first.values()} == {SLOT}
    assert 15 < len(first) < 55
    assert set(_drawn(world)) == {"a", "b"}

    _act(world, "a", "2026-03-10T15:00", machine=True)  # a scanner's
    _act(world, "a", "2026-03-11T11:00")  # told already, of later than there is time
    _act(world, "b", "2026-03-10T14:00")
    assert world.tick("2026-03-11T09:30").planned == 0  # others are planned ahead, no test is cut short
    assert (_sent(world), _verdicts(world)) == (first, [])

    waiting = next(str(subject) for subject in range(1, 121) if subject not in first)
    stands = standing(world.installation, subject=waiting, campaign="news", now=at("2026-03-11T09:30"))
    assert str(stands.experiment).endswith("below 20 goes first: it waits 24 hours for what the others show")
    shown = preview(world.installation, since=at("2026-03-11T10:05"), until=at("2026-03-11T10:20"))
    done = world.tick("2026-03-11T10:10")
    _same(shown, done.plan.rows)
    assert _told(world) == [("b", "b wins")]
    rest = {subject: got for subject, got in _sent(world).items() if subject not in first}
    assert set(rest) | set(first) == set(range(1, 121))
    assert set(rest.values()) == {("b", "2026-03-11T10:00")}
    assert set(_expiry(world)) == {"2026-03-11T10:00", "2026-03-12T10:00"}

    # Again, and later, and after more clicks: nothing more.
    _act(world, "a", "2026-03-11T09:59")
    assert world.tick("2026-03-11T10:10").planned == 0
    assert world.tick("2026-03-11T16:00").planned == 0
    assert _told(world) == [("b", "b wins")]
    decided = world.installation.database.read(sa.select(promotions.c.decided_at)).item()
    assert decided == at("2026-03-11T10:00")  # whenever a tick saw it
    (tested,) = explain(world.installation, subject=str(min(first)))
    (waited,) = explain(world.installation, subject=str(min(rest)))
    assert tested.experiment is not None
    assert waited.experiment is not None
    assert "goes first: it goes first; known then: no winner yet; it got variant" in tested.experiment
    assert waited.experiment.endswith("waits for what the others show; known then: b wins; it got variant b")


def _expiry(world: World) -> list[str]:
    return world.jobs()["expires_at"].dt.strftime("%Y-%m-%dT%H:%M").to_list()


def _same(shown: pl.DataFrame, done: pl.DataFrame) -> None:
    """Equal but for what only a run has: numbers that a preview passes over."""
    columns = ["occurrence", "step", "subject_id", "variant", "reason", "due_at", "expires_at"]
    told = [*columns, "test_draw", "test_share", "verdict"]
    assert shown.select(told).sort("subject_id").equals(done.select(told).sort("subject_id"))


@pytest.mark.planner
def test_without_a_winner_everybody_keeps_what_was_drawn_as_the_preview_said(world: World) -> None:
    _people(world)
    world.with_ticks(360)
    world.apply(_news(), start=LONG_AGO)
    world.tick("2026-03-10T03:00")
    shown = preview(world.installation, since=at("2026-03-10T10:00"), until=at("2026-03-11T10:00"))
    assert _sent(world) == {}
    ran = [world.tick(moment).plan.rows for moment in ("2026-03-10T10:00", "2026-03-11T10:00")]
    _same(shown, pl.concat(ran))
    ((winner, words),) = _told(world)
    assert winner is None
    assert words.startswith("no winner")
    assert set(_drawn(world)) == {"a", "b"}
    assert min(_drawn(world).values()) > 35
    assert {moment for _, moment in _sent(world).values()} == {SLOT, "2026-03-11T10:00"}
    assert set(world.decisions()["verdict"].to_list()) == {"no winner yet", words}


@pytest.mark.planner
def test_tenants_have_their_own_verdicts_and_slots_theirs_and_steps_one_variant(world: World) -> None:
    weekly = {"every": "week", "start": "2026-03-10", "at": "10:00"}
    steps = [STEP, {**STEP, "id": "two", "offset": "2 days"}, {**STEP, "id": "three", "after": "two"}]
    _people(world)
    _people(world, tenant=2, first=1001)
    world.apply(_news(schedule=weekly, steps=steps), start=LONG_AGO)
    world.tick(SLOT)
    _act(world, "b", "2026-03-10T14:00", tenant=1)
    _act(world, "a", "2026-03-10T14:00", tenant=2)
    world.tick("2026-03-11T10:00")
    assert (_told(world, 1), _told(world, 2)) == ([("b", "b wins")], [("a", "a wins")])
    one = _sent(world)
    first = {subject for subject, (_, due) in one.items() if due == SLOT}
    assert {one[subject][0] for subject in set(one) - first} == {"b"}
    # Later steps go to each as the first did.
    world.tick("2026-03-12T10:00")
    world.tick("2026-03-13T10:00")
    later = {
        subject: (variant, "2026-03-12T10:00" if subject in first else "2026-03-13T10:00")
        for subject, (variant, _) in one.items()
    }
    assert _sent(world, "two") == later
    # The next slot is another test, of the same first ones.
    world.tick("2026-03-17T10:00")
    world.tick("2026-03-18T10:00")
    again = world.jobs().filter(pl.col("due_at") >= at("2026-03-17T00:00"), pl.col("tenant_id") == 1)
    assert {*again.filter(pl.col("due_at") == at("2026-03-17T10:00"))["subject_id"]} == first
    assert {*again["variant"]} == {"a", "b"}
    assert [winner for winner, _ in _told(world, 1)] == ["b", None]


@pytest.mark.planner
def test_a_crash_before_or_after_the_commit_changes_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    _people(world)
    world.apply(_news(), start=LONG_AGO)
    world.tick(SLOT)
    _act(world, "b", "2026-03-10T14:00")
    for broken in ("profiles", "decisions.append"):
        with monkeypatch.context() as patched:
            patched.setattr(f"automation_pipelines.tick.{broken}", _crash)
            with pytest.raises(KeyboardInterrupt):
                world.tick("2026-03-11T10:00")
        assert len(_told(world)) == (broken == "decisions.append")
    before = _sent(world)
    _act(world, "a", "2026-03-11T09:59")
    world.tick("2026-03-11T10:30")
    assert (_sent(world), _told(world)) == (before, [("b", "b wins")])
    assert len(before) == 120


def _crash(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.planner
def test_an_experiment_that_is_changed_under_way_has_no_winner(world: World) -> None:
    _people(world)
    world.apply(_news(), start=LONG_AGO)
    world.tick(SLOT)
    first = _sent(world)
    _act(world, "b", "2026-03-10T14:00")
    world.apply(_news(variants=[{"id": "a"}, {"id": "b", "weight": 3}]), on="2026-03-10T18:00")
    world.tick("2026-03-11T10:00")
    assert _told(world) == [(None, "no winner: the experiment was changed after its first messages")]
    assert first.items() <= _sent(world).items()
    assert _drawn(world)["b"] > 1.5 * _drawn(world)["a"]


@pytest.mark.planner
def test_without_a_schedule_all_of_it_is_one_experiment_and_after_it_nobody_waits(world: World) -> None:
    first_day = {**STEP, "offset": "1 days", "at": "09:00"}
    steps = [first_day, {**first_day, "id": "two", "offset": "3 days"}]
    welcome = _news(id="welcome", audience="new_customers", schedule=None, steps=steps)
    welcome["experiment"] = {**EXPERIMENT, "minimum": 30}
    world.add("tenants", id=1)
    world.apply(welcome, start=LONG_AGO)
    _arrive(world, 1, 100, "2026-03-09T08:00")
    world.tick("2026-03-10T09:00")
    first = set(_sent(world))
    assert 0 < len(first) < 50
    _act(world, "b", "2026-03-10T12:00")
    _arrive(world, 101, 140, "2026-03-10T08:00")
    world.tick("2026-03-11T09:00")
    # Too few had their time to act: the rest keeps what was drawn.
    assert (set(_drawn(world)), _told(world)) == ({"a", "b"}, [])
    assert set(range(1, 101)) < set(_sent(world))
    _act(world, "b", "2026-03-11T12:00")
    _arrive(world, 201, 260, "2026-03-11T08:00")
    drawn = _sent(world)
    world.tick("2026-03-12T09:00")
    assert _told(world) == [("b", "b wins")]
    assert drawn.items() <= _sent(world).items()
    waited = {s: got for s, got in _sent(world).items() if s not in drawn and s <= 140}
    at_once = {s: got for s, got in _sent(world).items() if s > 200}
    assert set(waited.values()) == {("b", "2026-03-12T09:00")} == set(at_once.values())
    assert set(at_once) == set(range(201, 261))
    # With what they began they go on.
    world.tick("2026-03-13T09:00")
    second = {(subject, variant) for subject, (variant, _) in _sent(world, "two").items()}
    assert second
    assert second <= {(subject, variant) for subject, (variant, _) in _sent(world).items()}
    # Other variants are another experiment, with a test share of its own.
    world.apply({**welcome, "variants": [{"id": "b"}, {"id": "c"}]}, on="2026-03-13T10:00")
    _arrive(world, 301, 340, "2026-03-13T11:00")
    world.tick("2026-03-14T09:00")
    assert 0 < sum(subject > 300 for subject in _sent(world)) < 25
    world.tick("2026-03-15T09:00")
    assert {variant for subject, (variant, _) in _sent(world).items() if subject > 300} == {"b", "c"}


def _arrive(world: World, first: int, last: int, moment: str) -> None:
    for number in range(first, last + 1):
        world.add("customers", id=number, created_at=moment)


@pytest.mark.planner
def test_the_rest_waits_elapsed_hours_from_when_the_window_was_open(world: World) -> None:
    _people(world, time_zone="Europe/Paris")
    saturday = {"date": "2026-03-28", "at": "10:00"}  # clocks go forward in the night
    window = {"days": ["mon", "tue", "wed", "thu", "fri"], "start": "09:00", "end": "17:00"}
    world.apply(_news(id="open", schedule=saturday), start=LONG_AGO)
    world.apply(_news(id="shut", schedule=saturday, window=window), start=LONG_AGO)
    for moment in ("03-28T09:00", "03-29T09:00", "03-30T07:00", "03-31T07:00"):
        world.tick(f"2026-{moment}")
    counted = world.jobs().group_by("campaign", "due_at").len().sort("campaign", "due_at")
    assert counted.select("campaign", pl.col("due_at").dt.strftime("%m-%dT%H:%M")).rows() == [
        ("open", "03-28T09:00"),
        ("open", "03-29T09:00"),
        ("shut", "03-30T07:00"),
        ("shut", "03-31T07:00"),
    ]
    assert counted.group_by("campaign").agg(pl.col("len").sum())["len"].to_list() == [120, 120]


@pytest.mark.planner
def test_conversions_count_as_they_are_told_and_as_the_crm_has_them(world: World) -> None:
    _people(world)
    converted = {**EXPERIMENT, "metric": "converted", "control": "b"}
    world.apply(_news(experiment=converted), start=LONG_AGO)
    world.tick(SLOT)
    jobs = world.jobs()
    told, bought, late = (jobs.filter(pl.col("variant") == "a")[place::3] for place in range(3))
    _act(world, "b", "2026-03-11T10:30", "converted")  # too late
    _tell(world, told["id"].to_list(), "2026-03-10T20:00", "converted")
    _file(world, bought, "2026-03-10T12:00")
    _file(world, late, "2026-03-10T12:00", cancelled_at=at("2026-03-10T13:00"))
    _file(world, jobs.filter(pl.col("variant") == "b"), "2026-03-10T09:59")  # before they were asked
    world.tick("2026-03-11T10:00")
    assert _told(world) == [("a", "a wins")]
    kept = world.installation.database.read(sa.select(promotions.c.numbers)).item()
    counts = {arm["variant"]: (arm["subjects"], arm["successes"]) for arm in json.loads(kept)["arms"]}
    firsts = jobs["variant"].to_list()
    assert counts == {"a": (firsts.count("a"), len(told) + len(bought)), "b": (firsts.count("b"), 0)}


def _file(world: World, jobs: pl.DataFrame, moment: str, *, cancelled_at: datetime | None = None) -> None:
    instant = pl.Datetime("us", "UTC")
    rows = jobs.select(
        "tenant_id",
        "customer_id",
        converted_at=pl.lit(at(moment), instant),
        cancelled_at=pl.lit(cancelled_at, instant),
    )
    day = at(moment).date()
    world.installation.files.publish(
        "stats/conversion_facts", rows, day=day, run=f"run-{jobs['id'].to_list()[0]}"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"variants": [{"id": "a"}, {"id": "b", "weight": 0}]}, "needs two variants with a weight"),
        ({"experiment": {"control": "z"}}, "control 'z' is none of the variants with a weight: a, b"),
        ({"experiment": {"metric": "opened"}}, "opens are not recorded"),
        ({"purpose": "transactional"}, "clicks are not recorded"),
        ({"experiment": {**EXPERIMENT, "horizon": "30 hours"}}, "but the test share has 30 hours"),
        ({"zone": "recipient"}, "its messages lie up to 26 hours apart"),
        (
            {"steps": [{**STEP, "variants": {"b": {"at": "14:30"}}}]},
            "its messages lie up to 4.5 hours apart",
        ),
        ({"steps": [{**STEP, "offset": "-1 days"}]}, "step 'one' goes -1 days from its anchor"),
        ({"experiment": {"promote": {"share": 20, "after": "at once"}}}, "'at once': write a length of time"),
        ({"experiment": {"promote": {"share": 100, "after": "1 days"}}}, "less than 100"),
        ({"experiment": {"effect": 2}}, "less than 1"),
    ],
)
def test_what_makes_no_sense_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Campaign.model_validate(_news(**change))


def test_what_makes_sense_is_not() -> None:
    hours = {"experiment": {**EXPERIMENT, "horizon": "19 hours"}}
    later = Campaign.model_validate(_news(steps=[{**STEP, "variants": {"b": {"at": "15:00"}}}], **hours))
    assert later.rest_waits == timedelta(hours=24)
    assert later.experiment is not None
    assert [arm.id for arm in later.experiment.ordered(later.variants)] == ["a", "b"]
    opened = Campaign.model_validate(
        _news(experiment={"metric": "opened", "control": "b"}, tracking={"opens": True})
    )
    assert opened.experiment is not None
    assert [arm.id for arm in opened.experiment.ordered(opened.variants)] == ["b", "a"]


def test_what_staff_do_with_their_copy_decides_nothing(world: World) -> None:
    _people(world, 60)
    world.add("users", id=1001)
    for number in range(1, 61):
        world.change("customers", number, agent_id=1001)
    world.apply(_news(steps=[{**STEP, "recipient": ["customer", "agent"]}]), start=LONG_AGO)
    world.tick("2026-03-10T09:30")
    rows = world.jobs().filter(pl.col("state") != "skipped")
    copies = rows.filter((pl.col("recipient_id") != 0) & (pl.col("variant") == "b"))["id"].to_list()
    assert copies
    _tell(world, copies, "2026-03-10T15:00", "clicked")
    world.tick("2026-03-11T10:10")
    ((numbers,),) = world.installation.database.read(sa.select(promotions.c.numbers)).rows()
    assert [arm["successes"] for arm in json.loads(numbers)["arms"]] == [0, 0]
