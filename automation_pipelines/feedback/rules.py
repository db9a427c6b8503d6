"""Whom an event silences, and for how long: pure rules over frames, for every way in.

| what came back                                          | suppressed                       |
|---------------------------------------------------------|----------------------------------|
| bounced, hard: there is no such address                 | for good                         |
| bounced, soft: the mailbox is full                      | 30 days                          |
| bounced, soft: anything else                            | 30 days, once 3 within 14 days   |
| bounced, block: they do not want our mail, whoever's    | never: it is only counted        |
| complained, unsubscribed                                | for good                         |
| failed: the provider holds the address for dead         | 30 days                          |
| failed: the provider knows of a complaint or an opt-out | for good                         |

The counting of soft bounces needs the past: `ledger.softbounces` does it.
"""

from datetime import timedelta

import polars as pl

FULL_FOR = timedelta(days=30)
"""How long a full mailbox is left alone, and an address that the provider itself sends nothing to."""
FULL = "full"
"""The cause of a bounce that fills this rule."""


def judged(told: pl.DataFrame) -> pl.DataFrame:
    """Add `suppresses` and `expires_at` to events with their type, kind, cause and told_at."""
    type_, kind = pl.col("type"), pl.col("kind")
    full = (type_ == "bounced") & (kind == "soft") & (pl.col("cause") == FULL)
    held_for_dead = (type_ == "failed") & (kind == "bounced")
    known = (type_ == "failed") & kind.is_in(["complained", "unsubscribed"])
    reason = (
        pl.when((type_ == "bounced") & (kind == "hard"))
        .then(pl.lit("bounced"))
        .when(full | held_for_dead)
        .then(pl.lit("bounced"))
        .when(known)
        .then(kind)
        .when(type_.is_in(["complained", "unsubscribed"]))
        .then(type_)
    )
    until = pl.when(full | held_for_dead).then(pl.col("told_at") + FULL_FOR)
    return told.with_columns(suppresses=reason, expires_at=until)
