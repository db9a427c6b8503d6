"""Who is to be erased: the customer, what the CRM holds of theirs, their addresses; what stands for a key.

Who they are is found out by `forgetting`; what becomes of their rows is `erasing`'s.
"""

import json
import re
from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa

from automation_pipelines.catalogue.audiences import AUDIENCES
from automation_pipelines.ledger.database import Database
from automation_pipelines.ledger.suppressions import FORGOTTEN
from automation_pipelines.ledger.tables import campaign_versions

MARK = rf"^{FORGOTTEN}:[0-9a-f]{{16}}$"
"""What stands where a key of the CRM was."""
_SHORTEST = 6
"""A shorter text is looked for nowhere: it would be found everywhere."""


@dataclass(frozen=True, slots=True)
class Record:
    """A row of the CRM that is theirs, or is they: its source, number and key."""

    source: str
    id: int
    text: str


@dataclass(frozen=True, slots=True)
class Person:
    """Who is erased. `contacts` are (channel, address)."""

    tenant_id: int
    customers: frozenset[int]
    contacts: frozenset[tuple[str, str]]
    names: frozenset[str]
    records: frozenset[Record]

    @property
    def addresses(self) -> frozenset[str]:
        """Their addresses, whatever the channel, that are long enough to be looked for in texts."""
        return frozenset(address for _, address in self.contacts if len(address) >= _SHORTEST)

    @property
    def names_sought(self) -> frozenset[str]:
        """Their names that are long enough to be looked for in texts."""
        return frozenset(name for name in self.names if len(name) >= _SHORTEST and " " in name)

    def redacted(self, text: str | None) -> str | None:
        """A text without their addresses and their name."""
        texts = sorted(self.addresses | self.names_sought, key=len, reverse=True)
        if text is None or not texts:
            return text
        pattern = "|".join(map(re.escape, texts))
        return re.sub(rf"(?<!\w)(?:{pattern})(?!\w)", FORGOTTEN, text, flags=re.IGNORECASE)


def mark(salt: str, text: str) -> str:
    """What stands for a key of the CRM."""
    return f"{FORGOTTEN}:{sha256(f'{salt}:{FORGOTTEN}:{text}'.encode()).hexdigest()[:16]}"


def is_mark(text: str | None) -> bool:
    """Whether a key of the CRM was erased there."""
    return text is not None and re.match(MARK, text) is not None


def subjects_of(db: Database) -> frozenset[tuple[str, str]]:
    """(campaign, source of its subjects), of every version there ever was."""
    v = campaign_versions.c
    with db.reading() as connection:
        specs = connection.execute(sa.select(v.campaign, v.spec)).all()
    pairs = ((campaign, AUDIENCES.get(json.loads(spec)["audience"])) for campaign, spec in specs)
    return frozenset((campaign, audience.subject) for campaign, audience in pairs if audience)
