"""Several servers or addresses for one connection: they are tried in turn, within one limit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import TypeVar

S = TypeVar("S")
C = TypeVar("C")


class Limit:
    """Until when those who wait for a connection will wait: `end`, in the event loop's time.

    Others who join them may have less time; then the limit moves forward. `was_hit` tells that a
    server was given up because of it.
    """

    def __init__(self, end: float) -> None:
        self.end = end
        self.was_hit = False
        self._on_change: Callable[[], None] | None = None

    def shorten(self, end: float) -> None:
        """Move the end forward, and that of the share that is being used up with it."""
        if end < self.end:
            self.end = end
            if self._on_change is not None:
                self._on_change()

    @asynccontextmanager
    async def share(self, parts: int) -> AsyncIterator["Limit"]:
        """Hold the block to one of so many equal shares of the time that is left.

        The last share has no end of its own: who waits for it leaves when his time is over.
        Raises TimeoutError when the share is used up.
        """
        began = asyncio.get_running_loop().time()
        share = Limit(self.end)
        try:
            async with asyncio.timeout(None) as timeout:

                def adjust() -> None:
                    share.shorten(began + (self.end - began) / parts)
                    if parts > 1 and not timeout.expired():
                        timeout.reschedule(share.end)

                adjust()
                self._on_change = adjust
                yield share
        finally:
            self._on_change = None
            self.was_hit |= timeout.expired() or share.was_hit


async def first_reachable(
    servers: Sequence[S],
    connect: Callable[[S, Limit], Awaitable[C]],
    limit: Limit,
    passing: tuple[type[Exception], ...],
) -> C:
    """Return what `connect` returns for the first server that it succeeds for.

    Each server has an equal share of what is left of the limit. Only exceptions of the kinds
    `passing` lead on to the next one. When all have failed, an ExceptionGroup has their
    exceptions, in the order of the servers; that of a silent one is a TimeoutError.
    """
    failures: list[Exception] = []
    passing = (TimeoutError, *passing)
    for index, server in enumerate(servers):
        try:
            async with limit.share(len(servers) - index) as share:
                return await connect(server, share)
        except passing as error:
            failures.append(error)
    raise ExceptionGroup("no server can be reached", failures)
