"""What runs are handed: the installation with its clock and channels, and what a run may do.

The clock is read here and nowhere below; stages get times. No stage logic.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime

import dagster as dg
from pydantic import Field

from automation_pipelines.channels import Channel
from automation_pipelines.installation import Installation

Clock = Callable[[], datetime]


def system_clock() -> datetime:
    """The present."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class Automation:
    """One installation as runs, schedules and sensors see it."""

    installation: Installation
    channels: Callable[[], Mapping[str, Channel]]
    clock: Clock
    first_day: date
    """The first partition."""

    @property
    def shared_clock(self) -> Clock:
        """The ledger's own time from now on, where runs speak for the present."""
        present = self.clock is system_clock
        return self.installation.database.clock(self.clock) if present else self.clock


class Release(dg.ConfigurableResource):  # type: ignore[type-arg]
    """Whether this run may commit jobs to the ledger. Only the whole tick, about now, ever does."""

    release: bool = Field(
        default=False,
        description="True: what the tick plans goes to the ledger and is sent, if the run's time is within "
        "one tick of the clock. False: a look, filed apart from the record.",
    )
    as_of: str = Field(
        default="",
        description="The logical time of the run, ISO 8601 with a zone. Empty: when the run starts.",
    )
