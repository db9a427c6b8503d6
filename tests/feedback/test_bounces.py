"""Why a message bounced: dead is only an address that does not exist, whatever the number in front."""

import json
from pathlib import Path

import pytest

from automation_pipelines.feedback.bounces import Verdict, judge

CASES = Path(__file__).parents[3] / "shared" / "cases"

SAID: list[tuple[str | None, str, str, str]] = [
    ("5.1.1", "smtp; 550 5.1.1 <a@b.example>: User unknown", "no_address", "hard"),
    (None, "550 No such user here", "no_address", "hard"),
    (None, "554 delivery error: This user doesn't have an account", "no_address", "hard"),
    (None, "550 5.4.1 Recipient address rejected: Access denied", "no_address", "hard"),
    ("5.1.2", "550 Host unknown", "no_domain", "hard"),
    ("5.1.10", "556 Recipient address has a null MX", "no_domain", "hard"),
    ("5.1.1", "550 5.1.1 mailbox is full", "full", "soft"),
    ("4.1.1", "450 4.1.1 user unknown, try again later", "throttled", "soft"),
    ("4.4.7", "delivery expired", "expired", "soft"),
    ("5.2.2", "552 over quota", "full", "soft"),
    ("5.2.1", "550 5.2.1 User unknown", "disabled", "soft"),
    ("5.3.4", "552 message too big", "too_big", "soft"),
    (None, "550 Requested action not taken: mailbox unavailable", "unclear", "soft"),
    ("5.0.0", "554 transaction failed", "unclear", "soft"),
    ("5.7.1", "550 5.7.1 blocked using a list of Spamhaus", "reputation", "block"),
    ("5.7.26", "550 5.7.26 DMARC", "authentication", "block"),
    ("5.1.8", "501 5.1.8 Sender address rejected", "sender", "block"),
    (None, "554 looks like spam", "spam", "block"),
    ("5.7.0", "550 5.7.0 Local policy violation", "policy", "block"),
    (None, "", "unclear", "soft"),
]


@pytest.mark.parametrize(("status", "said", "cause", "kind"), SAID)
def test_what_a_server_says(status: str | None, said: str, cause: str, kind: str) -> None:
    assert judge(status, said) == Verdict(cause, kind)  # type: ignore[arg-type]


def test_names_are_no_words_of_the_servers() -> None:
    assert judge(None, "550 rejected: <spam.unknown.user@full.example>") == Verdict("policy", "block")


def test_the_providers_word_counts_where_the_server_said_nothing() -> None:
    assert judge(None, None, word="hard") == Verdict("no_address", "hard")
    assert judge(None, "550 failed", word="block").kind == "block"
    assert judge("5.2.2", "mailbox full", word="hard") == Verdict("full", "soft")
    assert judge("5.1.1", "user unknown", word="soft").kind == "hard"


def test_where_unknown_is_also_said_of_those_who_filter_no_address_is_dead() -> None:
    assert judge("5.0.0", "550 : User unknown", domain="ezweb.ne.jp").kind == "soft"
    assert judge("5.1.1", "550 : User unknown", domain="ezweb.ne.jp").kind == "hard"


def test_real_bounces() -> None:
    path = CASES / "dsn_sample.jsonl"
    if not path.is_file():
        pytest.skip("the cases are not here")
    for case in map(json.loads, path.read_text().splitlines()):
        for said, truth in zip(case["stdlib"], case["recipients"], strict=False):
            domain = said["recipient"].rpartition("@")[2]
            verdict = judge(said["status"], said["diagnostic"], domain=domain)
            assert (verdict.kind == "hard") == truth["hard"], case["file"]
