"""Why a message bounced and whether its address is dead: by status, the server's words and the provider's.

Hard means that there is no such address, and nothing else does: most 5.x.x bounces are full mailboxes,
policy or spam blocks. Block means that they do not want this mail, of us or with that content; what is left
is soft. Pure; who is suppressed then is `rules`'.
"""

import re
from dataclasses import dataclass
from typing import Literal

from automation_pipelines.feedback.phrases import PHRASES, Cause

Kind = Literal["hard", "soft", "block"]
KINDS: dict[Cause, Kind] = {
    "no_address": "hard",
    "no_domain": "hard",
    "moved": "hard",
    "full": "soft",
    "disabled": "soft",
    "too_big": "soft",
    "spam": "block",
    "policy": "block",
    "reputation": "block",
    "sender": "block",
    "authentication": "block",
    "content": "block",
    "network": "soft",
    "expired": "soft",
    "throttled": "soft",
    "system": "soft",
    "unclear": "soft",
}
"""What each cause makes of a bounce."""

BY_STATUS: dict[str, Cause] = {
    "1.1": "no_address",
    "1.2": "no_domain",
    "1.3": "no_address",
    "1.6": "moved",
    "1.7": "sender",
    "1.8": "sender",
    "1.9": "system",
    "1.10": "no_domain",
    "2.1": "disabled",
    "2.2": "full",
    "2.3": "too_big",
    "3.1": "full",
    "3.4": "too_big",
    "4.1": "network",
    "4.2": "network",
    "4.3": "network",
    "4.4": "network",
    "4.5": "throttled",
    "4.6": "system",
    "4.7": "expired",
    "5.6": "too_big",
    "7.0": "policy",
    "7.1": "policy",
    "7.2": "policy",
    "7.17": "moved",
    "7.18": "moved",
    "7.20": "authentication",
    "7.21": "authentication",
    "7.22": "authentication",
    "7.23": "authentication",
    "7.24": "authentication",
    "7.25": "reputation",
    "7.26": "authentication",
    "7.27": "sender",
    "7.28": "throttled",
}
"""Subject and detail of the enhanced status (RFC 3463 and the register); where one lacks, the subject."""
_BY_SUBJECT: dict[str, Cause] = {"3": "system", "4": "network", "5": "system", "6": "content", "7": "policy"}

# These say "User unknown" also of subscribers who filter their mail.
_AMBIGUOUS = re.compile(r"(ezweb\.ne\.jp|au\.com|docomo\.ne\.jp)$", re.IGNORECASE)

_WORDS = tuple((cause, re.compile("|".join(phrases), re.IGNORECASE)) for cause, phrases in PHRASES)
_WEAK: frozenset[Cause] = frozenset({"policy", "network", "expired", "disabled"})
_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.])")
_CODE = re.compile(r"(?<![\d.])([245])\d\d(?![\d.])")
_LONGEST = 2000
_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?")


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why, and what follows."""

    cause: Cause
    kind: Kind


def judge(status: str | None, text: str | None, *, word: Kind | None = None, domain: str = "") -> Verdict:
    """Judge one bounce. `word` is the provider's own and counts where nothing else is clear.

    It can make no address dead whose server said something else, and none that is dead merely soft.
    """
    said = " ".join((text or "")[:_LONGEST].split())
    found = _STATUS.search(status or "") or _STATUS.search(said)
    cause = _cause(found, said)
    if cause == "unclear" and word is not None:
        return Verdict("no_address" if word == "hard" else cause, word)
    kind = KINDS[cause]
    passing = _is_passing(found, said) or _is_ambiguous(found, cause, domain)
    return Verdict(cause, "soft" if kind == "hard" and passing else kind)


def _cause(found: re.Match[str] | None, said: str) -> Cause:
    by_status = _by_status(found)
    # Names of people and domains are no words of the server's.
    by_words = _by_words(_ADDRESS.sub(" ", said))
    match by_status:
        case "no_address" | "no_domain" | "moved":
            # Misused codes: what is plainly said to be something else, is.
            return by_status if by_words is None or by_words in _WEAK else by_words
        case "policy" | "system" | "network" | "unclear":
            return by_words or by_status
        case _:
            return by_status


def _by_status(found: re.Match[str] | None) -> Cause:
    if found is None or found[2] == "0" or (found[3] == "0" and found[2] in "12"):
        return "unclear"
    return BY_STATUS.get(f"{found[2]}.{found[3]}") or _BY_SUBJECT.get(found[2]) or "unclear"


def _by_words(said: str) -> Cause | None:
    return next((cause for cause, words in _WORDS if words.search(said)), None)


def _is_passing(found: re.Match[str] | None, said: str) -> bool:
    """The server itself says that it may come right: a status or reply of class 4."""
    if found is not None:
        return found[1] == "4"
    code = _CODE.search(said)
    return code is not None and code[1] == "4"


def _is_ambiguous(found: re.Match[str] | None, cause: Cause, domain: str) -> bool:
    vague = found is None or found[2] == "0"
    return cause == "no_address" and vague and _AMBIGUOUS.search(domain) is not None
