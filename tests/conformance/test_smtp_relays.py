"""Several servers: whoever is fit carries, who failed is left alone, and nothing is handed over twice."""

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from automation_pipelines.channels import build_channels
from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.smtp import Relays, Server, servers, session
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Retry, Sent
from automation_pipelines.settings import Settings
from tests.conformance.posts import email
from tests.mailserver import Script, free_port, scripted

SENT = Sent("ABC123")
DOWN = "421 4.3.2 going down"


@pytest.fixture(autouse=True)
def _impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_TIMEOUT", 5)
    monkeypatch.setattr(session, "_LAST_TIMEOUT", 5)


@contextmanager
def relays(*scripts: Script | None, connections: int = 1) -> Iterator[EmailChannel]:
    """A channel to servers that follow these scripts; `None`: there is none."""
    with ExitStack() as stack:
        ports = [stack.enter_context(scripted(each)) if each else free_port() for each in scripts]
        urls = " ".join(f"smtp://127.0.0.1:{port}?tls=none" for port in ports)
        channel = EmailChannel(urls, connections=connections)
        stack.callback(channel.close)
        yield channel


def arrived(*scripts: Script) -> Counter[str]:
    return Counter(recipient for script in scripts for recipient in script.recipients)


def once(*jobs: int) -> dict[str, int]:
    return {f"kim{job}@mail.example.com": 1 for job in jobs}


def test_servers_share_the_work() -> None:
    one, two = Script(), Script()
    with relays(one, two, connections=4) as channel:
        assert channel.send([email(job) for job in range(40)]) == [SENT] * 40
    assert arrived(one, two) == once(*range(40))
    assert one.connections + two.connections <= 4
    assert min(one.connections, two.connections) > 0


def test_a_server_that_is_not_there_costs_no_message_an_attempt() -> None:
    one = Script()
    with relays(None, one, None, connections=3) as channel:
        assert channel.send([email(job) for job in range(20)]) == [SENT] * 20
    assert arrived(one) == once(*range(20))


FAILURES: list[dict[str, Any]] = [
    {"GREETING": DOWN},
    {"GREETING": "554 no service for you"},
    {"GREETING": None},
    {"EHLO": None},
    {"EHLO": DOWN},
    {"MAIL": DOWN},
    {"MAIL": None},
    {"MAIL": "530 5.7.0 Authentication required"},
    {"RCPT": DOWN},
    {"RCPT": None},
    {"DATA": DOWN},
    {"DATA": None},
    {"MAIL": "what?"},
]


@pytest.mark.parametrize("failure", FAILURES, ids=str)
def test_what_a_server_has_certainly_not_taken_goes_to_the_other(failure: dict[str, Any]) -> None:
    wrong, right = Script(dict(failure)), Script()
    with relays(wrong, right) as channel:
        assert channel.send([email(job) for job in (1, 2, 3)]) == [SENT] * 3
        before = wrong.connections
        assert channel.send([email(job) for job in (4, 5, 6)]) == [SENT] * 3
    assert arrived(right) == once(*range(1, 7))
    assert wrong.messages == []
    assert wrong.connections == before, "it is left alone"


@pytest.mark.parametrize(
    ("end", "answer"),
    [
        (None, None),
        ("what?", None),
        (DOWN, Retry(DOWN, provider=True)),
        ("451 4.3.0 not now", Retry("451 4.3.0 not now")),
    ],
)
def test_what_a_server_may_have_taken_goes_to_no_other(end: str | None, answer: object) -> None:
    """Not even where it says that it has not: the ledger decides when it is tried again."""
    wrong, right = Script({"END": end}), Script()
    with relays(wrong, right) as channel:
        assert channel.send([email(1)]) == [answer]
        assert right.messages == []
        wrong.replies = {}
        assert channel.send([email(2)]) == [SENT]
    assert arrived(wrong, right) == once(1, 2)


