"""The one connection that all sends to the same servers share, opened when it is needed."""

import asyncio
import copy
from collections.abc import Sequence
from typing import TYPE_CHECKING

from chronos_cli.errors import DispatchError, TimedOutError, UnreachableError
from chronos_cli.protocols.rabbitmq.address import Login, Place
from chronos_cli.protocols.rabbitmq.connection import Link, connect
from chronos_cli.protocols.rabbitmq.message import Message
from chronos_cli.protocols.tls import make_context

if TYPE_CHECKING:
    import ssl

# However long a job's limit is, an opening that several jobs wait for is begun anew after this.
_LONGEST = 60.0


class Session:
    """Keeps a connection to the first of several servers that takes us."""

    def __init__(self, login: Login, places: Sequence[Place]) -> None:
        self._login = login
        self._places = places
        self._context: ssl.SSLContext | None = None
        self._links: set[Link] = set()
        self._opening: asyncio.Task[Link] | None = None
        self._waiting = 0

    async def publish(self, message: Message, limit: float) -> None:
        """Publish over an open connection; `limit` is what the whole attempt may take."""
        link = await self._link(limit)
        await link.publish(message)

    async def close(self) -> None:
        """Close every connection, also those that are being opened."""
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
            await asyncio.wait([self._opening])
        await asyncio.gather(*(link.goodbye() for link in self._links))
        self._links.clear()

    async def _link(self, limit: float) -> Link:
        while True:
            for link in self._links:
                if link.is_usable:
                    return link
            self._links = {link for link in self._links if link.is_open}
            opening, is_ours = self._opening, False
            if opening is None or opening.done():
                opening, is_ours = asyncio.create_task(self._open(limit)), True
                opening.add_done_callback(_looked_at)
                self._opening = opening
            try:
                return await self._opened(opening)
            except TimedOutError:
                # Another sender's patience was at an end; ours may not be.
                if is_ours:
                    raise

    async def _opened(self, opening: "asyncio.Task[Link]") -> Link:
        """Wait for a connection together with others; the last to leave calls it off."""
        self._waiting += 1
        try:
            await asyncio.wait([opening])
        finally:
            self._waiting -= 1
            if not self._waiting and not opening.done():
                opening.cancel()
                self._opening = None
        try:
            return opening.result()
        except DispatchError as error:
            # Each sender has an exception of its own: what one adds, another must not read.
            raise copy.copy(error) from error

    async def _open(self, limit: float) -> Link:
        """Try the servers in turn; a rejection is the answer, whoever gave it."""
        if self._login.tls is not None and self._context is None:
            self._context = make_context(self._login.tls)
        is_list = len(self._places) > 1
        share = min(limit / len(self._places), _LONGEST) if is_list else _LONGEST
        failures: list[DispatchError] = []
        for place in self._places:
            try:
                async with asyncio.timeout(share):
                    link = await connect(self._login, place, self._context)
            except TimeoutError:
                failures.append(TimedOutError(f"no answer to the login ({place})"))
            except (UnreachableError, TimedOutError) as error:
                failures.append(error)
            else:
                self._links.add(link)
                return link
        if len(failures) == 1:
            raise failures[0]
        told = "; ".join(failure.message for failure in failures)
        codes = {failure.code for failure in failures}
        all_silent = all(isinstance(failure, TimedOutError) for failure in failures)
        kind = TimedOutError if all_silent else UnreachableError
        raise kind(told, code=codes.pop() if len(codes) == 1 else None)


def _looked_at(task: "asyncio.Task[Link]") -> None:
    """Take note of a failure that nobody waits for any more."""
    if not task.cancelled():
        task.exception()
