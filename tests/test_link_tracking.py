"""Links that tell of clicks: which are rewritten, what they say, and which hits are a machine's."""

import re
import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import polars as pl
import pytest
import sqlalchemy as sa

from automation_pipelines import feedback
from automation_pipelines.campaign import Tracking
from automation_pipelines.channels import build_channels
from automation_pipelines.delivery.copies import exact_copy
from automation_pipelines.feedback.humans import machine
from automation_pipelines.ledger import machines
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.tables import events
from automation_pipelines.messages import MessageTemplate, TemplateSource
from automation_pipelines.messages.optout import Site
from automation_pipelines.messages.tokens import Forged, LinkKeys, Malformed
from automation_pipelines.messages.tracking import (
    NOBODY,
    Trace,
    Tracker,
    link_of,
    read_click,
    read_open,
    tracker_of,
)
from automation_pipelines.model import Email, EventType
from automation_pipelines.settings import Settings
from tests.mailroom import LINKS, NOON, PROFILE, Mailroom

URL = LINKS["public_url"]
KEYS = LinkKeys(LINKS["link_secret"])
BROWSER = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.4 Safari/605.1.15"
UTM = {"source": "acme"}
WAYS_OUT = {
    "unsubscribe_url": f"{URL}/u/token",
    "preferences_url": f"{URL}/p/token",
    "browser_url": f"{URL}/v/token",
}
BODY = """
<style>a {color: red}</style>
<a href="https://acme.example/a?b=1&amp;c=2#d">plain</a>
<a href='{{ shop }}'>filled in</a>
<a href="https://acme.example/quotes/{{ number }}?t={{ '"%}' }}">in part</a>
<map><area href="HTTP://acme.example/ü"></map>
<a href="https://acme.example/legal" data-no-tracking>ours</a>
<a href="https://acme.example/unsubscribe?x=1">out</a>
<a href="mailto:a@b.example">m</a><a href="tel:+1">t</a><a href="#top">a</a><a href="/there">r</a>
<a href="{{ mail }}">m</a>
<a href="{{ unsubscribe_url }}">u</a><a href="{{ preferences_url }}">p</a><a href="{{ browser_url }}">v</a>
"""


def tracker(keys: LinkKeys = KEYS, *, opens: bool = True, clicks: bool = True) -> Tracker | None:
    return tracker_of(Site(URL, keys), Tracking(opens=opens, clicks=clicks), Trace(1, 4711))


def hrefs(html: str) -> list[str]:
    return [unescape(one) for one in re.findall(r'href="([^"]*)"', html)]


def parts(address: str) -> tuple[str, str]:
    """The token and target of a tracked link."""
    split = urlsplit(address)
    (target,) = parse_qs(split.query, strict_parsing=True)["u"]
    return split.path.removeprefix("/c/"), target


def render(made: Tracker | None, utm: Any = None) -> tuple[str, str]:
    values = {"shop": "https://shop.example/?q=%2F+x", "number": "Q/7", "mail": "mailto:x@y.example"}
    content = MessageTemplate(TemplateSource("s", BODY, "see https://acme.example/a")).render(
        {"message": {"channel": "email", "utm": utm}, **values, **WAYS_OUT}, None, made
    )
    return content.html, content.text


def test_links_of_the_web_lead_over_our_page_and_nothing_else_does() -> None:
    before, (html, text) = render(None)[0], render(tracker())
    tracked = [one for one in hrefs(html) if one.startswith(f"{URL}/c/")]
    found = {target: read_click(KEYS, token, target) for token, target in map(parts, tracked)}
    part = "https://acme.example/quotes/{{ number }}"
    assert found == {
        "https://acme.example/a?b=1&c=2#d": Trace(1, 4711),
        "https://shop.example/?q=%2F+x": Trace(1, 4711, "{{ shop }}"),
        'https://acme.example/quotes/Q/7?t="%}': Trace(1, 4711, part),
        "HTTP://acme.example/ü": Trace(1, 4711),
    }
    assert [link_of(trace, target) for target, trace in found.items() if isinstance(trace, Trace)] == [
        "https://acme.example/a",
        "{{ shop }}",
        part,
        "HTTP://acme.example/ü",
    ]
    assert [one for one in hrefs(html) if one not in tracked] == hrefs(before)[4:]
    assert text == "see https://acme.example/a"
    (pixel,) = re.findall(r'<img src="([^"]*)" width="1" height="1" alt=""[^>]*></body>', html)
    assert read_open(KEYS, pixel.removeprefix(f"{URL}/o/").removesuffix(".gif")) == Trace(1, 4711)
    assert hrefs(render(tracker(clicks=False))[0]) == hrefs(before)
    assert "<img" not in render(tracker(opens=False))[0]


