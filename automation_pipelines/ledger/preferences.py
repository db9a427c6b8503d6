"""What a person chose to be written to about, by salted hash of the address: said on our own pages.

The latest word counts: who opts in again lifts what was ended at their own wish (unsubscribed, complained, or
taken over from another tool). What says that an address does not work, or that somebody here ordered, stays.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa

from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import Suppression, put
from automation_pipelines.ledger.tables import UtcDateTime, consents, suppressions

OWN_WISH = frozenset({"unsubscribed", "complained", "imported"})
"""The suppressions that a person's own word lifts."""
EVERYTHING = ""
"""The topic that stands for all of them."""
ORIGIN = "preference centre"
"""Where the consents that are recorded here come from."""
_YES = "opted_in"


class Party(NamedTuple):
    """An address of a tenant's on a channel."""

    tenant_id: int
    channel: str
    address_hash: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Somebody wants to hear of a topic on a channel, or no more."""

    party: Party
    topic: str
    wanted: bool


@dataclass(frozen=True, slots=True)
class Standing:
    """What holds for one address: the topics that were ended or agreed to; '' is all of them."""

    ended: frozenset[str] = frozenset()
    agreed: frozenset[str] = frozenset()
    blocked: bool = False
    """Whatever is chosen, nothing goes there."""

    def hears_of(self, topic: str, *, opt_in: bool = False) -> bool:
        """Whether messages about it come; with `opt_in`, nobody gets them who did not say yes."""
        agreed = not opt_in or bool(self.agreed & {EVERYTHING, topic})
        return agreed and not self.ended & {EVERYTHING, topic}


_PARTY: dict[str, sa.types.TypeEngine[Any]] = {
    "tenant_id": sa.BigInteger(),
    "channel": sa.String(),
    "address_hash": sa.String(),
}


def standings(db: Database, parties: Collection[Party], at: datetime) -> dict[Party, Standing]:
    """What holds for each of them at that time; two statements."""
    asked = db.listed("asked", _PARTY, sorted(set(parties)))
    s = suppressions.c
    own = (
        sa.select(*asked.c, s.topic, s.reason.in_(OWN_WISH).label("own"))
        .join_from(asked, suppressions, sa.and_(*(s[name] == asked.c[name] for name in _PARTY)))
        .where(s.at <= at, sa.or_(s.expires_at.is_(None), s.expires_at > at))
    )
    ended: dict[Party, set[str]] = {party: set() for party in parties}
    agreed: dict[Party, set[str]] = {party: set() for party in parties}
    blocked: set[Party] = set()
    with db.reading() as connection:
        for *party, topic, by_own_wish in connection.execute(own):
            if by_own_wish:
                ended[Party(*party)].add(topic)
            else:
                blocked.add(Party(*party))
        for *party, topic, state in connection.execute(_latest_words(asked, at)):
            (agreed if state == _YES else ended)[Party(*party)].add(topic)
    return {
        party: Standing(frozenset(ended[party]), frozenset(agreed[party]), party in blocked)
        for party in ended
    }


def _latest_words(asked: sa.Subquery, at: datetime) -> sa.Select[Any]:
    """(party, topic, state) as recorded last of each topic."""
    c = consents.c
    said = (
        sa.select(
            *asked.c,
            c.topic,
            c.state,
            sa.func.row_number()
            .over(partition_by=[*asked.c, c.topic], order_by=[c.at.desc(), c.state.desc()])
            .label("place"),
        )
        .join_from(asked, consents, sa.and_(*(c[name] == asked.c[name] for name in _PARTY)))
        .where(c.at <= at)
        .subquery("said")
    )
    return sa.select(*(said.c[name] for name in (*_PARTY, "topic", "state"))).where(said.c.place == 1)


def record(db: Database, connection: sa.Connection, choices: Sequence[Choice], at: datetime) -> None:
    """Record what was chosen, in the caller's transaction; saying the same again changes nothing.

    Of several words on one topic the last counts. To be written to again is a consent, and kept as one; of
    everything it is kept only where everything was refused before, so that it vouches for no new topic.
    """
    last = {(choice.party, choice.topic): choice.wanted for choice in choices}
    unwanted = sorted(key for key, wanted in last.items() if not wanted)
    put(db, connection, [Suppression(*party, "unsubscribed", at, topic) for party, topic in unwanted])
    wanted = sorted((*party, topic) for (party, topic), yes in last.items() if yes)
    if wanted:
        given = db.listed("given", {**_PARTY, "topic": sa.String()}, wanted)
        connection.execute(_agreed(db, given, at))
        connection.execute(_lifted(given, at))


def _lifted(given: sa.Subquery, at: datetime) -> sa.Update:
    s = suppressions.c
    same = sa.exists().where(*(s[name] == given.c[name] for name in (*_PARTY, "topic")))
    in_force = sa.or_(s.expires_at.is_(None), s.expires_at > at)
    return sa.update(suppressions).where(same, s.reason.in_(OWN_WISH), in_force).values(expires_at=at)


def _agreed(db: Database, given: sa.Subquery, at: datetime) -> sa.Insert:
    """A consent for each that does not have one already as the latest word."""
    c = consents.c
    latest = (
        sa.select(c.state)
        .where(*(c[name] == given.c[name] for name in (*_PARTY, "topic")))
        .order_by(c.at.desc(), c.state.desc())
        .limit(1)
        .scalar_subquery()
    )
    due = sa.case((given.c.topic == EVERYTHING, latest != _YES), else_=sa.func.coalesce(latest, "") != _YES)
    rows = sa.select(*given.c, sa.literal(_YES), sa.literal(at, UtcDateTime()), sa.literal(ORIGIN)).where(due)
    names = [*_PARTY, "topic", "state", "at", "origin"]
    return db.insert(consents).from_select(names, rows).on_conflict_do_nothing()
