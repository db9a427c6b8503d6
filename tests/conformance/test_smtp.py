"""What is particular to SMTP: addresses, certificates, connections, and what replies mean."""

import smtplib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from automation_pipelines.channels.email import EmailChannel
from automation_pipelines.channels.smtp import Server, outcome_of
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Reject, Retry, Sent
from tests.conformance.posts import email
from tests.mailserver import Behaviour, free_port, mail_server, trusted


@pytest.mark.parametrize(
    ("code", "reply", "expected"),
    [
        (250, "2.0.0 Ok: queued as 4A1B2C3D", Sent("4A1B2C3D")),
        (250, "OK id=1sAbC2-0001Ab-XY", Sent("1sAbC2-0001Ab-XY")),
        (250, "fine", Sent(None)),
        (450, "4.0.0 Temporary failure", Retry("450 4.0.0 Temporary failure")),
        (426, "connection timed out", Retry("426 connection timed out")),
        (550, "5.1.1 No such user", Reject("550 5.1.1 No such user", "bounced")),
        (552, "5.3.4 Message too large", Reject("552 5.3.4 Message too large")),
        (
            554,
            "Blocked, see https://example.com/?ip=192.0.2.1",
            Reject("554 Blocked, see https://example.com/?ip=192.0.2.1"),
        ),
        # The enhanced code says it more exactly than the reply code.
        (550, "4.2.1 Mailbox busy", Retry("550 4.2.1 Mailbox busy")),
        (450, "5.1.1 No such user", Reject("450 5.1.1 No such user", "bounced")),
        (550, "2.0.0 nonsense", Reject("550 2.0.0 nonsense")),
        (550, "5.1.1.1 is no enhanced code", Reject("550 5.1.1.1 is no enhanced code")),
    ],
)
def test_replies_mean_sent_retry_or_reject(code: int, reply: str, expected: object) -> None:
    assert outcome_of(code, reply.encode()) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example.com", Server("mail.example.com", 587, "starttls")),
        ("smtp://localhost:2525?tls=none", Server("localhost", 2525, "none")),
        ("smtps://mail.example.com", Server("mail.example.com", 465, "implicit")),
        ("smtp://a%40b:p%2Fq@mail.example.com:25", Server("mail.example.com", 25, "starttls", "a@b", "p/q")),
    ],
)
def test_urls_are_read(url: str, expected: Server) -> None:
    assert Server.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.com",
        "http://mail.example.com",
        "smtp://u:hidden@mail.example.com:port",
        "smtp://u:hidden@mail.example.com?tls=maybe",
        "smtp://u:hidden@mail.example.com?tls=none",
    ],
)
def test_a_wrong_url_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        EmailChannel(url)
    assert "hidden" not in str(refused.value)


def test_a_server_never_shows_its_password() -> None:
    assert "hidden" not in repr(Server.parse("smtps://u:hidden@mail.example.com"))


@pytest.fixture
def behaviour() -> Behaviour:
    """What the server does."""
    return Behaviour()


@pytest.fixture
def plain(behaviour: Behaviour) -> Iterator[EmailChannel]:
    """A channel to a server without TLS."""
    with mail_server(behaviour) as port:
        channel = EmailChannel(f"smtp://127.0.0.1:{port}?tls=none", connections=4)
        yield channel
        channel.close()


def test_many_messages_share_few_connections(behaviour: Behaviour, plain: EmailChannel) -> None:
    jobs = range(1, 101)
    answers = plain.send([email(job) for job in jobs])
    assert answers == [Sent("ABC123")] * 100
    assert behaviour.jobs == {str(job): 1 for job in jobs}
    assert len(behaviour.sessions) <= 4


def test_a_message_arrives_as_it_was_made(behaviour: Behaviour, plain: EmailChannel) -> None:
    plain.send([email(1)])
    [message] = behaviour.log
    assert behaviour.envelopes == [("hello@acme.example.com", "kim1@mail.example.com")]
    assert message["Message-ID"] == "<1.test@acme.example.com>"
    part = message.get_body(("plain",))
    assert part is not None
    assert part.get_content().replace("\r\n", "\n") == "Hello\n.\n..\n"


