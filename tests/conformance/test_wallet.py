"""What is particular to wallet passes: what the company's service is asked, and what its answers mean."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from automation_pipelines.channels.wallet import WalletChannel
from automation_pipelines.model import Outcome, Reject, Retry, Sent
from tests.conformance.wallet_post import Service, note, settings
from tests.loopback import Loopback, Said, serving
from tests.mailserver import trusted


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """The company's service."""
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted()))
    with serving(Loopback(Service(), tls=True)) as server:
        yield server


def send(service: Loopback) -> Outcome | None:
    """Send one message to a pass."""
    channel = WalletChannel("wallet", settings(service.port), lambda: datetime.now(UTC))
    [answer] = channel.send([note(7)])
    channel.close()
    return answer


def test_the_service_is_told_the_pass_and_what_it_is_to_say(service: Loopback) -> None:
    assert send(service) == Sent()
    [asked] = service.log
    assert (asked.method, asked.path) == ("POST", "/passes")
    assert asked.json == {
        "id": "7.test",
        "tenant": 1,
        "pass": "pass right horse 7",
        "title": "Offer 7",
        "message": "Hello — for you",
    }


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (201, Sent()),
        (400, Reject("the wallet service answered 400 Bad Request")),
        (404, Reject("the wallet service answered 404 Not Found")),
        (410, Reject("the wallet service answered 410 Gone: the pass is no more", suppress="bounced")),
        (500, Retry("the wallet service answered 500 Internal Server Error")),
        # Not this pass is the trouble, and the next would fare no better.
        (401, Retry("the wallet service answered 401 Unauthorized", provider=True)),
        (403, Retry("the wallet service answered 403 Forbidden", provider=True)),
        (429, Retry("the wallet service answered 429 Too Many Requests", provider=True)),
        (503, Retry("the wallet service answered 503 Service Unavailable", provider=True)),
    ],
)
def test_its_status_says_what_became_of_the_message(
    service: Loopback, status: int, expected: Outcome
) -> None:
    service.answer = lambda _: Said(status, {"pass": "right horse"})
    assert send(service) == expected


def test_it_may_ask_to_be_left_alone(service: Loopback) -> None:
    service.answer = lambda _: Said(503, None, {"Retry-After": "90"})
    answer = send(service)
    assert isinstance(answer, Retry)
    assert answer.after == timedelta(seconds=90)


def test_a_service_that_is_not_there_is_no_fault_of_the_message(service: Loopback) -> None:
    service.stop()
    answer = send(service)
    assert isinstance(answer, Retry)
    assert answer.provider


@pytest.mark.parametrize(
    "url", ["wallet.example.com", "https://u:p@wallet.example.com/", "https://w.example/ x"]
)
def test_an_address_that_cannot_be_called_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="url") as refused:
        settings(1, url=url)
    assert url not in str(refused.value)