def test_parameters_are_part_of_what_is_signed() -> None:
    addresses = [one for one in hrefs(render(tracker(), UTM)[0]) if one.startswith(f"{URL}/c/")]
    targets = [target for _, target in map(parts, addresses)]
    assert targets[0] == "https://acme.example/a?b=1&c=2&utm_source=acme#d"
    # A link that is left alone by us is still one of the campaign's.
    assert "https://acme.example/legal?utm_source=acme" in hrefs(render(tracker(), UTM)[0])


def test_a_token_leads_to_its_own_target_only() -> None:
    made = tracker()
    assert made is not None
    token, target = parts(made.click("https://acme.example/a", ""))
    assert read_click(KEYS, token, target) == Trace(1, 4711)
    for other in ("https://evil.example/", target + "/", target[:-1], target.upper()):
        assert read_click(KEYS, token, other) == Forged()
    assert read_click(LinkKeys("x" * 32), token, target) == Forged()
    assert read_click(LinkKeys(f"{'n' * 32} {LINKS['link_secret']}"), token, target) == Trace(1, 4711)
    shown = made.pixel.partition("/o/")[2].partition(".gif")[0]
    for wrong in (shown, "sample", "", token[:-4]):
        assert not isinstance(read_click(KEYS, wrong, target), Trace)
    assert read_click(KEYS, shown, "") == Malformed()
    assert read_open(KEYS, token) == Forged()


@dataclass(frozen=True)
class Case:
    """What is declared, and of whom clicks and opens then tell."""

    clicks: str | None
    opens: str | None
    tracking: dict[str, bool] | None = None
    purpose: str = "marketing"
    setting: bool = True
    mode: str = "live"


CASES = [
    Case("job", None),
    Case("job", "job", {"opens": True}),
    Case("nobody", "nobody", {"opens": True}, mode="test"),
    Case(None, None, {"clicks": False}),
    Case(None, None, {"opens": True}, setting=False),
    Case(None, None, purpose="transactional"),
    Case("job", None, {}, purpose="transactional"),
]


@pytest.mark.parametrize("case", CASES)
def test_what_is_recorded_is_the_campaigns_and_the_tenants_to_say(
    sqlite_templates: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: Case
) -> None:
    monkeypatch.setitem(PROFILE, "setting", {"tracking": case.setting})
    shutil.copy(sqlite_templates / "ledger.db", tmp_path)
    settings = Settings(home=tmp_path, database_url=f"sqlite:///{tmp_path / 'ledger.db'}", **LINKS)
    with closing(Database.open(settings.database)) as ledger:
        html, job = delivered(ledger, settings, case)
    (link,) = hrefs(html)
    click = read_click(KEYS, *parts(link)) if link.startswith(URL) else None
    pixel = re.search(r"/o/([\w-]+)\.gif", html)
    shown = None if pixel is None else read_open(KEYS, pixel[1])
    whose: dict[object, str | None] = {None: None, Trace(1, job): "job", Trace(1, NOBODY): "nobody"}
    assert [whose.get(one, "?") for one in (click, shown)] == [case.clicks, case.opens]


def delivered(ledger: Database, settings: Settings, case: Case) -> tuple[str, int]:
    """The HTML of a letter that is delivered, and its job; a copy of it is the same to the byte."""
    letter = TemplateSource("s", '<a href="https://acme.example/">x</a>', "t")
    room = Mailroom(ledger, settings, purpose=case.purpose, template=letter)
    room.apply(tracking=case.tracking)
    (job,) = room.plan(1, mode=case.mode)
    room.deliver(build_channels(settings), mode=case.mode)
    (file,) = (settings.outbox / "new").iterdir()
    body = message_from_bytes(file.read_bytes(), policy=default).get_body(("html",))
    assert body is not None
    copy = exact_copy(ledger, room.campaigns, settings, job).handoff
    assert isinstance(copy, Email)
    assert copy.content.replace(b"\r\n", b"\n") == file.read_bytes()
    return str(body.get_content()), job


