"""The tokens of links: read by nobody else, made by nobody else, and good for one page."""

from base64 import urlsafe_b64decode
from dataclasses import replace
from hashlib import sha256
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from automation_pipelines.messages.tokens import SAMPLE, Claim, Forged, LinkKeys, Malformed, Page, Valid

OLD, NEW = "o" * 40, "n" * 40
KEYS = LinkKeys(OLD)
CLAIM = Claim(7, "email", sha256(b"kim").hexdigest(), "offers", "spring-sale", 4711)
PAGES: tuple[Page, ...] = get_args(Page)
slugs = st.from_regex(r"[a-z0-9]{1,60}", fullmatch=True)
claims = st.builds(
    Claim,
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from(["email", "sms", "whatsapp"]),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
    slugs,
    slugs,
    st.integers(0, 2**63 - 1),
)


@settings(max_examples=100, deadline=None)
@given(claim=claims, page=st.sampled_from(PAGES))
def test_a_token_says_whose_it_is_and_fits_into_an_address(claim: Claim, page: Page) -> None:
    token = KEYS.sign(page, claim)
    assert KEYS.verify(page, token) == Valid(claim)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    assert len(token) <= 300


def test_a_token_is_the_same_each_time_and_another_for_everybody() -> None:
    assert KEYS.sign("unsubscribe", CLAIM) == LinkKeys(OLD).sign("unsubscribe", CLAIM)
    others = {KEYS.sign("unsubscribe", replace(CLAIM, job_id=number)) for number in range(100)}
    assert len(others) == 100
    # Nor does it show which are neighbours.
    assert len({token[:20] for token in others}) == len({token[-20:] for token in others}) == 100


@pytest.mark.parametrize("at", range(0, len(KEYS.sign("unsubscribe", CLAIM)), 7))
def test_one_changed_character_and_it_is_no_good(at: int) -> None:
    token = KEYS.sign("unsubscribe", CLAIM)
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    assert not isinstance(KEYS.verify("unsubscribe", changed), Valid)


@pytest.mark.parametrize("page", PAGES)
def test_a_token_is_good_for_its_own_page_only(page: Page) -> None:
    token = KEYS.sign(page, CLAIM)
    verdicts = {other: KEYS.verify(other, token) for other in PAGES}
    assert verdicts == {**dict.fromkeys(PAGES, Forged()), page: Valid(CLAIM)}


def test_secrets_are_replaced_one_after_the_other() -> None:
    before, between, after = LinkKeys(OLD), LinkKeys(f"{NEW} {OLD}"), LinkKeys(NEW)
    token = before.sign("view", CLAIM)
    assert between.verify("view", token) == Valid(CLAIM)
    assert after.verify("view", token) == Forged()
    assert after.verify("view", between.sign("view", CLAIM)) == Valid(CLAIM)


@pytest.mark.parametrize(
    "token",
    ["", SAMPLE, "A", "é" * 120, "A" * 120, "AQ" + "A" * 20, "A" * 10_000, "../etc", "Zm9v\n", "AQ==", "a b"],
)
def test_what_is_no_token_is_called_so(token: str) -> None:
    assert KEYS.verify("unsubscribe", token) == Malformed()


@settings(max_examples=200, deadline=None)
@given(token=st.text("AQBCDabcd019-_", min_size=90, max_size=140))
def test_what_is_made_up_is_never_valid(token: str) -> None:
    assert isinstance(KEYS.verify("unsubscribe", f"AQ{token}"), Forged | Malformed)


def test_no_token_shows_what_it_says() -> None:
    token = KEYS.sign("unsubscribe", CLAIM)
    raw = urlsafe_b64decode(token + "==")
    for said in (b"email", b"offers", b"spring", bytes.fromhex(CLAIM.address_hash)[:4], b"\x12\x67"):
        assert said not in raw