def test_a_server_that_dies_over_every_message_is_given_few() -> None:
    wrong = Script({"END": None})
    with relays(wrong) as channel:
        answers = channel.send([email(job) for job in range(10)])
    assert answers[:2] == [None, None]
    assert all(isinstance(answer, Retry) and answer.provider for answer in answers[2:])
    assert arrived(wrong) == once(0, 1)


def test_a_message_that_makes_a_server_hang_up_costs_the_others_nothing() -> None:
    one, two = (Script({"RCPT TO:<kim2@mail.example.com>": None}) for _ in range(2))
    with relays(one, two) as channel:
        answers = channel.send([email(job) for job in (1, 2, 3)])
    assert [answers[0], answers[2]] == [SENT, SENT]
    assert isinstance(answers[1], Retry)
    assert not answers[1].provider
    assert arrived(one, two) == once(1, 3)


def test_where_no_server_is_left_every_message_is_told_why_and_no_attempt_counts() -> None:
    with relays(Script({"GREETING": "421 4.7.0 try again in 20 minutes"}), None, connections=2) as channel:
        answers = channel.send([email(job) for job in range(20)])
    assert all(isinstance(answer, Retry) and answer.provider for answer in answers)
    assert any("20 minutes" in str(answer) for answer in answers) or "refused" in str(answers)


def test_a_server_alone_is_tried_again_at_once() -> None:
    script = Script({"GREETING": [DOWN, "220 hello"]})
    with relays(script) as channel:
        assert channel.send([email(1)]) == [Retry(f"127.0.0.1: {DOWN}", provider=True)]
        assert channel.send([email(1)]) == [SENT]


def test_an_outage_costs_few_connections() -> None:
    script = Script({"MAIL": DOWN})
    with relays(script, connections=4) as channel:
        channel.send([email(job) for job in range(100)])
    assert script.connections <= 4


def test_a_rest_ends_and_lasts_as_long_as_was_asked() -> None:
    now = 0.0
    one, two = Server("one", 25, "none"), Server("two", 25, "none")
    relays = Relays([one, two], lambda: now)

    def chosen() -> set[Server | None]:
        return {relays.choose(set()) for _ in range(4)}

    assert chosen() == {one, two}
    relays.rest(one)
    assert chosen() == {two}
    now = 59
    assert chosen() == {two}
    now = 60
    assert chosen() == {one, two}
    relays.rest(one, timedelta(seconds=300))
    now = 359
    assert chosen() == {two}
    relays.rest(two)
    assert chosen() == {one, two}, "both rest: then either will do"
    assert relays.choose({one}) == two
    assert relays.choose({one, two}) is None


def test_several_urls_are_read_in_one_setting(tmp_path: Path) -> None:
    given = "smtps://a:p%20w@one.example.com smtp://localhost:25?tls=none\n smtps://a:p%20w@one.example.com"
    assert [server.host for server in servers(given)] == ["one.example.com", "localhost"]
    assert isinstance(build_channels(Settings(home=tmp_path, smtp_url=given))["email"], EmailChannel)


@pytest.mark.parametrize(
    "wrong",
    [
        "smtps://one.example.com two.example.com",
        "smtps://u:hidden word@one.example.com",
        "smtps://one.example.com smtp://u:hidden/word@two.example.com",
        "smtps://one.example.com smtp://u:hidden@two.example.com?tls=none",
        "smtps://one.example.com,smtps://u:hidden@two.example.com",
        "smtps://one.example.com ftp://u:hidden@two.example.com",
        "smtps://u:hiddön@two.example.com",
    ],
)
def test_a_url_among_several_that_is_wrong_is_refused_without_repeating_it(
    tmp_path: Path, wrong: str
) -> None:
    with pytest.raises((ConfigurationError, ValueError)) as refused:
        build_channels(Settings(home=tmp_path, smtp_url=wrong))
    assert "write" in str(refused.value) or "must" in str(refused.value)
    assert "hidden" not in str(refused.value)
