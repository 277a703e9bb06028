"""The connections to NATS of one process: one for each access, replaced when broken."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from chronos_cli.errors import TimedOutError, UnreachableError
from chronos_cli.protocols.nats.connection import Link
from chronos_cli.protocols.nats.login import Access


class Links:
    """The connections of one process, by access."""

    def __init__(self) -> None:
        self._links: dict[Access, Link] = {}
        self._retired: set[Link] = set()
        self._closing: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def use(self, access: Access) -> AsyncIterator[Link]:
        """Lend the connection of an access; one that failed anybody is not lent again."""
        link = self._links.get(access)
        if link is None or link.is_lost:
            if link is not None:
                self._retire(access, link)
            link = self._links[access] = Link(access)
        link.users += 1
        try:
            yield link
        except (asyncio.CancelledError, UnreachableError, TimedOutError):
            self._retire(access, link)
            raise
        finally:
            link.users -= 1
            if link.is_retired and not link.users:
                self._end(link)

    async def close(self) -> None:
        """Close every connection."""
        links = [*self._links.values(), *self._retired]
        self._links.clear()
        self._retired.clear()
        await asyncio.gather(*self._closing, *(link.close() for link in links))

    def _retire(self, access: Access, link: Link) -> None:
        """Lend it no more; those who still use it go on, and the last one ends it."""
        if self._links.get(access) is link:
            del self._links[access]
        if not link.is_retired:
            link.is_retired = True
            self._retired.add(link)
            if not link.users:
                self._end(link)

    def _end(self, link: Link) -> None:
        if link in self._retired:
            self._retired.discard(link)
            task = asyncio.create_task(link.close())
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)
