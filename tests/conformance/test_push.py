"""What is particular to push messages: tokens of access, what a device is told, and Firebase's errors."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from automation_pipelines.channels.push import PushChannel
from automation_pipelines.errors import ConfigurationError
from automation_pipelines.model import Outcome, Reject, Retry, Sent
from tests.conformance.posts import SECRET
from tests.conformance.push_post import PATH, Google, failure, key_file, note, settings
from tests.loopback import Asked, Loopback, Said, serving
from tests.mailserver import trusted

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


@pytest.fixture
def google() -> Google:
    """What Google knows."""
    return Google()


@pytest.fixture
def server(google: Google, monkeypatch: pytest.MonkeyPatch) -> Iterator[Loopback]:
    """Google, reachable."""
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted()))
    with serving(Loopback(google, tls=True)) as serves:
        yield serves


@pytest.fixture
def channel(server: Loopback) -> Iterator[PushChannel]:
    """The channel on a fixed day."""
    made = PushChannel("push", settings(server.port), lambda: NOW)
    yield made
    made.close()


def says(server: Loopback, path: str, said: Said) -> None:
    """Have Google say this under a path."""

    def instead(asked: Asked) -> Said | None:
        return said if asked.path == path else None

    server.before = instead


def answer(channel: PushChannel) -> Outcome | None:
    """What becomes of one message."""
    [outcome] = channel.send([note(7)])
    return outcome


def test_a_device_is_told_once_however_often_it_is_told(channel: PushChannel, google: Google) -> None:
    assert answer(channel) == Sent("projects/acme-app/messages/1")
    assert google.messages == [
        {
            "token": "device-7",
            "notification": {"title": "Offer 7", "body": "Hello — for you"},
            "data": {"identity": "7.test", "job_id": "7"},
            "android": {"collapse_key": "7.test", "ttl": "86400s", "notification": {"tag": "7.test"}},
            "apns": {
                "headers": {
                    "apns-collapse-id": "7.test",
                    "apns-expiration": str(int((NOW + timedelta(days=1)).timestamp())),
                }
            },
            "webpush": {"headers": {"TTL": "86400"}, "notification": {"tag": "7.test"}},
        }
    ]


def test_a_message_may_be_for_now_or_never(server: Loopback, google: Google) -> None:
    made = PushChannel("push", settings(server.port, hours_kept=0), lambda: NOW)
    assert isinstance(answer(made), Sent)
    made.close()
    [message] = google.messages
    assert message["apns"]["headers"]["apns-expiration"] == "0"  # type: ignore[index]


def test_a_token_of_access_serves_for_many_messages(channel: PushChannel, google: Google) -> None:
    assert all(isinstance(one, Sent) for one in channel.send([note(job) for job in range(50)]))
    assert isinstance(answer(channel), Sent)
    assert google.grants == 1


def test_a_token_that_is_not_taken_any_more_is_replaced(channel: PushChannel, google: Google) -> None:
    answer(channel)
    channel._account._credentials.token = "an old one"
    refused = answer(channel)
    assert isinstance(refused, Retry)
    assert refused.provider
    assert isinstance(answer(channel), Sent)
    assert google.grants == 2


FCM = "Firebase answered"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            failure(404, "NOT_FOUND", "UNREGISTERED"),
            Reject(
                f"{FCM} 404 Not Found UNREGISTERED: the app is no more on this device", suppress="bounced"
            ),
        ),
        (
            failure(
                400, "INVALID_ARGUMENT", "INVALID_ARGUMENT", fieldViolations=[{"field": "message.token"}]
            ),
            Reject(
                f"{FCM} 400 Bad Request INVALID_ARGUMENT: the app is no more on this device",
                suppress="bounced",
            ),
        ),
        (
            failure(400, "INVALID_ARGUMENT", None, fieldViolations=[{"field": "message.android.ttl"}]),
            Reject(f"{FCM} 400 Bad Request INVALID_ARGUMENT"),
        ),
        (
            failure(403, "PERMISSION_DENIED", "SENDER_ID_MISMATCH"),
            Retry(f"{FCM} 403 Forbidden SENDER_ID_MISMATCH", provider=True),
        ),
        (
            failure(401, "UNAUTHENTICATED", "THIRD_PARTY_AUTH_ERROR"),
            Retry(f"{FCM} 401 Unauthorized THIRD_PARTY_AUTH_ERROR", provider=True),
        ),
        (failure(404, "NOT_FOUND"), Retry(f"{FCM} 404 Not Found NOT_FOUND", provider=True)),
        (
            failure(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
            Retry(f"{FCM} 429 Too Many Requests QUOTA_EXCEEDED", timedelta(minutes=1), provider=True),
        ),
        (
            failure(429, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED", violations=[{"subject": "device:1"}]),
            Retry(f"{FCM} 429 Too Many Requests QUOTA_EXCEEDED", timedelta(minutes=1)),
        ),
        (
            failure(503, "UNAVAILABLE", "UNAVAILABLE"),
            Retry(f"{FCM} 503 Service Unavailable UNAVAILABLE", provider=True),
        ),
        (failure(500, "INTERNAL", "INTERNAL"), Retry(f"{FCM} 500 Internal Server Error INTERNAL")),
        (Said(502, "<html>right horse</html>"), Retry(f"{FCM} 502 Bad Gateway", provider=True)),
        (Said(400, ["right horse"]), Reject(f"{FCM} 400 Bad Request")),
        (
            Said(400, {"error": {"details": [1, {"errorCode": SECRET}], "status": 5}}),
            Reject(f"{FCM} 400 Bad Request"),
        ),
        # It says yes, but to what?
        (Said(200, "right horse"), None),
        (Said(200, {"name": 1}), None),
        (Said(200, "[" * 50_000), None),
    ],
)
def test_an_error_says_whose_it_is(
    channel: PushChannel, server: Loopback, said: Said, expected: Outcome | None
) -> None:
    says(server, PATH, said)
    assert answer(channel) == expected


def test_google_may_ask_to_be_left_alone(channel: PushChannel, server: Loopback) -> None:
    refused = failure(503, "UNAVAILABLE", "UNAVAILABLE")
    says(server, PATH, Said(503, refused.content, {"Retry-After": "300"}))
    told = answer(channel)
    assert isinstance(told, Retry)
    assert told.after == timedelta(minutes=5)


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (
            Said(400, {"error": "invalid_grant", "error_description": SECRET}),
            "no token of Google: invalid_grant",
        ),
        (Said(401, SECRET), "no token of Google: refused"),
        (Said(503, SECRET), "no token of Google: 503 Service Unavailable"),
        (Said(200, {"token": SECRET}), "no token of Google: refused"),
        (
            Said(200, {"access_token": "x", "expires_in": SECRET}),
            "no token of Google: its answer cannot be read",
        ),
        (Said(200, SECRET), "no token of Google: its answer cannot be read"),
    ],
)
def test_without_a_token_all_wait_and_no_attempt_is_lost(
    channel: PushChannel, server: Loopback, google: Google, said: Said, error: str
) -> None:
    says(server, "/token", said)
    answers = channel.send([note(1), note(2)])
    assert answers == [Retry(error, provider=True)] * 2
    assert google.messages == []
    assert len(server.log) == 1


def test_a_key_may_be_in_a_file(server: Loopback, tmp_path: Path) -> None:
    path = tmp_path / "key.json"
    path.write_text(key_file(server.port))
    made = PushChannel("push", settings(server.port, credentials=SecretStr(str(path))), lambda: NOW)
    assert isinstance(answer(made), Sent)
    made.close()


@pytest.mark.parametrize(
    "key",
    [
        *("nowhere.json", "{", "{}", '["hidden"]', "", '{"project_id": "x", "private_key": "hidden"}'),
        json.dumps({**json.loads(key_file(1)), "private_key": "hidden"}),
        json.dumps({name: value for name, value in json.loads(key_file(1)).items() if name != "project_id"}),
    ],
)
def test_a_key_that_is_none_is_refused_and_not_repeated(key: str) -> None:
    with pytest.raises(ConfigurationError, match="AUTOMATION_PUSH__CREDENTIALS") as refused:
        PushChannel("push", settings(1, credentials=SecretStr(key)), lambda: NOW)
    assert "hidden" not in str(refused.value)
