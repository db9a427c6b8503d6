"""Notices to staff: which address they go to, what services say, and that no address is ever told."""

import logging
from collections.abc import Iterator

import pytest
from apprise.plugins.slack import NotifySlack

from automation_pipelines.channels import apprise
from automation_pipelines.channels.addresses import chosen, parse
from automation_pipelines.channels.chat import ChatChannel
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Command, Note, Outcome, Reject, Retry, Sent
from tests.loopback import Asked, Loopback, Said, serving

URLS = "json://all 2=json://two #sales=json://sales 2#sales=json://both #sales=json://spare"


@pytest.mark.parametrize(
    ("tenant", "channel", "urls"),
    [
        (1, "", ["json://all"]),
        (2, "", ["json://two"]),
        (1, "#sales", ["json://sales", "json://spare"]),
        (1, "sales", ["json://sales", "json://spare"]),
        (2, "#sales", ["json://both"]),
        (2, "#support", ["json://two"]),
        (1, "#support", ["json://all"]),
    ],
)
def test_the_address_that_says_most_exactly_whom_it_is_for_is_taken(
    tenant: int, channel: str, urls: list[str]
) -> None:
    assert [address.url for address in chosen(parse(URLS), tenant, channel)] == urls


@pytest.mark.parametrize(
    "urls", ["hooks.example.com/hidden", "json://all everybody=json://hidden", "x=hidden"]
)
def test_addresses_that_cannot_be_read_are_refused_without_repeating_them(urls: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ChatChannel("chat", urls)
    assert "hidden" not in str(refused.value)


@pytest.fixture
def server() -> Iterator[Loopback]:
    """A service that takes everything."""
    apprise._service.cache_clear()
    with serving(Loopback(lambda _: Said(200, {"ok": True, "ts": "1"}))) as made:
        yield made
    apprise._service.cache_clear()


def note(tenant: int = 1) -> Note:
    """A notice of a tenant to one of its staff."""
    return Note(7, tenant, "7.test", "kim@staff.example.com", "Quote viewed", "Q-17 was viewed")


def post(text: str | None = "Health fell", channel: str | None = None) -> Command:
    """A message that a campaign posts."""
    parameters = {"text": text, "channel": channel}
    return Command(7, 1, "7.test", "slack", "post-message", parameters)


def send(urls: str, handoff: Note | Command) -> Outcome | None:
    """Hand one over by a channel of its own."""
    [answer] = ChatChannel("slack" if isinstance(handoff, Command) else "chat", urls).send([handoff])
    return answer


def test_a_notice_names_its_recipient_where_others_read_it(server: Loopback) -> None:
    assert send(f"json://localhost:{server.port}/all", note()) == Sent()
    assert server.log[0].json["message"] == "kim@staff.example.com: Q-17 was viewed"
    assert send(f"json://localhost:{server.port}/{{to}}", note()) == Sent()
    assert server.log[1].path == "/kim@staff.example.com"
    assert server.log[1].json["message"] == "Q-17 was viewed"


def test_another_tenants_notice_does_not_go_to_an_address_of_one_tenant(server: Loopback) -> None:
    answer = send(f"2=json://localhost:{server.port}/two", note(tenant=1))
    assert answer == Retry("no address in AUTOMATION_CHAT__URLS is for this notice", provider=True)
    assert server.log == []


def test_a_message_goes_to_the_channel_it_names(server: Loopback) -> None:
    assert send(f"json://localhost:{server.port}/in/{{channel}}", post(channel="#sales")) == Sent()
    assert server.log[0].path == "/in/#sales"


def test_the_next_address_is_asked_only_where_the_one_before_did_not_take_it(server: Loopback) -> None:
    server.before = lambda asked: Said(429) if asked.path == "/first" else None
    urls = " ".join(f"json://localhost:{server.port}/{place}" for place in ("first", "second", "third"))
    assert send(urls, note()) == Sent()
    assert [asked.path for asked in server.log] == ["/first", "/second"]
    server.before = lambda _: Said(502)
    assert send(urls, note()) is None
    assert len(server.log) == 3


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, Retry), (503, Retry), (401, Retry), (404, Retry), (302, Retry), (400, Reject), (500, type(None))],
)
def test_what_is_wrong_with_an_address_may_pass_and_what_is_wrong_with_a_message_does_not(
    server: Loopback, status: int, kind: type
) -> None:
    server.before = lambda _: Said(status, headers={"Location": "/elsewhere"})
    answer = send(f"json://localhost:{server.port}/in", note())
    assert type(answer) is kind
    assert isinstance(answer, Retry) is getattr(answer, "provider", False)
    assert len(server.log) == 1


@pytest.mark.parametrize(
    "parameters", [{"text": None}, {}, {"text": "x", "colour": "red"}, {"text": "x", "channel": 5}]
)
def test_a_message_that_lacks_its_text_is_no_message(parameters: dict[str, object]) -> None:
    [answer] = ChatChannel("slack", "json://localhost").send(
        [Command(7, 1, "7.test", "slack", "post-message", parameters)]
    )
    assert isinstance(answer, Reject)


def test_one_address_leads_to_one_place() -> None:
    answer = send("slack://xoxb-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d/#a/#b", post())
    assert answer == Retry("no address of slack that Apprise can read", provider=True)


@pytest.fixture
def slack(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> Loopback:
    """Slack's own API, here."""
    monkeypatch.setattr(NotifySlack, "api_url", f"http://localhost:{server.port}/api/{{}}")
    monkeypatch.setattr(NotifySlack, "request_rate_per_sec", 0)
    return server


SLACK = "slack://xoxb-1234-1234-4ddbc191d40ee098cbaae6f3523ada2d/{channel}"


def test_slack_gets_the_message_in_its_channel(slack: Loopback) -> None:
    assert send(SLACK, post(channel="#sales")) == Sent()
    asked = slack.log[-1]
    assert (asked.path, asked.json["channel"]) == ("/api/chat.postMessage", "#sales")
    assert "Health fell" in str(asked.json)


@pytest.mark.parametrize(
    ("word", "kind"), [("channel_not_found", Retry), ("ratelimited", Retry), ("msg_too_long", Reject)]
)
def test_slack_says_no_with_status_200_and_a_word(slack: Loopback, word: str, kind: type) -> None:
    slack.before = lambda _: Said(200, {"ok": False, "error": word})
    answer = send(SLACK, post(channel="#sales"))
    assert isinstance(answer, kind)
    assert word in getattr(answer, "error", "")


def test_no_address_is_logged_or_told(
    slack: Loopback, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)

    def quoted(asked: Asked) -> Said:
        return Said(403, f"who is {asked.headers['authorization']}?")

    slack.before = quoted
    answer = send(SLACK, post(channel="#sales"))
    told = f"{answer} {caplog.text} {capsys.readouterr()}"
    assert "4ddbc191d40ee098cbaae6f3523ada2d" not in told
    assert logging.getLogger("apprise").propagate
