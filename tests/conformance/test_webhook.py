"""What is particular to webhooks: signatures, addresses, redirects, and receivers that mean harm."""

import base64
import logging
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from standardwebhooks import Webhook as StandardWebhook

from automation_pipelines.channels.webhook import OURS, WebhookChannel
from automation_pipelines.model import Call, Outcome, Reject, Retry, Sent
from tests.conformance.posts import SECRET
from tests.conformance.webhook_post import SIGNED_WITH, Receiver, call, settings
from tests.loopback import Loopback, Said, serving
from tests.mailserver import trusted

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
OTHER_SECRET = "whsec_" + base64.b64encode(b"another one to sign with, later").decode()


@pytest.fixture(autouse=True)
def _trust(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted()))


@pytest.fixture
def receiver() -> Iterator[Loopback]:
    """Takes whatever comes, over TLS."""
    with serving(Loopback(lambda _: Said(204), tls=True)) as server:
        yield server


def channel(**more: object) -> WebhookChannel:
    """The channel, on a fixed day."""
    return WebhookChannel("webhook", settings(**more), lambda: NOW)


def send(made: WebhookChannel, *calls: Call) -> list[Outcome | None]:
    """Send, and close."""
    try:
        return made.send(calls)
    finally:
        made.close()


def to(server: Loopback, path: str = "/hook") -> str:
    """An address of a server."""
    return f"https://localhost:{server.port}{path}"


def names_lead_to(
    monkeypatch: pytest.MonkeyPatch, *answers: list[str], found: Callable[[str], None] = lambda _: None
) -> None:
    """Have names lead to these addresses: the first answer at first, the last one for ever."""
    left = list(answers)
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *_: Any, **__: Any) -> list[Any]:
        found(host)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        kind = socket.SOCK_STREAM
        return [real(one, port, type=kind, flags=socket.AI_NUMERICHOST)[0] for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_a_call_says_who_makes_it_and_when_and_its_repeats_say_the_same_name(receiver: Loopback) -> None:
    rotating = channel(secret=f"{SIGNED_WITH} {OTHER_SECRET}")
    first = call(to(receiver, "/hook?key=x"))
    assert send(rotating, first, first) == [Sent(), Sent()]
    asked, repeated = receiver.log
    assert asked.headers["webhook-id"] == repeated.headers["webhook-id"] == "1.test"
    assert asked.headers["idempotency-key"] == "1.test"
    assert asked.headers["webhook-timestamp"] == str(int(NOW.timestamp()))
    expected = [
        StandardWebhook(one).sign("1.test", NOW, asked.body.decode()) for one in (SIGNED_WITH, OTHER_SECRET)
    ]
    assert asked.headers["webhook-signature"].split() == expected


def test_a_host_may_have_a_secret_that_no_other_receiver_knows(receiver: Loopback) -> None:
    made = channel(secret=f"{SIGNED_WITH} localhost={OTHER_SECRET}")
    elsewhere = call(to(receiver).replace("localhost", "127.0.0.1"))
    assert send(made, call(to(receiver)), elsewhere) == [Sent(), Sent()]
    signed_with = {
        asked.headers["host"].partition(":")[0]: [
            secret
            for secret in (SIGNED_WITH, OTHER_SECRET)
            if StandardWebhook(secret).sign("1.test", NOW, asked.body.decode())
            in asked.headers["webhook-signature"].split()
        ]
        for asked in receiver.log
    }
    assert signed_with == {"localhost": [OTHER_SECRET], "127.0.0.1": [SIGNED_WITH]}


def test_without_a_secret_calls_are_named_and_not_signed(receiver: Loopback) -> None:
    assert send(channel(secret=None), call(to(receiver))) == [Sent()]
    [asked] = receiver.log
    assert asked.headers["webhook-id"] == "1.test"
    assert "webhook-signature" not in asked.headers


def test_a_request_arrives_as_the_campaign_wrote_it(receiver: Loopback) -> None:
    headers = {
        "Authorization": "Bearer x",
        "X-Origin": " Café Zoë ",
        "Content-Type": "application/vnd.acme+json",
    }
    body = {"a": None, "b": 1.5, "c": ["ü", {"d": True}], "e": "\ud800"}
    made = Call(1, 1, "1.test", "PUT", to(receiver, "/a%20b/ü?q=1&r=%2F"), headers, body)
    assert send(channel(), made) == [Sent()]
    [asked] = receiver.log
    assert (asked.method, asked.path, asked.query) == ("PUT", "/a b/ü", {"q": ["1"], "r": ["/"]})
    assert asked.json == body
    assert asked.headers["authorization"] == "Bearer x"
    assert asked.headers["x-origin"].encode("latin-1").decode() == "Café Zoë"
    assert asked.headers["content-type"] == "application/vnd.acme+json"
    assert asked.headers["host"] == f"localhost:{receiver.port}"


@pytest.mark.parametrize("name", sorted(OURS))
def test_headers_that_vouch_for_the_call_are_not_a_campaigns(receiver: Loopback, name: str) -> None:
    [answer] = send(channel(), replace(call(to(receiver)), headers={name.title(): "x"}))
    assert isinstance(answer, Reject)
    assert name in answer.error
    assert receiver.log == []


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({"X-Ä": "x"}, {}),
        ({"X Y": "x"}, {}),
        ({"X": "a\r\nb: c"}, {}),
        ({}, {"x": float("nan")}),
        ({}, {"x": NOW}),
    ],
)
def test_what_makes_no_request_is_refused_and_the_others_go_out(
    receiver: Loopback, headers: dict[str, str], body: dict[str, object]
) -> None:
    good = call(to(receiver))
    answers = send(channel(), replace(good, headers=headers, body=body), good)
    assert [type(answer) for answer in answers] == [Reject, Sent]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *((status, Sent) for status in (200, 201, 202, 204, 299)),
        *((status, Retry) for status in (408, 425, 429, 500, 501, 502, 503, 504, 599)),
        *(
            (status, Reject)
            for status in (300, 301, 302, 304, 307, 308, 400, 401, 403, 404, 409, 410, 422, 451)
        ),
    ],
)
def test_a_status_says_what_became_of_a_call(receiver: Loopback, status: int, expected: type) -> None:
    receiver.answer = lambda _: Said(status)
    [answer] = send(channel(), call(to(receiver)))
    assert isinstance(answer, expected)


