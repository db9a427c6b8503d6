"""Messages inside the product: rows of table `notifications` in the automation database.

The identity is UNIQUE there, so handing over again adds nothing. Reading them is `ledger.notifications`'.
"""

from collections.abc import Sequence
from functools import cached_property

import sqlalchemy as sa

from automation_pipelines.errors import LedgerError
from automation_pipelines.ledger import notifications
from automation_pipelines.ledger.database import Database
from automation_pipelines.model import Handoff, Note, Outcome, Reject, Retry, Sent
from automation_pipelines.settings import Settings


def build(name: str, settings: Settings) -> "InAppChannel":
    """The channel over the automation database; connects to nothing yet."""
    return InAppChannel(name, settings.database)


class InAppChannel:
    """Channel `in_app`."""

    repeatable = True

    def __init__(self, name: str, url: str) -> None:
        """Remember where."""
        self.name = name
        self._url = url

    @cached_property
    def _database(self) -> Database:
        return Database.open(self._url)

    def send(self, handoffs: Sequence[Handoff]) -> list[Outcome | None]:
        """Add all of them in one statement; where one breaks it, each in a statement of its own."""
        notes = [one for one in handoffs if isinstance(one, Note)]
        answers = dict(zip((one.identity for one in notes), self._add(notes), strict=True))
        return [
            answers[one.identity] if isinstance(one, Note) else Reject(f"{type(one).__name__} is no message")
            for one in handoffs
        ]

    def close(self) -> None:
        """Give back the connections."""
        if "_database" in self.__dict__:
            self._database.close()
            del self._database

    def _add(self, notes: Sequence[Note]) -> list[Outcome]:
        if not notes:
            return []
        try:
            notifications.add(self._database, notes)
        except sa.exc.DataError as error:  # a text that the database cannot hold
            if len(notes) == 1:
                return [Reject(f"the automation database says: {error.orig}"[:500])]
            return [self._add([one])[0] for one in notes]
        except (sa.exc.DBAPIError, LedgerError) as error:  # not migrated; busy, full, away
            reason = error.reason if isinstance(error, LedgerError) else error.orig
            said = f"the automation database says: {reason}"[:500]
            return [Retry(said, provider=True)] * len(notes)
        return [Sent()] * len(notes)