@pytest.mark.parametrize(
    ("headers", "method", "rule"),
    [
        ({"user-agent": BROWSER}, "GET", None),
        ({"user-agent": "Mozilla/4.0 (compatible; ms-office; MSOffice 16)"}, "GET", None),
        ({"user-agent": "Mozilla/5.0 (Linux; Android 13; CUBOT P80) Chrome/120"}, "GET", None),
        ({"user-agent": BROWSER, "purpose": "something else"}, "GET", None),
        ({"user-agent": BROWSER}, "HEAD", "head"),
        ({"user-agent": BROWSER, "sec-purpose": "prefetch;prerender"}, "GET", "prefetch"),
        ({"user-agent": BROWSER, "x-purpose": "preview"}, "GET", "prefetch"),
        ({}, "GET", "no_agent"),
        ({"user-agent": "Mozilla/5.0"}, "GET", "proxy"),
        ({"user-agent": "Mozilla/5.0 Firefox/11.0 (via ggpht.com GoogleImageProxy)"}, "GET", "proxy"),
        ({"user-agent": "YahooMailProxy; https://help.yahoo.com/"}, "GET", "proxy"),
        ({"user-agent": f"{BROWSER} BingPreview/1.0b"}, "GET", "scanner"),
        ({"user-agent": "Microsoft Office Existence Discovery"}, "GET", "scanner"),
        ({"user-agent": "BarracudaCentral"}, "GET", "scanner"),
        ({"user-agent": "curl/8.5"}, "GET", "script"),
        ({"user-agent": "Mozilla/5.0 (compatible; Googlebot/2.1)"}, "GET", "script"),
        ({"user-agent": "Mozilla/5.0 HeadlessChrome/120"}, "GET", "script"),
    ],
)
def test_what_one_hit_tells(headers: dict[str, str], method: str, rule: str | None) -> None:
    assert machine(method, headers) == rule


HITS = [
    # seconds after the hand-off, job, type, link
    (3.0, 0, "opened", None),
    (60.0, 0, "opened", None),
    (60.0, 0, "clicked", "a"),
    (61.5, 0, "clicked", "b"),
    (63.0, 0, "clicked", "b"),
    (100.0, 0, "clicked", "c"),
    (60.0, 1, "clicked", "a"),
    (60.5, 1, "clicked", "a"),
    (63.0, 1, "clicked", "b"),
]
MARKED = ["at_once", None, "burst", "burst", "burst", None, None, None, None]


@pytest.mark.parametrize("order", [1, -1])
def test_what_only_several_hits_tell_whatever_their_order(
    database: Database, tmp_path: Path, order: int
) -> None:
    url = database.engine.url.render_as_string(hide_password=False).replace("+psycopg", "")
    room = Mailroom(database, Settings(home=tmp_path, database_url=url, **LINKS))
    room.apply()
    jobs = room.plan(2)
    room.deliver(build_channels(room.settings))
    told = [
        feedback.Told(
            identity=f"site:{number}",
            type=EventType(type_),
            at=NOON + timedelta(seconds=seconds),
            provider="site",
            job_id=jobs[job],
            machine=False,
            link=link,
        )
        for number, (seconds, job, type_, link) in enumerate(HITS)
    ]
    # (63.0, "b") is near (61.5, "b"), which is the same link, and not within two seconds of "a".
    expected = [*MARKED[:4], None, *MARKED[5:]]
    for one in told[::order]:
        feedback.store(database, [one], one.at)
    rows = database.read(sa.select(events.c.kind, events.c.machine).order_by(events.c.identity))
    assert rows["kind"].to_list() == expected
    assert rows["machine"].to_list() == [kind is not None for kind in expected]
    with database.begin() as connection:
        connection.execute(sa.update(events).values(machine=False, kind=None))
    assert machines.judge_since(database, NOON) == sum(kind is not None for kind in expected)
    again = database.read(sa.select(events.c.kind).order_by(events.c.identity))
    assert again["kind"].to_list() == expected
    told_by_others = [replace(one, identity=f"x:{one.identity}", provider="sendgrid") for one in told]
    feedback.store(database, told_by_others, NOON)
    others = database.read(sa.select(events.c.machine).where(events.c.provider == "sendgrid"))
    assert others.select(pl.col("machine").any()).item() is False
