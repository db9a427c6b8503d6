"""What every channel must get right, whatever is on its other side."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest

from automation_pipelines.channels import Channel, build_channels, build_test_channels, crm, smtp
from automation_pipelines.model import (
    Call,
    Command,
    Email,
    Handoff,
    Note,
    Reject,
    Retry,
    Sent,
    Wait,
    WriteBack,
)
from automation_pipelines.settings import Settings
from tests.conformance.chat_post import chat_post
from tests.conformance.hubspot_post import hubspot_post
from tests.conformance.in_app_post import in_app_post, opened
from tests.conformance.phone_post import phone_post
from tests.conformance.posts import (
    SECRET,
    CrmPost,
    MaildirPost,
    OutboxPost,
    Post,
    WaitPost,
    handoff_of,
    smtp_post,
)
from tests.conformance.push_post import push_post
from tests.conformance.salesforce_post import salesforce_post
from tests.conformance.smtp_post import pipelining_post
from tests.conformance.twilio_post import twilio_post
from tests.conformance.wallet_post import wallet_post
from tests.conformance.webhook_post import webhook_post
from tests.mailserver import trusted

SITUATIONS = {
    "temporary": Retry,
    "throttled": Retry,
    "permanent": Reject,
    "unreachable": Retry,
    "slow before hand-off": Retry,
    "lost after hand-off": type(None),
    "slow after hand-off": type(None),
    "malformed": type(None),
}
KINDS: dict[str, type[Handoff]] = {
    "email": Email,
    "crm": WriteBack,
    "sms": Note,
    "whatsapp": Note,
    "push": Note,
    "wallet": Note,
    "phone": Note,
    "in_app": Note,
    "chat": Note,
    "interaction": Note,
    "webhook": Call,
    "hubspot": Command,
    "salesforce": Command,
    "slack": Command,
    "wait": Wait,
}
OUTBOXES = ["outbox of sms", "outbox of webhook", "outbox of hubspot", "outbox of email", "outbox of crm"]
SERVED: dict[str, Callable[[], AbstractContextManager[Post]]] = {
    "smtp with PIPELINING": pipelining_post,
    "chat by Apprise": partial(chat_post, "chat"),
    "slack by Apprise": partial(chat_post, "slack"),
    "salesforce": salesforce_post,
    "hubspot": hubspot_post,
    "phone": phone_post,
    "hubspot with an identity property": partial(hubspot_post, "automation_identity"),
    "webhook": webhook_post,
    "wallet": wallet_post,
    "sms by Twilio": partial(twilio_post, "sms"),
    "whatsapp by Twilio": partial(twilio_post, "whatsapp"),
}
"""Channels to a server of their provider's."""
POSTS = [
    "smtp with STARTTLS",
    "smtp over TLS",
    "maildir",
    "crm on sqlite",
    "crm on postgres",
    "in_app on sqlite",
    "in_app on postgres",
    "push",
    *SERVED,
    *OUTBOXES,
    "wait",
]


@pytest.fixture(params=POSTS)
def post(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Post]:
    """Each channel in turn."""
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted()))
    monkeypatch.setattr(smtp.session, "_TIMEOUT", 2)
    monkeypatch.setattr(smtp.session, "_LAST_TIMEOUT", 2)
    monkeypatch.setattr(crm, "_BUSY_SECONDS", 0.2)
    match request.param:
        case "smtp with STARTTLS" | "smtp over TLS":
            with smtp_post("starttls" if "START" in request.param else "implicit") as made:
                yield made
        case "maildir":
            yield MaildirPost(tmp_path / "outbox")
        case "wait":
            yield WaitPost()
        case "push":
            with push_post() as (made, _):
                yield made
        case served if served in SERVED:
            with SERVED[served]() as made:
                yield made
        case outbox if outbox in OUTBOXES:
            name = outbox.removeprefix("outbox of ")
            yield OutboxPost(name, KINDS[name], tmp_path / name)
        case "in_app on sqlite" | "in_app on postgres":
            on_sqlite = request.param == "in_app on sqlite"
            url = f"sqlite:///{tmp_path / 'a.db'}" if on_sqlite else request.getfixturevalue("postgres_url")
            with in_app_post(url) as made:
                yield made
        case _:
            on_sqlite = request.param == "crm on sqlite"
            url = f"sqlite:///{tmp_path / 'crm.db'}" if on_sqlite else request.getfixturevalue("postgres_url")
            if on_sqlite:
                (tmp_path / "crm.db").touch()
            made = CrmPost(url, tmp_path / "sql")
            yield made
            made.behave()
            made.channel.close()


