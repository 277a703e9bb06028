"""Connections that many sends share: opened once, lent, replaced when broken, and closed.

The pool of every protocol is built on `Lender`; what a connection is, the protocol says.
"""

import asyncio
from collections.abc import Callable, Collection, Hashable
from typing import Any, Generic, Protocol, TypeVar

from chronos_cli.errors import DispatchError, TimedOutError, UnreachableError
from chronos_cli.protocols.servers import Limit

# Seconds after which an opening that somebody still waits for is begun anew.
_LONGEST_OPENING = 60.0
_CANCEL_AGAIN_AFTER = 0.1


class Connection(Protocol):
    """What is lent."""

    @property
    def is_usable(self) -> bool:
        """Whether a new send may begin on it, once it is open. It never becomes so again."""
        ...

    async def open(self, limit: Limit) -> None:
        """Make it ready; raises DispatchError. Called once, and cancelled when nobody waits."""
        ...

    async def close(self) -> None:
        """Close it, whatever came of opening it, and leave no task behind. Called once."""
        ...

    def waits_for(self) -> str | None:
        """Return what it waits for while it is being opened, and why that may not come."""
        ...


K = TypeVar("K", bound=Hashable)
C = TypeVar("C", bound=Connection)


class _Slot(Generic[K, C]):
    """The connection of a key, its users, and the task that opens it for all of them."""

    def __init__(self, key: K, connection: C, end: float) -> None:
        self.key = key
        self.connection = connection
        self.users = 0
        loop = asyncio.get_running_loop()
        self.limit = Limit(min(end, loop.time() + _LONGEST_OPENING))
        self.opening = loop.create_task(self._open())
        self.opening.add_done_callback(look_at)

    @property
    def is_open(self) -> bool:
        """Whether it was opened, and can still be used."""
        opening = self.opening
        has_opened = opening.done() and not opening.cancelled() and opening.exception() is None
        return has_opened and self.connection.is_usable

    async def opened(self) -> None:
        """Wait for it together with others; each of them has an exception of its own."""
        if not self.opening.done():
            await asyncio.wait([self.opening])
        try:
            self.opening.result()
        except DispatchError as error:
            # What one waiter adds to its exception, another must not read.
            raise error.with_message(error.message) from error

    async def close(self) -> None:
        await end_tasks([self.opening])
        await self.connection.close()

    async def _open(self) -> None:
        try:
            async with asyncio.timeout(_LONGEST_OPENING):
                await self.connection.open(self.limit)
        except TimeoutError as error:
            self.limit.was_hit = True
            raise TimedOutError("no answer in time") from error


class Lender(Generic[K, C]):
    """Lends one connection for each key; `make` makes one that is not open yet.

    A connection that cannot be used any more is not lent again. Those who still use it go on;
    the last of them closes it.
    """

    def __init__(self, make: Callable[[K], C]) -> None:
        self._make = make
        self._current: dict[K, _Slot[K, C]] = {}
        self._slots: set[_Slot[K, C]] = set()
        self._closing: set[asyncio.Task[None]] = set()

    def lend(self, key: K, seconds: float) -> "Loan[K, C]":
        """Lend the open connection of a key; `seconds` is what the whole attempt may take.

        Entering it raises what keeps the connection from being opened.
        """
        return Loan(self, key, seconds)

    async def join(self, key: K, seconds: float) -> _Slot[K, C]:
        """Become a user of the open slot of a key; raises as `lend` says."""
        slot = self._current.get(key)
        if slot is not None and slot.is_open:  # as for nearly every message
            slot.users += 1
            return slot
        return await self._joined(key, asyncio.get_running_loop().time() + seconds)

    async def close(self) -> None:
        """Close every connection, also those that are being opened."""
        self._current.clear()
        for slot in list(self._slots):
            self._end(slot)
        await asyncio.gather(*self._closing)

    async def _joined(self, key: K, end: float) -> _Slot[K, C]:
        while True:
            slot = self._slot(key, end)
            slot.users += 1
            slot.limit.shorten(end)
            try:
                await slot.opened()
            except (UnreachableError, TimedOutError):
                self.leave(slot)
                # Another's time was over; ours may not be.
                if not (slot.limit.was_hit and slot.limit.end < end):
                    raise
            except BaseException as error:
                words = slot.connection.waits_for()
                if isinstance(error, asyncio.CancelledError) and words is not None:
                    error.add_note(words)
                self.leave(slot)
                raise
            else:
                return slot

    def _slot(self, key: K, end: float) -> _Slot[K, C]:
        """Return the slot of a key: a new one when the last one is of no use any more."""
        slot = self._current.get(key)
        if slot is not None:
            if slot.is_open or not slot.opening.done():
                return slot
            if not slot.users:
                self._end(slot)
        slot = self._current[key] = _Slot(key, self._make(key), end)
        self._slots.add(slot)
        return slot

    def leave(self, slot: _Slot[K, C]) -> None:
        """End the use of a slot; the last user closes what is of no use any more."""
        slot.users -= 1
        if not slot.users and not slot.is_open:
            self._end(slot)

    def _end(self, slot: _Slot[K, C]) -> None:
        """Close a slot's connection, unless that has begun; nobody else can come to it."""
        if self._current.get(slot.key) is slot:
            del self._current[slot.key]
        if slot in self._slots:
            self._slots.discard(slot)
            task = asyncio.create_task(slot.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


class Loan(Generic[K, C]):
    """The use of a connection for as long as a block takes: `async with lender.lend(…)`.

    A generator would do the same at three times the cost, for each message.
    """

    __slots__ = ("_key", "_lender", "_seconds", "_slot")

    def __init__(self, lender: Lender[K, C], key: K, seconds: float) -> None:
        self._lender = lender
        self._key = key
        self._seconds = seconds

    async def __aenter__(self) -> C:
        self._slot = await self._lender.join(self._key, self._seconds)
        return self._slot.connection

    async def __aexit__(self, *_: object) -> None:
        self._lender.leave(self._slot)


async def end_tasks(tasks: "Collection[asyncio.Task[Any]]") -> None:
    """Cancel tasks until they have ended.

    Once is not always enough: `asyncio.wait_for` of Python 3.11, which client libraries use,
    loses a cancellation that comes in the moment in which what it waits for is there.
    """
    pending = set(tasks)
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_AFTER)


def look_at(task: "asyncio.Future[Any]") -> None:
    """Take note of an exception, so that asyncio does not complain that nobody did."""
    if not task.cancelled():
        task.exception()
