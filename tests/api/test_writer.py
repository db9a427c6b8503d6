"""Many wait for one transaction; one that cannot be stored takes no other with it."""

import asyncio
import threading
from collections.abc import Sequence

import pytest

from automation_pipelines.api.writer import BusyError, Writer, Writing
from automation_pipelines.errors import LedgerError
from automation_pipelines.ledger.preferences import Choice, Party

_AWAY = "sqlite:///x", "it is away"


def writing(name: str) -> Writing:
    return Writing(choices=(Choice(Party(1, "email", name), "", wanted=False),))


class Store:
    """Keeps what it is given, once it is let; `poison` cannot be stored."""

    def __init__(self) -> None:
        self.open = threading.Event()
        self.batches: list[list[str]] = []

    def save(self, writings: Sequence[Writing]) -> None:
        assert self.open.wait(10)
        names = [one.choices[0].party.address_hash for one in writings]
        if "away" in names:
            raise LedgerError(*_AWAY)
        if "poison" in names:
            raise ValueError(names)
        self.batches.append(names)


def ask(writer: Writer, names: Sequence[str], store: Store) -> list[BaseException | None]:
    async def asking() -> list[BaseException | None]:
        tasks = [asyncio.create_task(writer.write(writing(name), within=10)) for name in names]
        await asyncio.sleep(0)
        store.open.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    writer.start()
    try:
        return asyncio.run(asking())
    finally:
        writer.close()


def test_those_who_wait_are_stored_together_and_told_one_by_one() -> None:
    store = Store()
    names = [str(number) for number in range(100)]
    assert ask(Writer(store.save), names, store) == [None] * 100
    assert sorted(name for batch in store.batches for name in batch) == sorted(names)
    assert len(store.batches) <= 3


def test_what_cannot_be_stored_fails_alone() -> None:
    store = Store()
    told = ask(Writer(store.save), ["a", "b", "poison", "c", "d"], store)
    assert [type(one) for one in told] == [type(None), type(None), ValueError, type(None), type(None)]
    assert sorted(name for batch in store.batches for name in batch) == ["a", "b", "c", "d"]


def test_while_the_ledger_is_away_everybody_is_told_to_come_again() -> None:
    store = Store()
    told = ask(Writer(store.save, batch=2), ["away", "away"], store)
    assert [type(one) for one in told] == [BusyError, BusyError]


def test_there_is_room_for_so_many_and_no_more() -> None:
    store = Store()
    told = ask(Writer(store.save, room=3), ["a", "b", "c", "d", "e"], store)
    assert [type(one) for one in told] == [type(None)] * 3 + [BusyError] * 2
    assert sorted(name for batch in store.batches for name in batch) == ["a", "b", "c"]


def test_who_waits_too_long_is_told_so_and_a_closed_one_takes_nothing() -> None:
    store = Store()
    writer = Writer(store.save)

    async def impatient() -> None:
        with pytest.raises(BusyError, match="not stored within"):
            await writer.write(writing("a"), within=0.01)
        store.open.set()

    writer.start()
    asyncio.run(impatient())
    writer.close()
    assert store.batches == [["a"]]
    with pytest.raises(BusyError):
        asyncio.run(writer.write(writing("b"), within=1))
