"""Every error this project raises on purpose: one tree, the root on top.

A message says what is wrong, where, and what to do about it. Configuration errors (somebody must
edit something) are kept apart from data errors (the CRM sent something we cannot use) and from
refusals (the request makes no sense in the present state). Delivery failures are not errors:
channels answer with an `Outcome` (see `model`).
"""

from collections.abc import Sequence


class AutomationError(Exception):
    """Root of the tree: catching it catches everything raised on purpose, and no bug."""


class ConfigurationError(AutomationError):
    """A setting, SQL file or installation is wrong; nothing was started."""


class CampaignError(ConfigurationError):
    """A campaign file is refused. `problems` holds one `file:line: what, allowed values` each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class ConditionError(ConfigurationError):
    """Conditions or a rule are refused. `problems` holds one `place on 'field': what` each.

    `places` says where in the document each of them is, as keys and numbers.
    """

    def __init__(self, problems: Sequence[str], places: Sequence[tuple[str | int, ...]] = ()) -> None:
        self.problems = tuple(problems)
        self.places = tuple(places)
        super().__init__("\n".join(self.problems))


class SourceError(AutomationError):
    """The CRM cannot be read, or what it returned breaks the contract of its sources."""


class ContractError(SourceError):
    """All violations of all sources of one extraction, reported together."""

    def __init__(self, violations: Sequence[str]) -> None:
        self.violations = tuple(violations)
        super().__init__("\n".join(self.violations))


class RefusedError(AutomationError):
    """The request is understood and not allowed now (an illegal move, an unknown id)."""


class LockedError(RefusedError):
    """Another planner holds the lock of this database."""


class LedgerError(AutomationError):
    """The automation database is away, full or busy: what was being written is there whole or not at all."""

    def __init__(self, database: str, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the automation database {database} cannot be used now: {reason}")


class FiguresError(AutomationError):
    """Figures do not add up: they are not published, and what was published before stays."""


class StatsDatabaseError(AutomationError):
    """The database that analysts are given a copy in is away, or refuses it: the former copy is whole."""


class MessageError(AutomationError):
    """A message cannot be made: its template is wrong, a variable is missing or an address unusable."""


class FeedbackError(AutomationError):
    """Somebody told us something that cannot be taken; nothing of it was recorded."""


class ForgedError(FeedbackError):
    """It does not prove that it is the provider's: a wrong or old signature, or no secret to tell by."""


class MalformedError(FeedbackError):
    """It is signed or needs no signature, and is nothing that this provider says."""
