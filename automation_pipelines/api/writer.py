"""Group commit: requests wait in a bounded queue, one thread stores many of them in one transaction.

A request is answered once what it brought is durable. While a batch is being stored the next one gathers,
so a commit is paid for once however many wait for it. What is stored, and how, is the caller's function's.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from automation_pipelines.errors import AutomationError, LedgerError
from automation_pipelines.feedback import Told
from automation_pipelines.ledger.preferences import Choice


class BusyError(AutomationError):
    """It is not stored: the database is away, or more waits than may. Come back later."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What one request brought: stored whole, or not at all."""

    told: tuple[Told, ...] = ()
    choices: tuple[Choice, ...] = ()

    @property
    def size(self) -> int:
        """How much room it takes."""
        return max(1, len(self.told) + len(self.choices))


@dataclass(frozen=True, slots=True)
class _Waiting:
    writing: Writing
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[None]"


_Ends = Sequence[tuple["asyncio.Future[None]", BaseException | None]]


@dataclass
class Writer:
    """The queue and its thread. `save` stores writings in one go: all of them, or it raises."""

    save: Callable[[Sequence[Writing]], None]
    room: int = 20_000
    """So many events may wait."""
    batch: int = 2_000
    """So many events are stored at once, or one request with more."""
    _queue: deque[_Waiting] = field(default_factory=deque)
    _held: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _closing: bool = False
    _thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How many events wait or are being stored."""
        return self._held

    @property
    def alive(self) -> bool:
        """Whether anything will be stored."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to store."""
        self._thread = threading.Thread(target=self._run, name="writer")
        self._thread.start()

    def close(self) -> None:
        """Store what waits, then end."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    async def write(self, writing: Writing, *, within: float) -> None:
        """Return when it is durable; `BusyError` where there is no room or it takes longer than `within`.

        What takes too long may still be stored: whoever asks again changes nothing by it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._changed:
            if self._closing or (self._held and self._held + writing.size > self.room):
                msg = "more waits to be stored than may: try again later"
                raise BusyError(msg)
            self._queue.append(_Waiting(writing, loop, future))
            self._held += writing.size
            self._changed.notify()
        try:
            async with asyncio.timeout(within):
                await future
        except TimeoutError:
            msg = f"not stored within {within} s: try again later"
            raise BusyError(msg) from None

    def _run(self) -> None:
        while batch := self._next():
            try:
                self._store(batch)
            finally:
                with self._changed:
                    self._held -= sum(one.writing.size for one in batch)

    def _next(self) -> list[_Waiting]:
        """Take what waits, at most a batch; nothing once it is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing)
            taken: list[_Waiting] = []
            size = 0
            while self._queue and (not taken or size + self._queue[0].writing.size <= self.batch):
                taken.append(self._queue.popleft())
                size += taken[-1].writing.size
            return taken

    def _store(self, batch: Sequence[_Waiting]) -> None:
        try:
            self.save([one.writing for one in batch])
        except LedgerError as error:
            _tell([(one, BusyError(str(error))) for one in batch])
        except Exception as error:  # noqa: BLE001 - whatever one of them is, the others are stored
            if len(batch) == 1:
                _tell([(batch[0], error)])
            for half in (batch[: len(batch) // 2], batch[len(batch) // 2 :]) if len(batch) > 1 else ():
                self._store(half)
        else:
            _tell([(one, None) for one in batch])


def _tell(answers: Sequence[tuple[_Waiting, BaseException | None]]) -> None:
    """Wake whoever waits, once per event loop."""
    loops: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[None], BaseException | None]]] = {}
    for one, error in answers:
        loops.setdefault(one.loop, []).append((one.future, error))
    for loop, ends in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_end, ends)


def _end(ends: _Ends) -> None:
    for future, error in ends:
        if future.done():  # whoever asked has gone
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)
