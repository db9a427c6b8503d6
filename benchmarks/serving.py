"""How much `automation serve` stands, and how long it takes then: `python -m benchmarks.serving`.

Every request is one that nobody has made before, so each becomes a row, on disk before it is answered. Beside
it a bare FastAPI application that says hello and stores nothing, under the same server: what nothing could
beat.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.request import urlopen

import click
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from fastapi import FastAPI

from automation_pipelines.campaign import Tracking
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import events
from automation_pipelines.messages.optout import Site
from automation_pipelines.messages.tokens import Claim, LinkKeys
from automation_pipelines.messages.tracking import Trace, tracker_of
from benchmarks.__main__ import _setting
from benchmarks.crowd import Answers, ask
from benchmarks.harness import AS_OF

SECRET = "b" * 40
URL = "https://mail.example.org"
_WARM_UP = 1.0
BATCH = 20
"""Events in one post of a provider."""
_FORM = "application/x-www-form-urlencoded"
_KEY = ec.generate_private_key(ec.SECP256R1())
_SERVE = "from automation_pipelines.cli.main import main; main()"
_HELLO = (
    "import uvicorn; uvicorn.run('benchmarks.serving:hello', factory=True, port={port}, "
    "log_level='warning', access_log=False, workers={workers})"
)


def hello() -> FastAPI:
    """The least that there is."""
    app = FastAPI()

    @app.get("/health")
    async def greet() -> dict[str, str]:
        return {"hello": "world"}

    return app


@dataclass(frozen=True, slots=True)
class Load:
    """A kind of request, and how many events each of them tells."""

    name: str
    requests: Iterator[bytes]
    events: int


def _claims() -> Iterator[Claim]:
    one = Claim(1, "email", "0" * 64, "offers", "spring", 10**9)
    for number in range(10**7):
        yield replace(one, job_id=10**9 + number, address_hash=f"{number:064x}")


def _one_clicks(keys: LinkKeys) -> Iterator[bytes]:
    body = b"List-Unsubscribe=One-Click"
    for claim in _claims():
        yield _request("POST", f"/u/{keys.sign('unsubscribe', claim)}", body, _FORM)


def _pixels(keys: LinkKeys) -> Iterator[bytes]:
    site, tracking = Site(URL, keys), Tracking(opens=True)
    for number in range(10**7):
        tracker = tracker_of(site, tracking, Trace(1, 10**9 + number))
        assert tracker is not None
        path = tracker.pixel.partition(URL)[2].partition('"')[0]
        yield _request("GET", path, more="User-Agent: Mozilla/5.0 (X11) Firefox/140.0\r\n")


def _hooks() -> Iterator[bytes]:
    """SendGrid's, signed."""
    for number in range(10**6):
        one = {"event": "delivered", "timestamp": 1795000000, "email": "kim@mail.example.com"}
        told = [{**one, "sg_event_id": f"{number}-{place}"} for place in range(BATCH)]
        body, stamp = json.dumps(told).encode(), "1795000000"
        signature = b64encode(_KEY.sign(stamp.encode() + body, ec.ECDSA(SHA256()))).decode()
        prefix = "X-Twilio-Email-Event-Webhook"
        signed = f"{prefix}-Signature: {signature}\r\n{prefix}-Timestamp: {stamp}\r\n"
        yield _request("POST", "/webhooks/sendgrid", body, "application/json", signed)


def _request(method: str, path: str, body: bytes = b"", kind: str = "", more: str = "") -> bytes:
    about = f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: mail.example.org\r\n{about}{more}\r\n".encode() + body


def _prepared(requests: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Made beforehand: signing them is nothing of the service's."""
    return iter([request for request, _ in zip(requests, range(count), strict=False)])


def _free() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def _running(code: str, port: int, *options: str, **more: str) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-c", code, *options], env={**os.environ, **more}, start_new_session=True
    )
    try:
        for _ in range(600):
            try:
                with urlopen(f"http://127.0.0.1:{port}/health") as answer:
                    if answer.status == 200:
                        break
            except OSError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(timeout=60)


