"""Messages one after the other over one connection, with PIPELINING and without: who gets what."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.smtp import session
from automation_pipelines.model import Email, Reject, Retry, Sent
from tests.conformance.posts import email
from tests.mailserver import Script, scripted

SENT = Sent("ABC123")
GONE = Reject("550 5.1.1 no such user", "bounced")


def mail(job: int) -> Email:
    made = email(job)
    assert isinstance(made, Email)
    return made


def to(job: int) -> str:
    return f"RCPT TO:<kim{job}@mail.example.com>"


def addresses(*jobs: int) -> list[str]:
    return [f"kim{job}@mail.example.com" for job in jobs]


@pytest.fixture(params=[("PIPELINING", "8BITMIME"), ("8BITMIME",)], ids=["pipelined", "in turn"])
def script(request: pytest.FixtureRequest) -> Script:
    """What the server says; it announces PIPELINING or not."""
    return Script(features=request.param)


@pytest.fixture
def channel(script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmailChannel]:
    """A channel with one connection."""
    monkeypatch.setattr(session, "_TIMEOUT", 5)
    monkeypatch.setattr(session, "_LAST_TIMEOUT", 5)
    with scripted(script) as port:
        made = EmailChannel(f"smtp://127.0.0.1:{port}?tls=none", connections=1)
        yield made
        made.close()


def test_all_messages_go_over_one_connection_and_arrive_as_they_are(
    script: Script, channel: EmailChannel
) -> None:
    mails = [mail(job) for job in range(20)]
    assert channel.send(mails) == [SENT] * 20
    assert script.messages == [([one.recipient], one.content) for one in mails]
    assert script.connections == 1


def test_content_leaves_with_the_next_envelope_only_where_that_was_announced(
    script: Script, channel: EmailChannel
) -> None:
    channel.send([mail(1), mail(2)])
    envelope = ["MAIL", "RCPT", "DATA"]
    together = [["EHLO"], envelope, ["CONTENT", *envelope], ["CONTENT"]]
    apart = [["EHLO"], *[["MAIL"], ["RCPT"], ["DATA"], ["CONTENT"]] * 2]
    assert script.groups == (together if "PIPELINING" in script.features else apart)


@pytest.mark.parametrize("refused", ["first", "middle", "last", "all"])
@pytest.mark.parametrize("data", ["554 5.5.1 no valid recipients", "354 go on"])
def test_a_refused_recipient_gets_nothing_and_the_others_get_theirs(
    script: Script, channel: EmailChannel, refused: str, data: str
) -> None:
    gone = {"first": [1], "middle": [2], "last": [3], "all": [1, 2, 3]}[refused]
    script.replies |= {to(job): "550 5.1.1 no such user" for job in gone}
    if refused == "all" or data.startswith("354"):
        script.replies["DATA"] = data
    answers = channel.send([mail(job) for job in (1, 2, 3)])
    left = [job for job in (1, 2, 3) if job not in gone]
    wanted = [GONE if job in gone else SENT for job in (1, 2, 3)]
    assert answers == wanted
    assert script.recipients == addresses(*left)
    assert [content for recipients, content in script.messages if not recipients and content] == []
    assert script.connections == 1


def test_a_message_that_was_refused_leaves_nothing_behind_for_the_next(
    script: Script, channel: EmailChannel
) -> None:
    script.replies["DATA"] = ["451 4.3.0 not now", "354 go on"]
    assert channel.send([mail(1), mail(2)]) == [Retry("451 4.3.0 not now"), SENT]
    assert script.recipients == addresses(2)
    assert "RSET" in script.commands


@pytest.mark.parametrize("known", ["250 2.1.5 OK", "550 5.1.1 no such user"])
def test_a_refused_sender_sends_nothing_even_where_the_server_goes_on(
    script: Script, channel: EmailChannel, known: str
) -> None:
    script.replies |= {"MAIL": ["550 5.1.8 who?", "250 OK"], to(1): known}
    assert channel.send([mail(1), mail(2)]) == [Reject("550 5.1.8 who?"), SENT]
    assert [(who, content) for who, content in script.messages if content or who] == [
        (addresses(2), mail(2).content)
    ]


def test_answers_at_the_end_belong_to_their_messages(script: Script, channel: EmailChannel) -> None:
    script.replies["END"] = ["250 2.0.0 queued as AAAA1", "550 5.7.1 spam", "452 4.2.2 full", "250 id=BBBB2"]
    assert channel.send([mail(job) for job in range(4)]) == [
        Sent("AAAA1"),
        Reject("550 5.7.1 spam"),
        Retry("452 4.2.2 full"),
        Sent("BBBB2"),
    ]


@pytest.mark.parametrize(
    "case",
    [
        ("MAIL", None, SENT, 1),
        (to(2), None, Retry, 0),
        ("DATA", None, SENT, 1),
        ("END", None, type(None), 1),
        ("END", "what?", type(None), 1),
        ("END", "354 go on", type(None), 1),
        ("END", "421 4.3.2 going down", Retry, 1),
        ("MAIL", "421 4.7.0 too many messages", SENT, 1),
        ("MAIL", "what?", SENT, 1),
        ("DATA", "250 strange", SENT, 1),
    ],
)
def test_a_connection_lost_in_the_middle_costs_only_what_may_have_been_taken(
    script: Script, channel: EmailChannel, case: tuple[str, str | None, object, int]
) -> None:
    """The second message of four meets it; nothing else is lost or repeated."""
    where, said, wanted, arrived = case
    usual = {"MAIL": "250 OK", "DATA": "354 go on", "END": "250 queued as ABC123"}
    ok = usual.get(where)
    script.replies[where] = said if ok is None else [ok, said, ok]
    answers = channel.send([mail(job) for job in (1, 2, 3, 4)])
    second = answers[1]
    assert second == wanted or (isinstance(wanted, type) and isinstance(second, wanted))
    assert [answers[0], *answers[2:]] == [SENT] * 3
    assert sorted(script.recipients) == sorted(addresses(1, 3, 4) + addresses(2) * arrived)


def test_a_connection_lost_before_the_end_of_a_message_is_no_doubt(
    script: Script, channel: EmailChannel
) -> None:
    """The server hangs up while it is told a message that fits no buffer."""
    script.replies["BODY"] = None
    long = replace(mail(1), content=mail(1).content + b"x" * 70 + b"\r\n" + b"y\r\n" * 10_000_000)
    [answer] = channel.send([long])
    assert isinstance(answer, Retry)
    assert script.messages == []


def test_a_refused_recipient_is_refused_though_the_copies_are_not(
    script: Script, channel: EmailChannel
) -> None:
    script.replies[to(1)] = "550 5.1.1 no such user"
    copied = [replace(mail(job), copies=("boss@acme.example.com",)) for job in (1, 2)]
    assert channel.send(copied) == [GONE, SENT]
    assert script.messages == [([*addresses(2), "boss@acme.example.com"], copied[1].content)]


def test_a_copy_that_is_refused_is_left_out(script: Script, channel: EmailChannel) -> None:
    script.replies["RCPT TO:<gone@acme.example.com>"] = "550 5.1.1 no such user"
    copies = ("gone@acme.example.com", "boss@acme.example.com")
    assert channel.send([replace(mail(1), copies=copies), mail(2)]) == [SENT, SENT]
    assert script.recipients == [*addresses(1), "boss@acme.example.com", *addresses(2)]


def test_the_size_is_told_where_the_server_asks_for_it(script: Script, channel: EmailChannel) -> None:
    script.features = (*script.features, "SIZE 1000000")
    channel.send([mail(1)])
    assert f"MAIL FROM:<hello@acme.example.com> SIZE={len(mail(1).content)}" in script.commands


def test_an_idle_connection_the_server_has_closed_is_replaced_at_once(
    script: Script, channel: EmailChannel
) -> None:
    script.replies["MAIL"] = ["250 OK", None, "250 OK"]
    assert channel.send([mail(1)]) == [SENT]
    assert channel.send([mail(2)]) == [SENT]
    assert (script.recipients, script.connections) == (addresses(1, 2), 2)


@pytest.mark.parametrize("address", ["a@b.example.com>\r\nRSET", "<a@b.example.com", "a\0@b.example.com"])
def test_an_address_that_would_be_more_than_an_address_is_refused(
    script: Script, channel: EmailChannel, address: str
) -> None:
    odd = replace(mail(1), recipient=address)
    [answer, other] = channel.send([odd, mail(2)])
    assert isinstance(answer, Reject)
    assert other == SENT
    assert script.recipients == addresses(2)


@pytest.mark.parametrize(
    ("content", "arrives"),
    [
        (b"A: b\r\n\r\n.\r\n..\r\n.x\r\n", b"A: b\r\n\r\n.\r\n..\r\n.x\r\n"),
        (b".A: b\r\n\r\nend without a line end", b".A: b\r\n\r\nend without a line end\r\n"),
    ],
)
def test_lines_that_begin_with_a_dot_arrive(
    script: Script, channel: EmailChannel, content: bytes, arrives: bytes
) -> None:
    assert channel.send([replace(mail(1), content=content)]) == [SENT]
    assert script.messages == [(addresses(1), arrives)]
