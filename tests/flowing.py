"""What becomes of jobs, and what people order, in tests whose subject is neither delivery nor commands."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from automation_pipelines.ledger.interventions import Order
from automation_pipelines.ledger.tables import identities, jobs
from automation_pipelines.subjects import order
from tests.world import World, at

FINAL = ("completed", "dead", "unknown", "cancelled")


def finish(world: World, moment: str, *, step: str | None = None, state: str = "completed") -> int:
    """Every job on its way (of one step) ends so at that moment; returns how many."""
    assert state in FINAL
    wanted = [jobs.c.state == "pending"]
    if step is not None:
        wanted.append(jobs.c.step_id.in_(sa.select(identities.c.id).where(identities.c.step == step)))
    with world.installation.database.begin() as connection:
        return connection.execute(
            jobs.update().where(*wanted).values(state=state, finished_at=at(moment), attempts=1)
        ).rowcount


def go(world: World, first: str, last: str, minutes: int = 30) -> None:
    """Tick from `first` to `last`; every message leaves at the time it is due."""
    moment = at(first)
    while moment <= at(last):
        world.tick(moment.isoformat())
        finish(world, moment.isoformat())
        moment += timedelta(minutes=minutes)


def tell(world: World, kind: Order, subject: Any, moment: str, campaign: str) -> None:
    """Somebody orders something about one subject."""
    order(
        world.installation,
        kind,
        campaign=campaign,
        subject=str(subject),
        tenant_id=None,
        by="ada",
        at=at(moment),
    )


def reasons(world: World, step: str) -> list[str]:
    """Every reason given to the moments of a step, in the order of the decisions."""
    told = world.decisions()
    rows = told.filter(told["step"] == step).sort("as_of")
    return rows["reason"].to_list()
