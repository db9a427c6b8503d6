"""The month is lived once for all tests that look at it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from automation_pipelines.tick import TickResult
from tests.month.life import AS_OF, Life, give_orders, moments

REPEATED = tuple(AS_OF + timedelta(hours=hours) for hours in (0, 24, 240))
"""The ticks that are run a second time."""
FROZEN = AS_OF + timedelta(days=4)
"""When a copy is put aside, for a look ahead."""


@dataclass
class Month:
    """What was lived: the whole, the beginning, a copy of a day in between, and the second runs of ticks."""

    life: Life
    beginning: Life
    frozen: Life
    again: list[TickResult]


@pytest.fixture(scope="session")
def month(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Month]:
    """The month, lived."""
    root = tmp_path_factory.mktemp("month")
    life = Life.begin(root / "life")
    beginning = life.copy(root / "beginning")
    frozen, again, before = beginning, [], AS_OF
    for now, following in moments():
        give_orders(life, before, now)
        life.live(now, following)
        if now in REPEATED:
            again.append(life.tick(now))
        if now == FROZEN:
            frozen = life.copy(root / "frozen")
        before = now
    yield Month(life, beginning, frozen, again)
    for world in (life, beginning, frozen):
        world.installation.database.close()