def test_a_refused_recipient_leaves_the_connection_fit_for_the_next(
    behaviour: Behaviour, plain: EmailChannel
) -> None:
    behaviour.recipient = "550 5.1.1 no such user"
    assert isinstance(plain.send([email(1)])[0], Reject)
    behaviour.recipient = "250 OK"
    assert isinstance(plain.send([email(2)])[0], Sent)
    assert behaviour.jobs == {"2": 1}


def test_an_international_address_needs_a_server_that_takes_it(
    behaviour: Behaviour, plain: EmailChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    international = email(1)
    object.__setattr__(international, "recipient", "jösé@mail.example.com")
    assert isinstance(plain.send([international])[0], Sent)
    assert behaviour.envelopes[0][1] == "jösé@mail.example.com"
    monkeypatch.setattr("smtplib.SMTP.has_extn", lambda *_: False)
    assert isinstance(plain.send([international])[0], Reject)


def test_nobody_listening_is_retried() -> None:
    channel = EmailChannel(f"smtp://127.0.0.1:{free_port()}?tls=none")
    [answer] = channel.send([email(1)])
    assert isinstance(answer, Retry)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_that_cannot_be_verified_is_refused(behaviour: Behaviour, tls: str) -> None:
    with mail_server(behaviour, tls=tls) as port:
        scheme = "smtps" if tls == "implicit" else "smtp"
        [answer] = EmailChannel(f"{scheme}://localhost:{port}").send([email(1)])
    assert isinstance(answer, Retry)
    assert "CERTIFICATE_VERIFY_FAILED" in answer.error
    assert behaviour.log == []


def test_a_server_without_starttls_gets_nothing(behaviour: Behaviour) -> None:
    with mail_server(behaviour) as port:
        [answer] = EmailChannel(f"smtp://127.0.0.1:{port}").send([email(1)])
    assert isinstance(answer, Retry)
    assert "STARTTLS" in answer.error
    assert behaviour.log == []


def test_a_wrong_password_is_retried_and_not_told(
    behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted()))
    with mail_server(behaviour, tls="starttls", auth=True) as port:
        [answer] = EmailChannel(f"smtp://someone:wronghorse@localhost:{port}").send([email(1)])
    assert isinstance(answer, Retry)
    assert "535" in answer.error
    assert "wronghorse" not in answer.error


def test_secrets_repeated_by_a_server_are_taken_out() -> None:
    server = Server.parse("smtps://user:wronghorse@mail.example.com")
    told = b"AHVzZXIAd3Jvbmdob3JzZQ== or d3Jvbmdob3JzZQ== or wronghorse"
    assert server.explain(smtplib.SMTPAuthenticationError(535, told)) == "535 *** or *** or ***"


def test_copies_are_recipients_of_the_same_message_and_refused_ones_are_left_out(
    behaviour: Behaviour, plain: EmailChannel
) -> None:
    copies = ("boss@acme.example.com", "gone@acme.example.com", "last@acme.example.com")
    copied = replace(email(1), copies=copies)
    behaviour.refused = frozenset({"gone@acme.example.com"})
    assert isinstance(plain.send([copied])[0], Sent)
    assert behaviour.envelopes == [("hello@acme.example.com", "kim1@mail.example.com")]
    assert behaviour.copies == [["boss@acme.example.com", "last@acme.example.com"]]


def test_a_refused_recipient_is_refused_whoever_the_copies_are_for(
    behaviour: Behaviour, plain: EmailChannel
) -> None:
    copied = replace(email(1), copies=("boss@acme.example.com",))
    behaviour.refused = frozenset({"kim1@mail.example.com"})
    assert isinstance(plain.send([copied])[0], Reject)
    assert behaviour.log == []
    behaviour.refused = frozenset()
    assert isinstance(plain.send([copied])[0], Sent)


def test_a_copy_for_an_international_address_does_not_hold_the_message_up(
    behaviour: Behaviour, plain: EmailChannel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("smtplib.SMTP.has_extn", lambda *_: False)
    assert isinstance(plain.send([replace(email(1), copies=("jösé@mail.example.com",))])[0], Sent)
    assert behaviour.copies == [[]]
