"""Connections to far sides, kept open between requests.

Lending costs the same however many connections there are. Over HTTP/1.1 a connection carries one
request at a time, over HTTP/2 several share one.
"""

import asyncio
from typing import TYPE_CHECKING, Union

from msgspec.structs import replace

from chronos_cli.errors import RejectedError
from chronos_cli.protocols.http.connect import Contexts, connected, proxy_headers
from chronos_cli.protocols.http.errors import AgainError, Http1Error
from chronos_cli.protocols.http.http1 import Http1Connection
from chronos_cli.protocols.http.request import Outgoing
from chronos_cli.protocols.http.response import Answer
from chronos_cli.protocols.http.route import Route

if TYPE_CHECKING:
    from chronos_cli.protocols.http.http2 import Http2Connection

# Ways whose far side turned HTTP/2 down that are remembered.
_MOST_REFUSALS = 1000
# Connections that are kept where nobody says how many.
_FEWEST_IDLE = 100
# How often a message that was not answered at all is sent again at once.
_REPLACEMENTS = 2


Connection = Union["Http1Connection", "Http2Connection"]


class Connections:
    """Lends connections; at most `max_idle` of those that nobody uses are kept.

    Without it as many are kept as there were requests at the same time: a thousand jobs that are
    due in one instant need as many in the next.
    """

    def __init__(self, max_idle: int | None) -> None:
        self._max_idle = _FEWEST_IDLE if max_idle is None else max_idle
        self._grows = max_idle is None
        self._under_way = 0  # requests, also those whose connection is being opened
        self._contexts = Contexts()
        self._ways: dict[Connection, Route] = {}  # all connections that are open
        # Those with room for a request, by their way, the last used at the end.
        self._room: dict[Route, dict[Connection, None]] = {}
        self._idle: dict[Connection, None] = {}  # the longest idle first
        self._refusals: dict[Route, Route] = {}  # of HTTP/2: the way over HTTP/1.1
        self._opening: dict[Route, asyncio.Lock] = {}

    async def exchange(self, request: Outgoing, way: Route) -> Answer:
        """Send a request along a way and return its answer.

        A kept connection that ended before anything of an answer came is replaced, and the
        request sent again at once. Raises one of FAILURES, or a DispatchError.
        """
        self._under_way += 1
        if self._grows and self._under_way > self._max_idle:
            self._max_idle = self._under_way
        try:
            return await self._exchange(request, way)
        finally:
            self._under_way -= 1

    async def _exchange(self, request: Outgoing, way: Route) -> Answer:
        for number in range(_REPLACEMENTS + 1):
            connection = await self._borrow(way, fresh=number == _REPLACEMENTS)
            try:
                return await connection.exchange(request)
            except AgainError as error:
                if isinstance(error, Http1Error):
                    self._refuse_http2(way)
                if number == _REPLACEMENTS:
                    raise error.cause from error
            finally:
                self._give_back(connection)
        raise AssertionError  # the last round returns or raises

    async def close(self) -> None:
        """Close all connections."""
        for connection in list(self._ways):
            self._discard(connection)
        await asyncio.sleep(0)  # the loop closes the sockets

    async def _borrow(self, way: Route, *, fresh: bool) -> Connection:
        """Return a connection with room; `fresh` when no kept one is wanted."""
        way = self._refusals.get(way, way)
        kept = None if fresh else self._kept(way)
        if kept is not None:
            return kept
        if not way.http2:
            return await self._connected(way)
        # Those who come together wait for the first, and share its connection.
        lock = self._opening.setdefault(way, asyncio.Lock())
        try:
            async with lock:
                kept = None if fresh else self._kept(way)
                if kept is not None:
                    return kept
                if way not in self._refusals:
                    return await self._connected(way)
        finally:
            if not lock.locked():
                self._opening.pop(way, None)
        return await self._connected(self._refusals[way])

    def _kept(self, way: Route) -> Connection | None:
        """Return a connection that stands and has room."""
        room = self._room.get(way)
        while room:
            connection = next(reversed(room))
            if connection.is_usable():
                self._lend(connection, way)
                return connection
            del room[connection]
            if not connection.users:
                self._discard(connection)
        return None

    async def _connected(self, way: Route) -> Connection:
        """Return a new connection."""
        if way.http2:
            _require_http2()
        wire, agreed = await connected(way, self._contexts)
        connection: Connection
        if agreed == "h2":
            from chronos_cli.protocols.http.http2 import Http2Connection

            connection = Http2Connection(wire)
        else:
            if way.http2:
                way = self._refuse_http2(way)
            forwarding = proxy_headers(way.proxy) if way.proxy and way.is_forwarded else None
            connection = Http1Connection(wire, forwarding)
        self._ways[connection] = way
        wire.on_end = lambda: self._discard(connection) if not connection.users else None
        self._lend(connection, way)
        return connection

    def _lend(self, connection: Connection, way: Route) -> None:
        connection.users += 1
        self._idle.pop(connection, None)
        if connection.users < connection.sharing:
            self._room.setdefault(way, {})[connection] = None
        else:
            self._leave_room(connection, way)

    def _give_back(self, connection: Connection) -> None:
        connection.users -= 1
        way = self._ways.get(connection)
        if way is None:  # closed in the meantime
            return
        if connection.is_spoilt:
            self._leave_room(connection, way)
            if not connection.users:
                self._discard(connection)
            return
        if connection.users < connection.sharing:
            self._room.setdefault(way, {})[connection] = None
        if not connection.users:
            self._idle[connection] = None
            if len(self._idle) > self._max_idle:
                self._discard(next(iter(self._idle)))

    def _discard(self, connection: Connection) -> None:
        way = self._ways.pop(connection, None)
        if way is None:
            return
        self._idle.pop(connection, None)
        self._leave_room(connection, way)
        connection.close()

    def _leave_room(self, connection: Connection, way: Route) -> None:
        room = self._room.get(way)
        if room is not None:
            room.pop(connection, None)
            if not room:
                del self._room[way]

    def _refuse_http2(self, way: Route) -> Route:
        """Remember that a far side wants HTTP/1.1; return the way over that."""
        if len(self._refusals) >= _MOST_REFUSALS:
            self._refusals.clear()
        over_http1 = replace(way, http2=False)
        if way.http2:
            self._refusals[way] = over_http1
        return over_http1


def _require_http2() -> None:
    from importlib.util import find_spec

    if find_spec("h2") is None:
        from chronos_cli.dispatch.install import OWN_PACKAGE, install_command

        message = f"HTTP/2 needs 'h2'; run: {install_command(OWN_PACKAGE, 'http2')}"
        raise RejectedError(message, code="HTTP2")
