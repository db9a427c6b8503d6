"""Opens and clicks are kept, once each, and a link leads nowhere but where the message said."""

from urllib.parse import quote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation_pipelines.campaign import Tracking
from automation_pipelines.messages.optout import Site as Links
from automation_pipelines.messages.tokens import Claim
from automation_pipelines.messages.tracking import NOBODY, Trace, Tracker, tracker_of
from tests.api.served import KEYS, Site
from tests.mailroom import LINKS

TARGET = "https://shop.example.com/spring?id=7&name=Zoë#top"


def tracker(job: int, label: str = "") -> Tracker:
    made = tracker_of(
        Links(LINKS["public_url"], KEYS), Tracking(opens=True, clicks=True), Trace(1, job, label)
    )
    assert made is not None
    return made


def opened(job: int) -> str:
    return tracker(job).pixel.partition(LINKS["public_url"])[2].partition('"')[0]


def clicked(claim: Claim, target: str = TARGET, label: str = "") -> str:
    return tracker(claim.job_id).click(target, label).removeprefix(LINKS["public_url"])


def test_a_pixel_and_a_link_tell_what_came_of_a_message(site: Site) -> None:
    claim = site.letter()
    with site.client() as client:
        shown = client.get(opened(claim.job_id))
        led = client.get(clicked(claim, label="https://shop.example.com/{{ season }}"))
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/gif")
    assert shown.content.startswith(b"GIF89a")
    assert led.status_code == 302
    assert httpx.URL(led.headers["location"]) == httpx.URL(TARGET)
    assert {answer.headers["cache-control"] for answer in (shown, led)} == {"no-store"}
    events = {(event["type"], event["link"], event["provider"]) for event in site.events(claim)}
    assert events == {("opened", None, "site"), ("clicked", "https://shop.example.com/{{ season }}", "site")}


AGENTS = {
    "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0": (False, None),
    "Mozilla/5.0": (True, "proxy"),
    "curl/8.5": (True, "script"),
    "": (True, "no_agent"),
}


def test_every_hit_is_kept_and_those_of_machines_are_marked(site: Site) -> None:
    claim = site.letter()
    with site.client() as client:
        for agent in AGENTS:
            assert client.get(opened(claim.job_id), headers={"User-Agent": agent}).status_code == 200
        assert client.head(opened(claim.job_id), headers={"User-Agent": "curl/8"}).status_code == 200
    marks = [(event["machine"], event["kind"]) for event in site.events(claim)]
    assert sorted(map(str, marks)) == sorted(map(str, [*AGENTS.values(), (True, "head")]))


def test_a_flood_of_one_readers_hits_is_few_events(site: Site) -> None:
    claim = site.letter()
    with site.client() as client:
        for _ in range(60):
            assert client.get(opened(claim.job_id)).status_code == 200
    assert 1 <= len(site.events(claim)) <= 2  # one a minute


def test_links_of_a_proof_lead_on_and_leave_nothing(site: Site) -> None:
    before = site.count()
    with site.client() as client:
        path = tracker(NOBODY).click(TARGET, "").removeprefix(LINKS["public_url"])
        assert client.get(path).status_code == 302
        assert (
            client.get(tracker(NOBODY).pixel.partition(LINKS["public_url"])[2].partition('"')[0]).status_code
            == 200
        )
    assert site.count() == before


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "javascript:alert(1)",
    "https://shop.example.com/spring",
    "https://shop.example.com/spring?id=7&name=Zoë#top\r\nSet-Cookie: a=b",
    "",
)


@pytest.mark.parametrize("target", ELSEWHERE)
def test_a_link_is_good_for_its_own_target_only(site: Site, target: str) -> None:
    claim = site.letter()
    path, _, _ = clicked(claim).partition("?")
    with site.client() as client:
        for query in (
            f"?u={quote(target, safe='')}",
            f"?u={quote(target, safe='')}&u={quote(TARGET, safe='')}",
        ):
            answer = client.get(path + query)
            if answer.status_code == 302:  # the last of two counts, and that one is ours
                assert httpx.URL(answer.headers["location"]) == httpx.URL(TARGET)
            else:
                assert (answer.status_code, "location" in answer.headers) == (404, False)
            assert "set-cookie" not in answer.headers


@settings(max_examples=40, deadline=None)
@given(rest=st.text(st.characters(codec="utf-8"), max_size=60))
def test_no_target_breaks_out_of_its_header(site: Site, rest: str) -> None:
    target = f"https://shop.example.com/{rest}"
    if "unsubscribe" in target:
        return
    claim = Claim(1, "email", "0" * 64, "offers", "letters", 10**6)
    with site.client() as client:
        answer = client.get(clicked(claim, target))
    assert answer.status_code == 302
    assert answer.headers["location"].startswith("https://shop.example.com/")
    assert answer.headers["location"].isascii()
    assert answer.headers["location"].isprintable()
    assert "set-cookie" not in answer.headers
