"""One click lets go: once it is answered it holds, and nothing but a POST with a good token does it."""

import re
from html.parser import HTMLParser

import pytest

from tests.api.served import KEYS, ONE_CLICK, Site

MULTIPART = (
    b'-----FormBoundaryjWmhtjORrn\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
    b"One-Click\r\n-----FormBoundaryjWmhtjORrn--\r\n"
)
FORM = "application/x-www-form-urlencoded"
MULTIPART_TYPE = {"Content-Type": "multipart/form-data; boundary=---FormBoundaryjWmhtjORrn"}


@pytest.mark.parametrize("form", ["urlencoded", "multipart"])
def test_a_mail_program_unsubscribes_from_the_topic_with_one_click(site: Site, form: str) -> None:
    claim = site.letter()
    path = site.path("unsubscribe", claim)
    with site.client() as client:
        for _ in range(3):  # it may ask again
            if form == "urlencoded":
                answer = client.post(path, data=ONE_CLICK)
            else:
                answer = client.post(path, content=MULTIPART, headers=MULTIPART_TYPE)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
            assert site.suppressed(claim) == {("offers", "unsubscribed")}
    (event,) = site.events(claim)
    assert (event["type"], event["provider"], event["kind"]) == ("unsubscribed", "site", "one_click")


def test_looking_changes_nothing(site: Site) -> None:
    claim = site.letter(locale="de")
    before = site.count()
    with site.client() as client:
        for page in ("unsubscribe", "preferences"):
            assert client.get(site.path(page, claim)).status_code == 200
            assert client.head(site.path(page, claim)).status_code == 200
        shown = client.get(site.path("unsubscribe", claim)).text
    assert '<html lang="de" dir="ltr">' in shown
    assert "Von „Angebote“ abmelden?" in shown
    assert site.count() == before


def test_a_person_ends_one_topic_or_everything_and_may_come_back(site: Site) -> None:
    one, all_ = site.letter(), site.letter()
    with site.client() as client:
        done = client.post(site.path("unsubscribe", one), data={"scope": "topic"})
        assert "You are unsubscribed" in done.text
        client.post(site.path("unsubscribe", all_), data={"scope": "all"})
        assert site.suppressed(one) == {("offers", "unsubscribed")}
        assert site.suppressed(all_) == {("", "unsubscribed")}
        link = re.search(r'href="\.\./(p/[\w-]+)"', done.text)
        assert link is not None
        for path in (f"/{link[1]}", site.path("preferences", all_)):
            assert client.post(path, data={"do": "save", "email": "offers"}).status_code == 303
        assert site.suppressed(one) == site.suppressed(all_) == set()
        assert site.agreed(one) == site.agreed(all_) == {("offers", "opted_in")}
        client.post(site.path("unsubscribe", one), data=ONE_CLICK)
    assert site.suppressed(one) == {("offers", "unsubscribed")}


HOSTILE = {
    "nothing": {},
    "something else": {"data": {"List-Unsubscribe": "Maybe"}},
    "no boundary": {"content": MULTIPART, "headers": {"Content-Type": "multipart/form-data"}},
    "cut off": {"content": MULTIPART[:60], "headers": MULTIPART_TYPE},
    "a file": {"files": {"List-Unsubscribe": ("a.txt", b"One-Click")}},
    "not a form": {"json": ONE_CLICK},
    "a thousand fields": {"data": {f"field{number}": "1" for number in range(1000)}},
    "no text": {
        "content": b"\xff\xfe%ZZ=%",
        "headers": {"Content-Type": "application/x-www-form-urlencoded"},
    },
}


@pytest.mark.parametrize("body", HOSTILE)
def test_what_is_no_request_to_unsubscribe_is_none(site: Site, body: str) -> None:
    claim = site.letter()
    with site.client() as client:
        answer = client.post(site.path("unsubscribe", claim), **HOSTILE[body])
    assert answer.status_code == 400
    assert (site.suppressed(claim), site.events(claim)) == (set(), [])


def test_tokens_that_are_not_ours_are_told_apart_by_nothing(site: Site) -> None:
    claim = site.letter()
    good = KEYS.sign("unsubscribe", claim)
    bad = [
        good[:-1] + ("A" if good[-1] != "A" else "B"),
        good[:40],
        KEYS.sign("view", claim),
        "sample",
        "A" * 200,
        "A" * 5000,
        "%00",
        "..%2f..%2fetc",
        "%0d%0aSet-Cookie:%20a=b",
    ]
    before = site.count()
    with site.client() as client:
        for page in ("u", "p"):
            answers = [client.post(f"/{page}/{token}", data=ONE_CLICK) for token in bad]
            assert {answer.status_code for answer in answers} == {404}
            assert len({answer.text for answer in answers}) == 1
            told = [sorted(answer.headers.keys() - {"date"}) for answer in answers]
            assert all(one == told[0] and "set-cookie" not in one for one in told)
        assert {client.get(f"/{page}/{bad[0]}").status_code for page in "upvoc"} == {404}
    assert site.count() == before


class _Controls(HTMLParser):
    """What a page lets one do, and what is said of it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_pages_are_private_and_without_script(site: Site) -> None:
    claim = site.letter()
    with site.client() as client:
        for page in ("unsubscribe", "preferences"):
            answer = client.get(site.path(page, claim))
            headers = answer.headers
            assert headers["cache-control"] == "no-store"
            assert headers["referrer-policy"] == "no-referrer"
            assert "noindex" in headers["x-robots-tag"]
            assert headers["content-security-policy"].startswith("default-src 'none'; style-src 'sha256-")
            assert "server" not in headers
            controls = _Controls()
            controls.feed(answer.text)
            assert not {"script", "img", "iframe", "link"} & {tag for tag, _ in controls.tags}
            labels = {attributes.get("for") for tag, attributes in controls.tags if tag == "label"}
            boxes = {attributes["id"] for tag, attributes in controls.tags if tag == "input"}
            assert boxes <= labels