@pytest.mark.parametrize(
    ("asked", "after"),
    [
        ("120", timedelta(minutes=2)),
        ("Fri, 20 Nov 2020 12:00:00 GMT", timedelta(0)),
        ("soon", None),
    ],
)
def test_a_receiver_may_ask_to_be_left_alone(receiver: Loopback, asked: str, after: timedelta | None) -> None:
    receiver.answer = lambda _: Said(503, None, {"Retry-After": asked})
    [answer] = send(channel(), call(to(receiver)))
    assert isinstance(answer, Retry)
    assert answer.after == after


@pytest.mark.parametrize(
    ("status", "provider"), [(408, False), (429, True), (500, False), (502, True), (503, True), (504, True)]
)
def test_a_receiver_in_trouble_is_told_from_a_call_that_is(
    receiver: Loopback, status: int, provider: bool
) -> None:
    receiver.answer = lambda _: Said(status)
    [answer] = send(channel(), call(to(receiver)))
    assert isinstance(answer, Retry)
    assert answer.provider is provider


def test_a_receiver_that_hangs_does_not_keep_others_waiting(receiver: Loopback) -> None:
    hanging = Loopback(lambda _: Said(200), tls=True, slow=3)
    with serving(hanging):
        made = channel(connections=2)
        answers = send(made, *(call(to(hanging)) for _ in range(60)), call(to(receiver)))
        assert all(isinstance(answer, Retry) and answer.provider for answer in answers[:-1])
        assert answers[-1] == Sent()
        assert len(hanging.log) <= 4
        hanging.slow = 0
        assert send(made, call(to(hanging))) == [Sent()]


def test_a_redirect_is_not_followed_and_only_its_host_is_told(receiver: Loopback) -> None:
    elsewhere = Loopback(lambda _: Said(200), tls=True)
    with serving(elsewhere):
        leads = f"https://localhost:{elsewhere.port}/{SECRET}?key={SECRET}".replace(" ", "%20")
        receiver.answer = lambda _: Said(307, None, {"Location": leads})
        [answer] = send(channel(), call(to(receiver)))
    assert isinstance(answer, Reject)
    assert "307 Temporary Redirect and points to localhost:" in answer.error
    assert "right" not in answer.error
    assert elsewhere.log == []


@pytest.mark.parametrize("leads", ["/elsewhere", "", "https://[", "\x80\xff", "//"])
def test_a_redirect_to_nowhere_is_refused_as_well(receiver: Loopback, leads: str) -> None:
    receiver.answer = lambda _: Said(302, None, {"Location": leads})
    assert isinstance(send(channel(), call(to(receiver)))[0], Reject)