def test_what_is_handed_over_is_sent_and_has_its_effect_once(post: Post) -> None:
    [answer] = post.channel.send([post.handoff(1)])
    assert isinstance(answer, Sent)
    assert post.effects(1) == 1


def test_answers_come_in_the_order_of_the_hand_offs(post: Post) -> None:
    strange = [kind for kind in set(KINDS.values()) if kind is not type(post.handoff(2))]
    handoffs = [post.handoff(1), *(handoff_of(kind, 2) for kind in strange), post.handoff(3)]
    answers = post.channel.send(handoffs)
    assert [type(answer) for answer in answers] == [Sent, *[Reject] * len(strange), Sent]


def test_nothing_to_send_is_no_failure(post: Post) -> None:
    assert post.channel.send([]) == []


def test_a_closed_channel_can_be_used_again(post: Post) -> None:
    post.channel.send([post.handoff(1)])
    post.channel.close()
    assert isinstance(post.channel.send([post.handoff(2)])[0], Sent)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_failure_is_the_right_answer_and_leaves_the_channel_usable(post: Post, situation: str) -> None:
    if not post.misbehave(situation):
        pytest.skip("cannot happen on this channel")
    [answer] = post.channel.send([post.handoff(1)])
    in_doubt = SITUATIONS[situation] is type(None)
    # Where a repeat does no harm, what is in doubt is repeated.
    assert type(answer) is (Retry if in_doubt and post.channel.repeatable else SITUATIONS[situation])
    assert SECRET not in str(answer)
    arrived = post.effects(1)
    assert arrived == (1 if in_doubt else 0)
    post.behave()
    [again] = post.channel.send([post.handoff(1)])
    assert isinstance(again, Sent)
    assert post.effects(1) == (1 if post.channel.repeatable else arrived + 1)


def test_who_is_asked_to_wait_waits_that_long(post: Post) -> None:
    if not post.misbehave("throttled for two minutes"):
        pytest.skip("cannot happen on this channel")
    [answer] = post.channel.send([post.handoff(1)])
    assert isinstance(answer, Retry)
    assert answer.after == timedelta(minutes=2)


def test_a_repeat_has_the_same_identity_and_no_further_effect_where_that_is_promised(post: Post) -> None:
    first, second = post.handoff(1), post.handoff(1)
    assert first.identity == second.identity
    answers = [*post.channel.send([first]), *post.channel.send([second])]
    assert [type(answer) for answer in answers] == [Sent, Sent]
    assert post.effects(1) == (1 if post.channel.repeatable else 2)


@pytest.mark.parametrize("build", [build_channels, build_test_channels])
def test_every_declared_channel_takes_its_kind_of_hand_off_and_no_other(
    tmp_path: Path, build: Callable[[Settings], dict[str, Channel]]
) -> None:
    (tmp_path / "crm.db").touch()
    with opened(f"sqlite:///{tmp_path / 'automation.db'}"):
        channels = build(Settings(home=tmp_path))
    assert channels.keys() == KINDS.keys()
    for name, channel in channels.items():
        assert channel.name == name
        taken = {kind for kind in KINDS.values() if isinstance(channel.send([handoff_of(kind, 1)])[0], Sent)}
        # There is no such action in this CRM, nor a table.
        refused = build is build_channels and name in ("crm", "phone")
        assert taken == (set() if refused else {KINDS[name]})
