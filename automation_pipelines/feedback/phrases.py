"""What mail servers write when they refuse, by cause: phrases of regular expressions, the surest cause first.

Only words belong here; `bounces` weighs them against the codes.
"""

from typing import Literal

Cause = Literal[
    "no_address", "no_domain", "moved", "full", "disabled", "too_big", "spam", "policy", "reputation",
    "sender", "authentication", "content", "network", "expired", "throttled", "system", "unclear",
]  # fmt: skip

WHO = r"user|recipient|mailbox|address|account|person|destinataire|customer|subscriber"

PHRASES: tuple[tuple[Cause, tuple[str, ...]], ...] = (
    (
        "full",
        (
            "mailbox (is |was )?full", r"mailbox for \S+ is full", "over ?quota",
            "quota (is |was )?exceed", "exceeds? (its |the |their )?(storage )?quota",
            "exceeded (its |their |the )?(storage|mailbox|quota)", "insufficient (system )?storage",
            "mailbox size limit", "out of storage", "maildir over", r"is full\b", "boite.{0,20}pleine",
            "no space left", "not enough (storage|disk)",
        ),
    ),
    (
        "too_big",
        (
            "too (large|big)", "size limit", "(message|maximum) (size|length) exceed",
            "exceeds? .{0,30}(size|length)", "length exceeds",
        ),
    ),
    (
        "sender",
        (
            "sender (address )?(rejected|denied|verify|not)", "domain of sender", "sender domain",
            "bad sender", "return.?path", "mail from .{0,40}(reject|not exist|invalid)",
            "from address .{0,30}(not|invalid|reject)", "email address is not verified",
        ),
    ),
    (
        "authentication",
        (
            r"\b(spf|dkim|dmarc)\b", "unauthenticated", "not authenticated",
            "authentication (is )?required",
        ),
    ),
    (
        "reputation",
        (
            r"\bptr\b", "reverse dns", r"\brdns\b", "blacklist", "black list", "blocklist", "block list",
            r"\brbl\b", r"\bdnsbl\b", "spamhaus", "barracuda", "spamcop", "sorbs", "poor reputation",
            "low reputation", "reputation", "your (ip|host|server) .{0,40}(block|reject|denied|banned)",
            "ip .{0,40}(listed|blocked|banned)", "client host .{0,60}(blocked|rejected)",
            "connection refused by policy",
        ),
    ),
    (
        "spam",
        (
            r"\bspam\b", "spamsignature", r"\bube\b", r"\bjunk\b", "unsolicited", "bulk (e-?)?mail",
            "mass mail", "looks like spam", "classified as",
        ),
    ),
    (
        "content",
        (
            r"\bvirus\b", "malware", "infected", "prohibited attachment",
            "attachment (type )?(is )?(not allowed|blocked|rejected)",
            "content (rejected|blocked|filter|policy)",
            "message (content )?(was |is )?(rejected|refused|denied|blocked)", "phish", "suspicious",
            "url .{0,30}blocked",
        ),
    ),
    (
        "throttled",
        (
            "too many (messages|connections|recipients|errors|emails)", "rate.?limit", "throttl",
            "greylist", "graylist", "try (again )?later", "temporarily deferred", "deferred",
            "exceeded the rate", "sending limit",
        ),
    ),
    (
        "disabled",
        (
            (r"(account|mailbox|user|address|recipient)\b.{0,40}"
            "(disabled|suspended|inactive|deactivated|locked|blocked|expired|frozen|on hold)"),
            "(disabled|inactive|suspended|deactivated|locked) (recipient|account|mailbox|user)",
            "not active", "no longer active",
        ),
    ),
    (
        "moved",
        (
            "has moved", "user not local; please try", "address (has )?changed",
            "no longer (works|employed|with|at|on|here|used|in use|valid|available|accept)",
        ),
    ),
    (
        "no_domain",
        (
            r"(host|domain)( name)?( \S+)? not found", "no such domain", "unknown (host|domain)",
            "unrouteable (mail )?domain", "nxdomain", "null mx",
            "domain .{0,60}(does not|doesn.?t) (exist|accept|receive)", "name or service not known",
            "bad destination (host|system|mailbox)", "no mx",
        ),
    ),
    (
        "no_address",
        (
            rf"(unknown|no such|invalid|non.?existent|nonexistent|unrouteable) (local )?({WHO}|user name)",
            (rf"({WHO}|name)s?\b.{{0,60}}"
            "(unknown|invalid|not found|not exist|doesn.?t exist|non.?existent|not known|unavailable here"
            "|not listed|not recognized|unrouteable|undeliverable)"),
            r"does(n.?t| not) have an? \S* ?account",
            "not a (valid|known) (user|mailbox|recipient|address)",
            "no (mailbox|account|user) (here|by that name|with that name)", "no valid recipients?",
            "recipnotfound", "recipient address rejected: access denied", "unknown in (virtual|local)",
            "not our customer", "user unknown", "unknown user", "this user doesn.?t have",
            "delivery to this (address|recipient)",
        ),
    ),
    (
        "expired",
        (
            "expired", "timed? ?out", "too long", "could not be delivered for", "retry time",
        ),
    ),
    (
        "network",
        (
            "connection (refused|lost|reset|dropped)", "unreachable", "dns (error|lookup|failure)",
            "no route", "host .{0,30}(down|unreach)", "lost connection",
        ),
    ),
    (
        "policy",
        (
            "polic(y|ies)", "not (allowed|permitted|accept)", "administrat", "prohibited", "access denied",
            "relay", "refused", "rejected", "denied", "blocked", "banned", "forbidden", "restricted",
        ),
    ),
)  # fmt: skip
"""Found first, it counts: what full mailboxes and spam are told comes under any code."""