@pytest.mark.parametrize(
    "addresses",
    [["169.254.169.254"], ["10.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["93.184.215.14", "127.0.0.1"]],
)
def test_a_name_that_leads_to_what_is_not_public_is_not_called(
    receiver: Loopback, monkeypatch: pytest.MonkeyPatch, addresses: list[str]
) -> None:
    names_lead_to(monkeypatch, addresses)
    made = call(f"https://169.254.169.254.nip.io:{receiver.port}/hook")
    [answer] = send(channel(allowed_networks="192.168.9.9"), made)
    assert isinstance(answer, Reject)
    assert addresses[-1] in answer.error
    assert receiver.log == []


def test_the_address_that_was_checked_is_the_one_that_is_called(
    receiver: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    names_lead_to(monkeypatch, ["127.0.0.1"], ["127.0.0.2"], found=asked.append)
    [answer] = send(channel(allowed_networks="127.0.0.1"), call(to(receiver)))
    assert answer == Sent()
    assert asked == ["localhost"]
    [answer] = send(channel(allowed_networks="127.0.0.1"), call(to(receiver)))
    assert isinstance(answer, Reject)
    assert len(receiver.log) == 1


def test_an_address_that_does_not_answer_leaves_time_for_the_next(
    receiver: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    names_lead_to(monkeypatch, ["127.0.0.3", "127.0.0.1"])
    assert send(channel(), call(to(receiver))) == [Sent()]


def test_a_name_that_is_not_known_today_may_be_tomorrow(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    [answer] = send(channel(), call("https://hooks.example.com/"))
    assert isinstance(answer, Retry)
    assert answer.error.startswith("hooks.example.com: no connection")


@pytest.mark.parametrize(
    "url", ["https://10.0.0.1/x", "file:///etc/passwd", "http://localhost/", "https://u:p@h.example/"]
)
def test_an_address_that_cannot_be_allowed_is_not_looked_up(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("was looked up"))
    assert isinstance(send(channel(), call(url))[0], Reject)


def test_a_certificate_for_another_name_or_of_nobody_is_refused(
    receiver: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    names_lead_to(monkeypatch, ["127.0.0.1"])
    [answer] = send(channel(), call(f"https://other.example:{receiver.port}/"))
    assert isinstance(answer, Retry)
    assert "CERTIFICATE_VERIFY_FAILED" in answer.error
    assert receiver.log == []


def test_the_environments_proxies_are_not_used(receiver: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert send(channel(), call(to(receiver))) == [Sent()]


def test_nothing_of_one_call_is_remembered_for_the_next(receiver: Loopback) -> None:
    receiver.answer = lambda _: Said(200, None, {"Set-Cookie": "a=b; Path=/"})
    made = channel()
    made.send([call(to(receiver))])
    send(made, call(to(receiver), 2))
    assert ["cookie" in asked.headers for asked in receiver.log] == [False, False]


def test_many_calls_are_made_over_a_few_connections() -> None:
    receiver = Receiver()
    with serving(Loopback(receiver, tls=True)) as server:
        made = WebhookChannel("webhook", settings(connections=4), lambda: datetime.now(UTC))
        answers = send(made, *(call(to(server), job) for job in range(1, 101)))
    assert answers == [Sent()] * 100
    assert receiver.jobs == dict.fromkeys(range(1, 101), 1)


@pytest.mark.parametrize(
    "said",
    [
        Said(400, SECRET),
        Said(500, {"x": SECRET}),
        Said(302, None, {"Location": f"/{SECRET}"}),
        Said(raw=b"right horse"),
    ],
)
def test_no_secret_is_told_whatever_the_receiver_says(
    receiver: Loopback, caplog: pytest.LogCaptureFixture, said: Said
) -> None:
    caplog.set_level(logging.DEBUG)
    receiver.answer = lambda _: said
    secretive = call(to(receiver, "/right-horse?key=right-horse#right-horse"))
    [answer] = send(channel(), secretive)
    assert isinstance(answer, Retry | Reject)
    for told in (answer.error, caplog.text if said.raw is None and not said.headers else ""):
        assert not any(secret in told for secret in (SECRET, "right-horse", SIGNED_WITH[6:]))


@contextmanager
def speaking(lines: Callable[[], Iterator[bytes]]) -> Iterator[int]:
    """Listen, and say to whoever comes what there is to say, in the clear."""

    def serve(listening: socket.socket) -> None:
        while True:
            try:
                came, _ = listening.accept()
            except OSError:
                return
            with came:
                came.recv(65536)
                try:
                    for line in lines():
                        came.sendall(line)
                except OSError:
                    pass

    with socket.create_server(("127.0.0.1", 0)) as listening:
        Thread(target=serve, args=(listening,), daemon=True).start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def dripping(beginning: bytes, drop: bytes) -> Callable[[], Iterator[bytes]]:
    """Say something, and then the same bit for ever, slowly."""

    def lines() -> Iterator[bytes]:
        yield beginning
        while True:
            time.sleep(0.05)
            yield drop

    return lines


@pytest.mark.parametrize(
    ("beginning", "drop", "expected"),
    [
        (b"", b"H", Retry),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n", Retry),
        (b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", Retry),
        # What became of the call is said already.
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x", Sent),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n", Sent),
        (b"HTTP/1.1 410 Gone\r\nContent-Length: 100000\r\n\r\n", b"x", Reject),
    ],
)
def test_a_receiver_that_never_ends_is_left_in_time(beginning: bytes, drop: bytes, expected: type) -> None:
    with speaking(dripping(beginning, drop)) as port:
        made = call(f"http://127.0.0.1:{port}/")
        assert isinstance(send(channel(allow_http=True), made)[0], expected)


def test_an_endless_answer_is_cut() -> None:
    sent = 0

    def endless() -> Iterator[bytes]:
        nonlocal sent
        yield b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
        while True:
            sent += 65536
            yield b"x" * 65536

    with speaking(endless) as port:
        quick = channel(allow_http=True, timeout_seconds=60)
        assert send(quick, call(f"http://127.0.0.1:{port}/")) == [Sent()]
    assert sent < 50_000_000
