"""Opens connections: sockets, proxies, TLS, and the version of HTTP that is agreed on."""

import asyncio
import socket
import ssl
from urllib.parse import unquote, urlsplit

from chronos_cli.protocols.dial import dial, dial_unix
from chronos_cli.protocols.http.auth import basic
from chronos_cli.protocols.http.request import Headers
from chronos_cli.protocols.http.route import Route
from chronos_cli.protocols.http.syntax import origin
from chronos_cli.protocols.http.url import connectable, in_url, tls_name
from chronos_cli.protocols.http.wire import Wire
from chronos_cli.protocols.tls import Tls, make_context

_UNANSWERED = "the TLS handshake has no answer; a port without TLS wants http://"
_HTTP1 = ["http/1.1"]
_HTTP2 = ["h2", "http/1.1"]


class Contexts:
    """TLS contexts by what they are made of: making one costs tens of milliseconds."""

    def __init__(self) -> None:
        self._made: dict[tuple[Tls | None, bool], ssl.SSLContext] = {}

    def get(self, tls: Tls | None, *, http2: bool = False) -> ssl.SSLContext:
        """Return a context; RejectedError when a file that it needs cannot be used."""
        context = self._made.get((tls, http2))
        if context is None:
            context = self._made[tls, http2] = make_context(tls)
            context.set_alpn_protocols(_HTTP2 if http2 else _HTTP1)
        return context


async def connected(way: Route, contexts: Contexts) -> tuple[Wire, str | None]:
    """Return a connection along a route, and the protocol that its TLS agreed on.

    Raises one of FAILURES, and RejectedError for TLS files that cannot be used.
    """
    host, port = connectable(way.origin[1]), way.origin[2]
    context = contexts.get(way.tls, http2=way.http2) if way.is_tls else None
    proxy_context = contexts.get(way.proxy_tls) if way.is_proxy_tls else None
    wire = await _dialled(way, host, port)
    try:
        if way.proxy is not None and proxy_context is not None:
            await wire.start_tls(proxy_context, tls_name(connectable(origin(way.proxy)[1])))
        if context is None:
            return wire, None
        if way.proxy is not None:
            from chronos_cli.protocols.http.tunnel import open_tunnel

            await open_tunnel(wire, f"{in_url(host)}:{port}", proxy_headers(way.proxy))
        name = (way.tls.server_name if way.tls else None) or tls_name(host)
        return wire, await wire.start_tls(context, name)
    except BaseException as error:
        if isinstance(error, asyncio.CancelledError) and wire.is_in_handshake:
            error.add_note(_UNANSWERED)
        wire.abort()
        raise


def proxy_headers(proxy: str) -> Headers:
    """Return the headers that a proxy is to see: the login that its URL holds."""
    parts = urlsplit(proxy)
    if parts.username is None:
        return []
    login = basic(unquote(parts.username), unquote(parts.password or ""))
    return [("Proxy-Authorization", login)]


async def _dialled(way: Route, host: str, port: int) -> Wire:
    """Return the connection to the far side itself, or to the proxy before it."""
    if way.unix_socket is not None:
        return await _opened(await dial_unix(way.unix_socket))
    if way.proxy is not None:
        _, written, port = origin(way.proxy)
        host = connectable(written)
    return await _opened(await dial(host, port))


async def _opened(connected_socket: socket.socket) -> Wire:
    wire = Wire(connected_socket)
    try:
        await wire.open()
    except BaseException:
        wire.abort()
        raise
    return wire
