"""Actions in HubSpot: what is written, what is in doubt, what its errors mean."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from automation_pipelines.model import Command, Outcome, Reject, Retry, Sent
from tests.conformance.hubspot_post import HubSpotPost, hubspot_post, wrong
from tests.conformance.posts import AT, SECRET
from tests.loopback import LOST, Said

OWN = "automation_identity"


@pytest.fixture(params=[None, OWN])
def post(request: pytest.FixtureRequest) -> Iterator[HubSpotPost]:
    """An account without a property for identities, and one with it; each knows a contact and companies."""
    with hubspot_post(request.param) as made:
        made.add("contacts", email="kim@mail.example.com")
        made.add("companies", name="Acme")
        made.add("companies", name="Twin", domain="a.example.com")
        made.add("companies", name="Twin", domain="b.example.com")
        made.index()
        yield made


@pytest.fixture
def marked() -> Iterator[HubSpotPost]:
    """An account without a property for identities."""
    with hubspot_post() as made:
        yield made


@pytest.fixture
def owning() -> Iterator[HubSpotPost]:
    """An account with one."""
    with hubspot_post(OWN) as made:
        yield made


def command(action: str, job: int = 1, **parameters: Any) -> Command:
    """A command of a job."""
    return Command(job, 1, f"{job}.test", "hubspot", action, parameters, AT)


def ask(post: HubSpotPost, action: str, **parameters: Any) -> Outcome | None:
    """Hand one command over."""
    [answer] = post.channel.send([command(action, **parameters)])
    return answer


@pytest.mark.parametrize(
    ("action", "parameters", "written"),
    [
        (
            "create-deal",
            {"title": "Offer", "amount": 12.5, "stage": "qualified", "close_on": "2026-04-01"},
            {
                "record": "deals",
                "dealname": "Offer",
                "amount": "12.5",
                "dealstage": "qualified",
                "closedate": "2026-04-01T00:00:00Z",
            },
        ),
        (
            "create_task",
            {"title": "Call", "due_on": "2026-03-05", "priority": "high", "owner": 7},
            {
                "record": "tasks",
                "hs_task_subject": "Call",
                "hs_timestamp": "2026-03-05T00:00:00Z",
                "hs_task_priority": "HIGH",
                "hubspot_owner_id": "7",
            },
        ),
        ("create-task", {"title": "Call"}, {"record": "tasks", "hs_timestamp": "2026-03-01T09:00:00Z"}),
        ("create-note", {"text": "Called"}, {"record": "notes", "hs_timestamp": "2026-03-01T09:00:00Z"}),
        (
            "create-deal",
            {"title": "Offer", "fields": {"vip": True, "region": None}},
            {"record": "deals", "vip": "true"},
        ),
    ],
)
def test_what_is_added_says_what_was_said(
    post: HubSpotPost, action: str, parameters: dict[str, Any], written: dict[str, Any]
) -> None:
    answer = ask(post, action, **parameters)
    assert isinstance(answer, Sent)
    row = post.records[str(answer.provider_id)]
    assert row.items() >= written.items()
    assert "1.test" in row.values() or "ref1test" in str(row.values())


def test_what_is_added_is_tied_to_a_contact_and_a_company(post: HubSpotPost) -> None:
    answer = ask(post, "create-note", text="Called", contact="kim@mail.example.com", company="Acme")
    assert isinstance(answer, Sent)
    assert post.ties == {(answer.provider_id, "101"), (answer.provider_id, "102")}


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"contact": "nobody@mail.example.com"}, "none of contacts with this email"),
        ({"company": "Twin"}, "several of companies with this name"),
    ],
)
def test_nothing_is_added_that_cannot_be_tied(post: HubSpotPost, given: dict[str, str], said: str) -> None:
    answer = ask(post, "create-note", text="Called", **given)
    assert isinstance(answer, Reject)
    assert said in answer.error
    assert "nobody@" not in answer.error
    assert len(post.records) == 4


@pytest.mark.parametrize(
    ("action", "given", "changed"),
    [
        ("update-contact", {"email": "kim@mail.example.com"}, "101"),
        ("update-contact", {"id": 101}, "101"),
        ("update-company", {"name": "Acme"}, "102"),
        ("update-company", {"domain": "b.example.com"}, "104"),
    ],
)
def test_a_record_is_changed_by_what_says_which(
    post: HubSpotPost, action: str, given: dict[str, Any], changed: str
) -> None:
    assert ask(post, action, stage="customer", fields={"tier": 2}, **given) == Sent(changed)
    assert post.records[changed].items() >= {"lifecyclestage": "customer", "tier": "2"}.items()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "Twin"}, "several of companies"),
        ({"id": "1/../2"}, "no id of companies"),
        ({"id": "999"}, "OBJECT_NOT_FOUND"),
        ({"name": "Acme", "domain": "a.example.com"}, "needs one of domain, name, id"),
    ],
)
def test_a_record_that_is_not_there_or_not_the_only_one_is_not_changed(
    post: HubSpotPost, given: dict[str, Any], said: str
) -> None:
    answer = ask(post, "update-company", stage="customer", **given)
    assert isinstance(answer, Reject)
    assert said in answer.error


def test_what_is_in_doubt_is_found_by_its_mark_once_the_search_has_caught_up(marked: HubSpotPost) -> None:
    marked.server.after = lambda _: LOST
    assert ask(marked, "create-deal", title="Offer 1") is None
    marked.server.behave()
    marked.index()
    assert ask(marked, "create-deal", title="Offer 1") == Sent("101")
    assert marked.effects(1) == 1


def test_a_yes_that_cannot_be_read_leaves_it_open_whether_it_was_added(marked: HubSpotPost) -> None:
    marked.server.after = lambda _: Said(201, "what?")
    assert ask(marked, "create-deal", title="Offer 1") is None


def test_a_yes_that_cannot_be_read_is_asked_for_again_where_that_does_no_harm(owning: HubSpotPost) -> None:
    owning.server.after = lambda _: Said(200, "what?")
    assert isinstance(ask(owning, "create-deal", title="Offer 1"), Retry)


@pytest.mark.parametrize(
    ("status", "kinds", "provider"),
    [
        (429, (Retry, Retry), True),
        (503, (Retry, Retry), True),
        (401, (Retry, Retry), True),
        (403, (Retry, Retry), True),
        (423, (Retry, Retry), False),
        (400, (Reject, Reject), False),
        (500, (type(None), Retry), False),
        (504, (type(None), Retry), False),
    ],
)
def test_errors_mean_what_their_status_says(
    marked: HubSpotPost, owning: HubSpotPost, status: int, kinds: tuple[type, type], provider: bool
) -> None:
    for post, kind in zip((marked, owning), kinds, strict=True):
        post.server.before = lambda _: wrong(status, "WORD", f"ask kim@staff.example.com for {SECRET}")
        answer = ask(post, "create-deal", title="Offer 1")
        assert type(answer) is kind
        assert getattr(answer, "provider", False) is provider
        told = "" if answer is None else f"HubSpot answers {status} WORD: ask *** for ***"
        assert getattr(answer, "error", "") == told


def test_an_account_without_the_property_says_so(owning: HubSpotPost) -> None:
    said = f"[{{'error': 'PROPERTY_DOESNT_EXIST', 'name': '{OWN}'}}]"
    owning.server.before = lambda _: wrong(400, "VALIDATION_ERROR", said)
    answer = ask(owning, "create-deal", title="Offer 1")
    assert isinstance(answer, Retry)
    assert answer.provider
    assert "AUTOMATION_HUBSPOT__IDENTITY_PROPERTY" in answer.error


def test_an_upsert_that_says_no_in_a_batch_is_a_no(owning: HubSpotPost) -> None:
    error = {"status": "error", "category": "VALIDATION_ERROR", "message": "no such stage", "errors": []}
    owning.server.before = lambda _: Said(
        207, {"status": "COMPLETE", "results": [], "numErrors": 1, "errors": [error]}
    )
    answer = ask(owning, "create-deal", title="Offer 1", stage="x")
    assert isinstance(answer, Reject)
    assert "no such stage" in answer.error


def test_a_tie_that_failed_is_made_by_the_repeat(owning: HubSpotPost) -> None:
    owning.add("companies", name="Acme")
    owning.index()
    owning.server.before = lambda asked: Said(502) if "/associations/" in asked.path else None
    assert isinstance(ask(owning, "create-deal", title="Offer 1", company="Acme"), Retry)
    owning.server.behave()
    assert ask(owning, "create-deal", title="Offer 1", company="Acme") == Sent("102")
    assert (owning.effects(1), owning.ties) == (1, {("102", "101")})


def test_after_a_throttle_nothing_more_is_asked(owning: HubSpotPost) -> None:
    owning.server.before = lambda _: wrong(429, "RATE_LIMITS", "too many", **{"Retry-After": "10"})
    answers = owning.channel.send([command("create-deal", job, title="Offer") for job in range(1, 6)])
    assert [getattr(one, "after", None) for one in answers] == [timedelta(seconds=10)] * 5
    assert len(owning.server.log) == 1