def _line(name: str, answers: Answers, told: int, kept: str) -> str:
    p50, p99 = (f"{answers.within(share) * 1000:.1f} ms" for share in (0.5, 0.99))
    others = ", ".join(
        f"{count:,} of {status}" for status, count in answers.statuses.items() if status != 200
    )
    rates = f"{answers.rate:,.0f} | {answers.rate * told:,.0f}"
    return f"| {name} | {rates} | {p50} | {p99} | {kept} | {others} |"


def _count(database: Database) -> int:
    with database.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(events)) or 0


@click.command(context_settings={"show_default": True})
@click.option("--database", "kind", type=click.Choice(["sqlite", "postgres"]), default="sqlite")
@click.option("--postgres-url", help="An existing server. Default: one is started.")
@click.option("--seconds", default=8.0, help="For each kind of request.")
@click.option("--clients", default=256, help="So many at once.")
@click.option("--workers", default=1)
def main(kind: str, postgres_url: str | None, seconds: float, clients: int, workers: int) -> None:
    """Measure requests a second and answer times while as much as possible is asked."""
    place = Path(tempfile.mkdtemp(prefix="serving-"))
    try:
        with _setting("postgres" if kind == "postgres" else "sqlite", 0, place, postgres_url) as setting:
            url = f"sqlite:///{place / 'ledger.db'}"
            if setting.server:
                url = _new_database(setting.server)
            _measure(url, place, seconds, clients, workers)
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _new_database(server: str) -> str:
    name = f"serving_{os.getpid()}"
    administering = Database.open(server).engine.execution_options(isolation_level="AUTOCOMMIT")
    with administering.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def _measure(url: str, place: Path, seconds: float, clients: int, workers: int) -> None:
    database = Database.open(url)
    database.migrate(AS_OF)
    public = _KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    environment = {
        "AUTOMATION_HOME": str(place),
        "AUTOMATION_DATABASE_URL": url,
        "AUTOMATION_PUBLIC_URL": URL,
        "AUTOMATION_LINK_SECRET": SECRET,
        "AUTOMATION_SERVE_LOG": "false",
        "AUTOMATION_SENDGRID__WEBHOOK_KEY": b64encode(public).decode(),
    }
    most = int(seconds * 12_000)
    keys = LinkKeys(SECRET)
    loads = [
        Load("pixel", _prepared(_pixels(keys), most), 1),
        Load("one-click unsubscription", _prepared(_one_clicks(keys), most), 1),
        Load(f"webhook, signed, {BATCH} events", _prepared(_hooks(), most // 8), BATCH),
    ]
    print(f"{database.dialect}, {workers} process(es), {clients} clients, {seconds:g} s each\n")
    print("| request | requests/s | events/s | p50 | p99 | acknowledged = stored | other answers |")
    print("|---|--:|--:|--:|--:|---|---|")
    port = _free()
    with _running(_HELLO.format(port=port, workers=workers), port):
        greeting = _request("GET", "/health")
        ask(port, iter(lambda: greeting, b""), clients=clients, seconds=_WARM_UP)
        answers = ask(port, iter(lambda: greeting, b""), clients=clients, seconds=seconds)
        print(_line("bare FastAPI: hello, nothing stored", answers, 0, ""), flush=True)
    port = _free()
    options = ("serve", "--port", str(port), "--workers", str(workers))
    with _running(_SERVE, port, *options, **environment):
        for load in loads:
            ask(port, load.requests, clients=clients, seconds=_WARM_UP)
            before = _count(database)
            answers = ask(port, load.requests, clients=clients, seconds=seconds)
            stored, told = _count(database) - before, answers.statuses[200] * load.events
            print(_line(load.name, answers, load.events, f"{told:,} = {stored:,}"), flush=True)
    database.close()


if __name__ == "__main__":
    main()
