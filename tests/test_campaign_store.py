"""Campaigns in the automation database: versions, lives, legal moves and what each step counts from."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from automation_pipelines.campaign import Campaign
from automation_pipelines.errors import RefusedError
from automation_pipelines.ledger.campaigns import Applied, CampaignStore
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.plans import identify
from automation_pipelines.ledger.tables import audit, jobs, ticks
from automation_pipelines.messages import TemplateSource
from tests.world import at

MONDAY, TUESDAY, WEDNESDAY = at("2026-03-02T09:00"), at("2026-03-03T09:00"), at("2026-03-04T09:00")
HELLO = {"hello": TemplateSource("Hi", "<p>Hi</p>", "Hi", {"base.html": "<p></p>"})}


@pytest.fixture
def store(database: Database) -> CampaignStore:
    return CampaignStore(database)


def spec(*steps: str, **changed: Any) -> Campaign:
    """A campaign with these steps, in this order."""
    written = [{"id": step, "channel": "email", "template": "hello"} for step in steps or ("one",)]
    return Campaign.model_validate(
        {"id": "care", "title": "Care", "audience": "birthdays", "steps": written, **changed}
    )


def applied(store: CampaignStore, campaign: Campaign, when: datetime = MONDAY, source: str = "") -> Applied:
    return store.apply(campaign, source or campaign.model_dump_json(), HELLO, "ann", when)


def counts_from(store: CampaignStore) -> dict[str, datetime]:
    (active,) = store.running()
    return dict(active.active_from)


def test_a_new_campaign_is_a_draft_that_does_not_run(store: CampaignStore) -> None:
    assert applied(store, spec()) == Applied("care", 1, "draft", changed=True)
    assert store.states() == {"care": "draft"}
    assert list(store.running()) == []


def test_applying_the_same_adds_no_version(store: CampaignStore) -> None:
    applied(store, spec())
    assert not store.differs(spec(), spec().model_dump_json(), HELLO)
    assert applied(store, spec(), TUESDAY) == Applied("care", 1, "draft", changed=False)
    assert [change.applied_at for change in store.show("care").history] == [MONDAY]


@pytest.mark.parametrize("what", ["spec", "template", "comment"])
def test_any_change_adds_a_version_and_the_old_one_stays(store: CampaignStore, what: str) -> None:
    applied(store, spec())
    changed = spec(title="New") if what == "spec" else spec()
    templates = {"hello": TemplateSource("Hey", "", "")} if what == "template" else HELLO
    source = "# why\n" if what == "comment" else spec().model_dump_json()
    assert store.differs(changed, source, templates)
    assert store.apply(changed, source, templates, "bob", TUESDAY) == Applied(
        "care", 2, "draft", changed=True
    )
    assert store.version("care", 1).spec == spec()
    assert store.version("care", 1).templates == HELLO
    assert store.version("care", 2).templates == templates
    assert [(c.version, c.applied_at, c.applied_by) for c in store.show("care").history] == [
        (1, MONDAY, "ann"),
        (2, TUESDAY, "bob"),
    ]


def test_everything_a_campaign_declares_survives_being_stored(store: CampaignStore) -> None:
    whole = Campaign.model_validate(
        {
            "id": "care",
            "title": "Care",
            "kind": "promotional",
            "audience": "customers",
            "conditions": {
                "all": [{"field": "segment", "operator": "in", "value": ["a", 1, 1.5, True, None]}]
            },
            "schedule": {"date": "2026-05-31", "at": "10:00"},
            "zone": "recipient",
            "window": {"days": ["mon"], "start": "09:30", "end": "24:00", "except": ["2026-12-25"]},
            "policy": {
                "max_lateness": "90 minutes",
                "repeat_after": "{inactivity_days} days",
                "valid_from": "2026-01-01T00:00:00+05:45",
                "valid_until": "2027-01-01T00:00:00Z",
            },
            "steps": [
                {
                    "id": "a",
                    "offset": "-24 hours",
                    "channel": "email",
                    "template": "hello",
                    "recipient": "agent",
                },
                {
                    "id": "b",
                    "offset": "2 days",
                    "at": "07:05",
                    "action": "mark",
                    "with": {"level": 1, "by": None},
                },
            ],
        }
    )
    applied(store, whole)
    assert store.version("care", 1).spec == whole
    store.start("care", "ann", MONDAY)
    assert [active.spec for active in store.running()] == [whole]


def test_export_gives_back_the_newest_text(store: CampaignStore) -> None:
    applied(store, spec(), source="# first\nid: care\n")
    applied(store, spec(), TUESDAY, source="# second: café\nid: care\n")
    assert store.export("care") == "# second: café\nid: care\n"


MOVES = {
    "draft": {"start": "running", "cancel": "cancelled", "delete": "deleted"},
    "running": {"pause": "paused", "cancel": "cancelled", "delete": "deleted"},
    "paused": {"resume": "running", "cancel": "cancelled", "delete": "deleted"},
    "completed": {"delete": "deleted"},
    "cancelled": {"delete": "deleted"},
    "deleted": {},
}


def bring_to(store: CampaignStore, state: str, campaign: str = "care") -> None:
    over = {"policy": {"valid_until": "2026-03-01T00:00:00Z"}} if state == "completed" else {}
    applied(store, spec(id=campaign, **over))
    ways = {
        "draft": (),
        "running": ("start",),
        "paused": ("start", "pause"),
        "completed": ("start",),
        "cancelled": ("cancel",),
        "deleted": ("delete",),
    }
    for move in ways[state]:
        getattr(store, move)(campaign, "ann", MONDAY)
    if state == "completed":
        assert store.complete(at("2026-03-20T00:00")) == (campaign,)
    assert store.states()[campaign] == state


def newest_audit(database: Database) -> dict[str, Any]:
    return database.read(sa.select(audit).order_by(audit.c.id.desc()).limit(1)).row(0, named=True)


def test_legal_moves_are_made_and_audited(store: CampaignStore, database: Database) -> None:
    for state, moves in MOVES.items():
        for move, target in moves.items():
            bring_to(store, state, f"{state}-{move}")
            getattr(store, move)(f"{state}-{move}", "bob", TUESDAY)
            assert store.states()[f"{state}-{move}"] == target
            entry = newest_audit(database)
            assert (entry["action"], entry["by"], entry["at"]) == (f"campaign.{move}", "bob", TUESDAY)
            assert json.loads(entry["detail"])["before"] == state


def test_illegal_moves_are_refused_and_name_the_legal_ones(store: CampaignStore, database: Database) -> None:
    for state, moves in MOVES.items():
        bring_to(store, state, state)
        before = newest_audit(database)
        for move in {"start", "pause", "resume", "cancel", "delete"} - moves.keys():
            why = f"cannot {move} campaign '{state}': it is {state}; allowed: "
            with pytest.raises(RefusedError, match=why) as refused:
                getattr(store, move)(state, "bob", TUESDAY)
            assert all(word in str(refused.value) for word in moves)
        assert store.states()[state] == state
        assert newest_audit(database) == before


def test_what_was_never_applied_is_named(store: CampaignStore) -> None:
    with pytest.raises(RefusedError, match="no campaign 'nope'"):
        store.start("nope", "ann", MONDAY)
    with pytest.raises(RefusedError, match="no campaign 'nope'"):
        store.show("nope")
    with pytest.raises(RefusedError, match="no campaign 'nope'"):
        store.export("nope")
    with pytest.raises(RefusedError, match="has no version 7"):
        store.version("nope", 7)


def test_every_step_counts_from_the_start(store: CampaignStore) -> None:
    applied(store, spec("one", "two"))
    store.start("care", "ann", TUESDAY)
    (active,) = store.running()
    assert (active.state, active.version, active.started_at) == ("running", 1, TUESDAY)
    assert dict(active.active_from) == {"one": TUESDAY, "two": TUESDAY}


def test_pausing_changes_nothing_the_steps_count_from(store: CampaignStore) -> None:
    applied(store, spec())
    store.start("care", "ann", MONDAY)
    store.pause("care", "ann", TUESDAY)
    assert counts_from(store) == {"one": MONDAY}
    assert list(store.running(("running",))) == []
    store.resume("care", "ann", WEDNESDAY)
    assert counts_from(store) == {"one": MONDAY}


def test_an_inserted_step_counts_from_its_appearance_and_the_others_keep_theirs(store: CampaignStore) -> None:
    applied(store, spec("one", "two"))
    store.start("care", "ann", MONDAY)
    applied(store, spec("zero", "two", "one"), TUESDAY)
    assert counts_from(store) == {"zero": TUESDAY, "one": MONDAY, "two": MONDAY}


def test_a_step_that_was_away_for_a_while_keeps_what_it_counts_from(store: CampaignStore) -> None:
    applied(store, spec("one", "two"))
    store.start("care", "ann", MONDAY)
    applied(store, spec("one"), TUESDAY)
    applied(store, spec("one", "two"), WEDNESDAY)
    assert counts_from(store)["two"] == MONDAY


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_a_new_life_begins_as_draft_and_counts_from_its_own_start(store: CampaignStore, end: str) -> None:
    applied(store, spec("one"))
    store.start("care", "ann", MONDAY)
    applied(store, spec("one", "two"), MONDAY + timedelta(hours=1))
    getattr(store, end)("care", "ann", TUESDAY)
    assert applied(store, spec("one", "two"), TUESDAY) == Applied("care", 2, "draft", changed=True)
    assert list(store.running()) == []
    assert store.show("care").entry.started_at is None
    store.start("care", "ann", WEDNESDAY)
    assert counts_from(store) == {"one": WEDNESDAY, "two": WEDNESDAY}
    assert applied(store, spec("three"), WEDNESDAY).version == 3


def test_a_campaign_that_is_over_stays_so_until_it_changes(store: CampaignStore) -> None:
    ended = {"policy": {"valid_until": "2026-03-01T00:00:00Z"}}
    bring_to(store, "completed")
    assert not applied(store, spec(**ended), at("2026-04-01T00:00")).changed
    assert store.states() == {"care": "completed"}
    longer = spec(policy={"valid_until": "2026-06-01T00:00:00Z"})
    assert applied(store, longer, at("2026-04-01T00:00")).state == "draft"


def test_a_campaign_ends_only_when_its_last_moments_are_too_late(store: CampaignStore) -> None:
    applied(store, spec(policy={"valid_until": "2026-03-01T00:00:00Z"}))
    store.start("care", "ann", at("2026-02-01T00:00"))
    assert store.complete(at("2026-03-01T23:59")) == ()
    assert store.complete(at("2026-03-02T00:01")) == ("care",)
    assert store.complete(at("2026-03-02T00:02")) == ()


def test_the_same_ids_are_the_same_identities_for_ever(store: CampaignStore, database: Database) -> None:
    applied(store, spec("one", "two"))
    pairs = [("care", ""), ("care", "one"), ("care", "two")]
    before = identify(database, pairs, "live")
    applied(store, spec("zero", "two", "one", title="Renamed"), TUESDAY)
    store.delete("care", "ann", TUESDAY)
    applied(store, spec("two", "one"), WEDNESDAY)
    assert identify(database, pairs, "live") == before


def put_job(database: Database, campaign: str, occurrence: int, state: str) -> None:
    pair = (campaign, "one")
    numbers = identify(database, [(campaign, ""), pair], "live")
    final = {"completed": MONDAY, "skipped": MONDAY}.get(state)
    job = {
        "occurrence": occurrence,
        "tenant_id": 1,
        "campaign_id": numbers[campaign, ""],
        "step_id": numbers[pair],
        "subject_id": 1,
        "recipient_id": 0,
        "state": state,
        "reason": "stale" if state == "skipped" else None,
        "purpose": "marketing",
        "channel": "email",
        "campaign_version": 1,
        "priority": 5,
        "due_at": MONDAY,
        "available_at": MONDAY,
        "attempts": 0,
        "finished_at": final,
    }
    tick = {
        "run_id": f"{campaign}-{occurrence}",
        "mode": "live",
        "as_of": MONDAY,
        "planned_to": MONDAY,
        "moments": 1,
        "planned": 1,
        "settled": 0,
        "files_published": True,
        "committed_at": MONDAY,
    }
    with database.begin() as connection:
        number = connection.scalar(sa.insert(ticks).values(tick).returning(ticks.c.id))
        connection.execute(sa.insert(jobs).values({**job, "tick_id": number}))


@pytest.mark.parametrize("end", ["cancel", "delete"])
def test_ending_a_campaign_cancels_its_own_pending_jobs_only(
    store: CampaignStore, database: Database, end: str
) -> None:
    applied(store, spec())
    store.start("care", "ann", MONDAY)
    put_job(database, "care", 1, "pending")
    put_job(database, "care", 2, "completed")
    put_job(database, "other", 3, "pending")
    getattr(store, end)("care", "ann", TUESDAY)
    rows = database.read(
        sa.select(jobs.c.occurrence, jobs.c.state, jobs.c.finished_at).order_by(jobs.c.occurrence)
    )
    assert rows.rows() == [(1, "cancelled", TUESDAY), (2, "completed", MONDAY), (3, "pending", None)]


@pytest.mark.parametrize(("paused", "state"), [(True, "cancelled"), (False, "pending")])
def test_what_a_pause_held_back_does_not_go_out_when_the_campaign_is_over(
    store: CampaignStore, database: Database, *, paused: bool, state: str
) -> None:
    applied(store, spec(policy={"valid_until": "2026-03-01T00:00:00Z"}))
    store.start("care", "ann", at("2026-02-01T00:00"))
    put_job(database, "care", 1, "pending")
    if paused:
        store.pause("care", "ann", at("2026-02-28T00:00"))
    assert store.complete(at("2026-03-02T00:01")) == ("care",)
    assert database.read(sa.select(jobs.c.state)).rows() == [(state,)]


def test_deleted_campaigns_are_listed_no_more_but_can_be_shown(store: CampaignStore) -> None:
    applied(store, spec())
    assert [entry.title for entry in store.list()] == ["Care"]
    store.delete("care", "ann", TUESDAY)
    assert list(store.list()) == []
    assert store.show("care").entry.state == "deleted"
