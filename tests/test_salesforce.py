"""Actions in Salesforce: what is written, what its errors mean, sessions that end."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from automation_pipelines.model import Command, Outcome, Reject, Retry, Sent
from tests.conformance.posts import SECRET
from tests.conformance.salesforce_post import SalesforcePost, salesforce_post, wrong

ACCOUNT = "001000000000001AAA"


@pytest.fixture
def post() -> Iterator[SalesforcePost]:
    """An organisation with two accounts, and a channel to it."""
    with salesforce_post() as made:
        made.add("Account", ACCOUNT, Name="Kim's O'Neil \\ Co")
        made.add("Account", "001000000000002AAA", Name="Twin")
        made.add("Account", "001000000000003AAA", Name="Twin")
        yield made


def command(action: str, job: int = 1, **parameters: Any) -> Command:
    """A command of a job."""
    return Command(job, 1, f"{job}.test", "salesforce", action, parameters)


def ask(post: SalesforcePost, action: str, **parameters: Any) -> Outcome | None:
    """Hand one command over."""
    [answer] = post.channel.send([command(action, **parameters)])
    return answer


@pytest.mark.parametrize(
    ("action", "parameters", "written"),
    [
        (
            "create-task",
            {"title": "Call", "due_on": "2026-03-05", "priority": "high", "about": ACCOUNT, "who": None},
            {
                "record": "Task",
                "Subject": "Call",
                "ActivityDate": "2026-03-05",
                "Priority": "High",
                "WhatId": ACCOUNT,
            },
        ),
        ("create_case", {"title": "Late", "account": ACCOUNT}, {"record": "Case", "AccountId": ACCOUNT}),
        ("create-lead", {"last_name": "Doe", "company": "Acme"}, {"record": "Lead", "Company": "Acme"}),
        (
            "create-opportunity",
            {"title": "More", "stage": "Prospecting", "close_on": "2026-04-01", "amount": 12.5},
            {"record": "Opportunity", "Name": "More", "Amount": 12.5, "CloseDate": "2026-04-01"},
        ),
        (
            "create-task",
            {"title": "Call", "fields": {"Type": "Call", "Region__c": None}},
            {"record": "Task", "Type": "Call"},
        ),
    ],
)
def test_what_is_added_carries_its_identity_and_what_was_said(
    post: SalesforcePost, action: str, parameters: dict[str, Any], written: dict[str, Any]
) -> None:
    answer = ask(post, action, **parameters)
    assert isinstance(answer, Sent)
    row = post.records[str(answer.provider_id)]
    assert row.items() >= {**written, "Automation_Identity__c": "1-test"}.items()
    assert None not in row.values()


def test_a_record_is_changed_whose_name_says_which(post: SalesforcePost) -> None:
    answer = ask(post, "update-account", name="Kim's O'Neil \\ Co", status="at_risk", fields={"Tier__c": "A"})
    assert answer == Sent(ACCOUNT)
    assert post.records[ACCOUNT] | {"Status__c": "at_risk", "Tier__c": "A"} == post.records[ACCOUNT]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"name": "Nobody"}, "none of Account with this Name"),
        ({"name": "Twin"}, "several of Account with this Name"),
        ({"name": "x' OR Name != '"}, "none of Account with this Name"),
        ({"id": "001/../../query"}, "no id of Account"),
        ({"id": "001000000000009AAA"}, "NOT_FOUND"),
        ({"name": None}, "needs one of name, id"),
    ],
)
def test_a_record_that_is_not_there_or_not_the_only_one_is_not_changed(
    post: SalesforcePost, given: dict[str, Any], said: str
) -> None:
    answer = ask(post, "update-account", status="at_risk", **given)
    assert isinstance(answer, Reject)
    assert said in answer.error
    assert not any("Status__c" in row for row in post.records.values())


def test_a_session_that_ended_is_begun_anew(post: SalesforcePost) -> None:
    assert isinstance(ask(post, "create-task", title="One"), Sent)
    post.sessions += 1  # somebody ended it
    [answer] = post.channel.send([command("create-task", 2, title="Two")])
    assert isinstance(answer, Sent)
    assert post.effects_of("Two") == 1


def test_sessions_that_are_never_taken_are_not_begun_for_ever(post: SalesforcePost) -> None:
    post.server.before = lambda _: wrong(401, "INVALID_SESSION_ID", "Session expired or invalid")
    answer = ask(post, "create-task", title="One")
    assert isinstance(answer, Retry)
    assert answer.provider
    assert post.sessions == 2


@pytest.mark.parametrize(
    ("status", "code", "kind", "provider"),
    [
        (403, "REQUEST_LIMIT_EXCEEDED", Retry, True),
        (503, "SERVER_UNAVAILABLE", Retry, True),
        (403, "API_DISABLED_FOR_ORG", Retry, True),
        (400, "UNABLE_TO_LOCK_ROW", Retry, False),
        (400, "DUPLICATE_VALUE", Retry, False),
        (500, "UNKNOWN_EXCEPTION", Retry, False),
        (400, "FIELD_CUSTOM_VALIDATION_EXCEPTION", Reject, False),
        (400, "INVALID_FIELD", Reject, False),
        (403, "INSUFFICIENT_ACCESS_OR_READONLY", Reject, False),
    ],
)
def test_errors_mean_what_their_code_says(
    post: SalesforcePost, status: int, code: str, kind: type, provider: bool
) -> None:
    post.server.before = lambda _: wrong(status, code, f"ask kim@staff.example.com for {SECRET}")
    answer = ask(post, "create-task", title="One")
    assert type(answer) is kind
    assert getattr(answer, "provider", False) is provider
    assert getattr(answer, "error", "") == f"Salesforce answers {status} {code}: ask *** for ***"


def test_an_organisation_without_our_field_says_so(post: SalesforcePost) -> None:
    said = "Provided external ID field does not exist or is not accessible: Automation_Identity__c"
    post.server.before = lambda _: wrong(404, "NOT_FOUND", said)
    answer = ask(post, "create-task", title="One")
    assert isinstance(answer, Retry)
    assert answer.provider
    assert "AUTOMATION_SALESFORCE__IDENTITY_FIELD" in answer.error


def test_after_a_limit_nothing_more_is_asked(post: SalesforcePost) -> None:
    headers = {"Retry-After": "60"}
    post.server.before = lambda _: wrong(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests", **headers)
    many = [command("create-task", job, title="One") for job in range(1, 6)]
    answers = post.channel.send([*many, command("no-such", 9)])
    assert [(type(one), getattr(one, "after", None)) for one in answers] == [
        *[(Retry, timedelta(minutes=1))] * 5,
        (Reject, None),
    ]
    assert sum("/sobjects/" in asked.path for asked in post.server.log) == 1


def test_who_cannot_log_in_is_told_without_the_secret(post: SalesforcePost) -> None:
    post.key = "another-key"
    answer = ask(post, "create-task", title="One")
    assert isinstance(answer, Retry)
    assert answer.provider
    assert "invalid_client" in answer.error
    assert SECRET not in answer.error
