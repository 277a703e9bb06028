"""Connections to far sides, kept open between requests.

httpx's own pool looks through all its connections for every request that waits, which is
quadratic under fan-out. Here every connection is a pool of one, lent to one request at a time, so
that lending costs the same however many there are. Over HTTP/2 one connection serves several.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from msgspec import structs

from chronos_cli.errors import RejectedError
from chronos_cli.protocols.http.syntax import Origin, origin, url_mistake
from chronos_cli.protocols.http.target import Webhook
from chronos_cli.protocols.tls import Tls, make_context

if TYPE_CHECKING:
    import ssl

    import httpx

# Requests that share one connection of HTTP/2; servers allow a hundred or more.
_SHARING = 50


@dataclass(frozen=True, slots=True)
class Route:
    """The way to an origin: what requests must have in common to share a connection."""

    origin: Origin
    tls: Tls | None = None
    proxy: str | None = None
    proxy_tls: Tls | None = None
    unix_socket: str | None = None
    http2: bool = False

    @property
    def server_name(self) -> str | None:
        """The name that TLS is to ask for, when it is not the host's."""
        return self.tls.server_name if self.tls else None


def route(webhook: Webhook, url: str) -> Route:
    """Return the way to a URL: the webhook's own, or one it was sent on to.

    Another origin than the webhook's own, a proxy too, is not shown our certificate. Raises
    RejectedError for a proxy of the environment that cannot be used.
    """
    where = origin(url)
    is_tls = where[0] == "https"
    own, others = webhook.tls, _without_identity(webhook.tls)
    tls = (own if where == origin(webhook.url) else others) if is_tls else None
    proxy = _environment_proxy(url) if webhook.proxy == "environment" else webhook.proxy
    proxy_tls = others if proxy and origin(proxy)[0] == "https" else None
    socket = webhook.unix_socket if where == origin(webhook.url) else None
    return Route(where, tls, proxy, proxy_tls, socket, webhook.http2 and is_tls)


def _without_identity(tls: Tls | None) -> Tls | None:
    if tls is None:
        return None
    return structs.replace(tls, cert=None, key=None, key_password=None, server_name=None)


def _environment_proxy(url: str) -> str | None:
    """Return the proxy that HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY name for a URL."""
    from urllib.request import getproxies, proxy_bypass

    parts = urlsplit(url)
    proxies = getproxies()
    if proxy_bypass(parts.netloc.rpartition("@")[2]):
        return None
    proxy = proxies.get(parts.scheme.lower()) or proxies.get("all")
    if proxy and "://" not in proxy:
        proxy = f"http://{proxy}"
    if proxy and (wrong := url_mistake(proxy)):
        told = wrong.replace("the URL", "the proxy of the environment")
        raise RejectedError(told, code="PROXY")
    return proxy


@dataclass(eq=False)
class _Lane:
    """A connection and who may use it; `users` are the requests that it carries now."""

    route: Route
    transport: "httpx.AsyncHTTPTransport"
    users: int = 0
    sharing: int = field(default=1)


class Connections:
    """Lends connections; at most `max_idle` of those that nobody uses are kept."""

    def __init__(self, max_idle: int) -> None:
        self._max_idle = max_idle
        self._contexts: dict[Tls | None, ssl.SSLContext] = {}
        # Lanes with room for a request, the last used at the end.
        self._open: dict[Route, list[_Lane]] = {}
        self._idle: dict[_Lane, None] = {}  # the longest idle first
        self._all: set[_Lane] = set()

    @asynccontextmanager
    async def response(
        self, request: "httpx.Request", way: Route
    ) -> AsyncIterator["httpx.Response"]:
        """Send a request; the response's body is there to be read until the block is left."""
        lane = self._borrow(way)
        try:
            response = await lane.transport.handle_async_request(request)
            try:
                yield response
            finally:
                await response.aclose()
        finally:
            await self._give_back(lane)

    async def close(self) -> None:
        """Close all connections."""
        for lane in list(self._all):
            await self._discard(lane)

    def _borrow(self, way: Route) -> _Lane:
        free = self._open.get(way)
        if not free:
            lane = _Lane(way, self._transport(way), sharing=_SHARING if way.http2 else 1)
            self._all.add(lane)
            free = self._open[way] = [lane]
        lane = free[-1]
        lane.users += 1
        self._idle.pop(lane, None)
        if lane.users >= lane.sharing:
            free.pop()
        return lane

    async def _give_back(self, lane: _Lane) -> None:
        if lane not in self._all:  # closed in the meantime
            return
        if lane.users >= lane.sharing:
            self._open.setdefault(lane.route, []).append(lane)
        lane.users -= 1
        if lane.users == 0 and _has_leftovers(lane.transport):
            await self._discard(lane)
        elif lane.users == 0:
            self._idle[lane] = None
            while len(self._idle) > self._max_idle:
                await self._discard(next(iter(self._idle)))

    async def _discard(self, lane: _Lane) -> None:
        self._all.discard(lane)
        self._idle.pop(lane, None)
        free = self._open.get(lane.route, [])
        if lane in free:
            free.remove(lane)
        if not free:
            self._open.pop(lane.route, None)
        await lane.transport.aclose()

    def _transport(self, way: Route) -> "httpx.AsyncHTTPTransport":
        import httpx

        if way.http2 and find_spec("h2") is None:
            told = "HTTP/2 needs 'h2'; run: pip install 'chronos-dispatch[http2]'"
            raise RejectedError(told, code="HTTP2")
        return httpx.AsyncHTTPTransport(
            verify=self._context(way.tls) if way.origin[0] == "https" else self._no_context,
            http2=way.http2,
            # A server that turns HTTP/2 down needs a connection for each of those who share.
            limits=httpx.Limits(max_connections=_SHARING if way.http2 else 1),
            proxy=self._proxy(way),
            uds=way.unix_socket,
            trust_env=False,
        )

    def _proxy(self, way: Route) -> "httpx.Proxy | None":
        import httpx

        if way.proxy is None:
            return None
        is_tls = origin(way.proxy)[0] == "https"
        return httpx.Proxy(way.proxy, ssl_context=self._context(way.proxy_tls) if is_tls else None)

    def _context(self, tls: Tls | None) -> "ssl.SSLContext":
        if tls not in self._contexts:
            self._contexts[tls] = make_context(tls)
        return self._contexts[tls]

    @cached_property
    def _no_context(self) -> "ssl.SSLContext":
        """What the client wants to be given even for http://; it loads no authorities."""
        import ssl

        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _has_leftovers(transport: "httpx.AsyncHTTPTransport") -> bool:
    """Whether more came over HTTP/1.1 than the response to what was asked.

    On a connection that is used again it would be taken for the next answer. The client has no
    public word of it; where its inside is another one, no connection is used again.
    """
    try:
        return any(_leftover(one) for one in transport._pool.connections)  # noqa: SLF001
    except AttributeError:
        return True


def _leftover(connection: Any) -> bytes:
    """Return what is left in the parser of a connection, which those to a proxy wrap."""
    while not hasattr(connection, "_h11_state"):
        if not hasattr(connection, "_connection"):
            return b""  # HTTP/2 numbers its answers
        connection = connection._connection  # noqa: SLF001
    left: bytes = connection._h11_state.trailing_data[0]  # noqa: SLF001
    return left
