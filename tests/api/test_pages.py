"""The pages in a real browser: with the keyboard alone, as they are read out, in the dark, on a phone."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from automation_pipelines.api.words import catalogues
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import address_hash
from automation_pipelines.messages.tokens import Claim
from tests.api.browser import Tab, browsing
from tests.api.served import Site, serving

READABLE = 4.5


@pytest.fixture(scope="module")
def site(sqlite_templates: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One database is enough: what a page looks like does not depend on it."""
    home = tmp_path_factory.mktemp("pages")
    database = Database.open(f"sqlite:///{shutil.copy(sqlite_templates / 'ledger.db', home)}")
    with serving(database, home) as made:
        letter = {"id": "letter", "channels": ["email", "sms"], "template": "letter"}
        made.room.apply(topic="offers", steps=[letter])
        yield made
    database.close()


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    with browsing(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def letter(site: Site, **changes: str) -> tuple[Claim, Claim]:
    """Somebody who can be reached by e-mail and SMS."""
    number = "+4915112345678"
    digest = address_hash(site.database.salt, "sms", number)
    ways = json.dumps([{"channel": "sms", "address": number, "address_hash": digest}])
    claim = site.letter(fallbacks=ways, **changes)
    return claim, Claim(1, "sms", digest, claim.topic, claim.campaign, claim.job_id)


def test_with_the_keyboard_alone_one_chooses_by_channel_and_hears_that_it_is_saved(
    site: Site, tab: Tab
) -> None:
    by_mail, by_text = letter(site)
    tab.open(site.url + site.path("preferences", by_mail))
    assert {("checkbox", "Offers"), ("group", "By e-mail"), ("group", "By SMS")} <= set(tab.heard())
    tab.tab_to("input[name=sms]")
    tab.press("Space")
    tab.tab_to("button[value=save]")
    tab.press("Enter")
    tab.until("location.search === '?saved' && document.readyState === 'complete'")
    assert ("status", "") in tab.heard()
    assert tab.run("document.activeElement.textContent") == "Your choice is saved."
    assert tab.run("document.querySelector('input[name=email]').checked") is True
    assert tab.run("document.querySelector('input[name=sms]').checked") is False
    assert (site.suppressed(by_mail), site.suppressed(by_text)) == (set(), {("offers", "unsubscribed")})
    assert tab.said == []


def test_the_way_out_is_two_keys_away(site: Site, tab: Tab) -> None:
    claim, _ = letter(site)
    tab.open(site.url + site.path("unsubscribe", claim))
    tab.press("Tab", "Enter")
    tab.until("document.querySelector('[role=status]') !== null")
    assert ("heading", "You are unsubscribed") in tab.heard()
    assert site.suppressed(claim) == {("offers", "unsubscribed")}
    tab.tab_to("a")
    tab.press("Enter")
    tab.until("document.querySelector('fieldset') !== null")
    assert tab.run("document.querySelector('input[name=email]').checked") is False


@pytest.mark.parametrize("tag", catalogues())
def test_every_language_is_readable_in_the_light_and_in_the_dark_on_a_small_screen(
    site: Site, tab: Tab, tag: str
) -> None:
    claim, _ = letter(site, locale=tag)
    tab.ask("Emulation.setDeviceMetricsOverride", width=320, height=640, deviceScaleFactor=1, mobile=True)
    for page in ("unsubscribe", "preferences"):
        tab.open(site.url + site.path(page, claim))
        assert tab.run("document.documentElement.lang") == tag
        assert tab.run("document.documentElement.dir") == catalogues()[tag].direction
        assert tab.run("document.documentElement.scrollWidth") <= 320
        for scheme in ("light", "dark"):
            ratio, text = tab.worst_contrast(scheme)
            assert ratio >= READABLE, (page, scheme, text)
    tab.ask("Emulation.clearDeviceMetricsOverride")


def test_every_language_has_every_word() -> None:
    english = catalogues()["en"]
    for words in catalogues().values():
        for name in ("texts", "channels", "topics"):
            assert getattr(words, name).keys() == getattr(english, name).keys(), words.tag
        for key, text in english.texts.items():
            places = {place for place in ("{tenant}", "{topic}", "{channel}") if place in words.texts[key]}
            # A text may leave out what its language does not say there, and may invent nothing.
            assert all(place in text for place in places), (words.tag, key)
