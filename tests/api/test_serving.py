"""What is answered is durable, however the service or its database dies; and floods and giants do no harm."""

import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import httpx
import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import suppressions
from automation_pipelines.messages.tokens import Claim
from automation_pipelines.settings import Settings
from tests.api.served import COMMAND, KEYS, ONE_CLICK, Site, environment, serving, wait_until_well
from tests.conftest import MIGRATED_AT
from tests.fault_server import OwnServer

SENDERS = 8


def ended(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.scalars(sa.select(suppressions.c.address_hash)))


@contextmanager
def hammering(site: Site, letters: list[tuple[str, str]]) -> Iterator[list[str]]:
    """Unsubscribe one address after the other; gives those for which it was said to be done."""
    told, stop = list[str](), threading.Event()

    def hammer(part: list[tuple[str, str]]) -> None:
        with site.client() as client, suppress(httpx.TransportError):
            for digest, path in part:
                if stop.is_set():
                    return
                if client.post(path, data=ONE_CLICK).status_code == 200:
                    told.append(digest)

    with ThreadPoolExecutor(SENDERS) as pool:
        sent = [pool.submit(hammer, letters[number::SENDERS]) for number in range(SENDERS)]
        try:
            yield told
        finally:
            stop.set()
        for one in sent:
            one.result()


def strangers(count: int) -> list[tuple[str, str]]:
    """Addresses, and where they unsubscribe: the ledger need not know their messages any more."""
    claim = Claim(1, "email", "0" * 64, "offers", "letters", 10**9)
    made = (replace(claim, address_hash=f"{number:064x}", job_id=10**9 + number) for number in range(count))
    return [(one.address_hash, f"/u/{KEYS.sign('unsubscribe', one)}") for one in made]


def test_nothing_that_was_answered_is_lost_when_it_is_killed(database: Database, tmp_path: Path) -> None:
    with (
        serving(database, tmp_path / "home", workers=2) as site,
        hammering(site, strangers(20_000)) as told,
    ):
        while len(told) < 400:
            time.sleep(0.01)
        site.kill()
    assert len(told) >= 400
    assert set(told) <= ended(database)


def test_told_to_end_it_finishes_what_is_under_way(database: Database, tmp_path: Path) -> None:
    with serving(database, tmp_path / "home") as site, hammering(site, strangers(5_000)) as told:
        while len(told) < 100:
            time.sleep(0.01)
        assert site.end() in (0, -signal.SIGTERM)
    assert set(told) == ended(database)


def test_while_the_database_is_away_it_says_so_and_goes_on_afterwards(tmp_path: Path) -> None:
    server = OwnServer()
    database = Database.open(server.url)
    try:
        database.migrate(MIGRATED_AT)
        with serving(database, tmp_path / "home") as site, site.client() as client:
            (_, first), (digest, second) = strangers(2)
            assert client.post(first, data=ONE_CLICK).status_code == 200
            server.crash()
            answer = client.post(second, data=ONE_CLICK)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
            assert client.get("/health").status_code == 503
            server.start()
            wait_until_well(site)
            assert client.post(second, data=ONE_CLICK).status_code == 200
            assert digest in ended(database)
    finally:
        database.close()
        server.close()


def test_giants_are_refused_before_they_are_read(site: Site) -> None:
    path = site.path("unsubscribe", site.letter())
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    for more, sent in (
        ("Content-Length: 10000000\r\n\r\n", b"a=1"),
        (
            "Transfer-Encoding: chunked\r\n\r\n",
            b"80000\r\n" + b"a" * 0x80000 + b"\r\n80000\r\n" + b"a" * 0x80000,
        ),
        ("Content-Length: 99999999999999999999\r\n\r\n", b""),
    ):
        with socket.create_connection(("127.0.0.1", site.port), timeout=20) as connection:
            connection.sendall((head + more).encode() + sent)
            answer = connection.recv(200)
        assert answer.split(b" ")[1] in (b"413", b"400"), answer
    with site.client() as client:
        assert client.post(path, data=ONE_CLICK).status_code == 200


def test_its_log_and_its_figures_name_nobody(site: Site) -> None:
    claim = site.letter()
    with site.client() as client:
        client.post(site.path("unsubscribe", claim), data=ONE_CLICK)
        client.get("/u/kim@example.com?address=kim@example.com")
        client.get("/kim@example.com")
        figures = client.get("/metrics").text
        proxied = client.get("/metrics", headers={"X-Forwarded-For": "192.0.2.1"})
    log = site.log.read_text()
    assert "POST /u/<token> 200" in log
    assert not any(word in log + figures for word in ("kim", KEYS.sign("unsubscribe", claim), "192.0.2."))
    assert 'automation_http_requests_total{place="/u/<token>",status="200"}' in figures
    assert proxied.status_code == 404


def test_what_is_wrong_in_the_settings_is_said_before_it_listens(tmp_path: Path) -> None:
    variables = environment(Settings(home=tmp_path))
    del variables["AUTOMATION_PUBLIC_URL"]
    done = subprocess.run(COMMAND, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "AUTOMATION_PUBLIC_URL" in done.stderr
