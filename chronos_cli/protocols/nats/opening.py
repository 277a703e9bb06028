"""The way to a connection to NATS: servers and their addresses in turn, TLS and the login."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.nats.errors import translated
from chronos_cli.protocols.nats.login import ConnectionOptions
from chronos_cli.protocols.nats.target import Server
from chronos_cli.protocols.refusal import refusal
from chronos_cli.protocols.resolver import resolve
from chronos_cli.protocols.servers import Limit, first_reachable
from chronos_cli.protocols.tls import make_context
from chronos_cli.redact import excerpt

if TYPE_CHECKING:
    import ssl

    from chronos_cli.protocols.nats.client import Client

_INBOX = "_INBOX"
_NOT_GREETED = (
    "connected, but no INFO came, which NATS sends at once; does this port speak another protocol, "
    "such as HTTP, or TLS from the first byte ('tls: {first: true}')?"
)
_TLS_FIRST = "; if it wants TLS before it speaks (handshake_first), set 'tls: {first: true}'"


class Opening:
    """Opens one connection; the client is given whom to tell of errors and of the end.

    Every `ping_interval` seconds the server is asked for a sign of life.
    """

    def __init__(
        self,
        options: ConnectionOptions,
        *,
        on_lost: Callable[[], None],
        on_error: Callable[[Exception], Awaitable[None]],
        ping_interval: int = 120,
    ) -> None:
        self._options = options
        self._ping_interval = ping_interval
        self._on_lost, self._on_error = on_lost, on_error
        self._context: ssl.SSLContext | None = None
        self._trying: Client | None = None

    def waits_for(self) -> str | None:
        """Return that a server keeps silent which should have spoken first."""
        client = self._trying
        if client is None or client.was_greeted or self._options.is_tls_first:
            return None
        return _NOT_GREETED

    async def first(self, limit: Limit) -> "tuple[Client, Server]":
        """Return a client that the first possible server has taken, and that server.

        Raises DispatchError when none takes us, and RejectedError when a file of TLS is unusable.
        """
        self._context = self._make_context()

        async def connect(server: Server, share: Limit) -> "tuple[Client, Server]":
            return await self._connect(server, share), server

        passing = (UnreachableError, TimedOutError)
        try:
            return await first_reachable(self._options.servers, connect, limit, passing)
        except ExceptionGroup as group:
            raise _none_reached(self._options.servers, group.exceptions) from group

    async def _connect(self, server: Server, share: Limit) -> "Client":
        """Connect to the first address of a server that accepts a connection, and log in."""

        async def connect(address: str, _share: Limit) -> "Client":
            return await self._log_in(server, address)

        try:
            addresses = await resolve(server.host, server.port)
        except OSError as error:
            raise translated(error, server.url) from error
        passing = (UnreachableError, TimedOutError)
        try:
            return await first_reachable(addresses, connect, share, passing)
        except ExceptionGroup as group:
            raise group.exceptions[-1] from group

    async def _log_in(self, server: Server, address: str) -> "Client":
        from chronos_cli.protocols.nats.client import Client

        login = self._options.login(server)
        client = Client(
            # Once it has begun, there is nothing left to agree on.
            wants_tls=None if self._options.is_tls_first else self._options.wants_tls(server),
            on_lost=self._on_lost,
        )
        self._trying = client
        try:
            await client.connect(
                servers=server.at(address),
                error_cb=self._on_error,
                **self._client_options(server),
                **login,
            )
            # On a connection that was closed instead of answered, `connect` returns as if it had.
            if not client.is_connected:
                raise self._turned_away(client, server)
        except BaseException as error:
            await client.abandon()
            if not isinstance(error, Exception):
                raise
            failure = self._login_failure(error, client, server)
            if isinstance(failure, UnreachableError):
                failure = await self._refusal(client, server, address) or failure
            raise failure from error
        return client

    async def _refusal(self, client: "Client", server: Server, ip: str) -> RejectedError | None:
        """Return what the server has against our certificate, if it asked for one."""
        if self._context is None or not client.asked_for_certificate:
            return None
        place, name = (ip, server.port), self._server_name(server)
        return await refusal(place, self._context, name, server.url, speaks_before=True)

    def _server_name(self, server: Server) -> str:
        tls = self._options.tls
        return (tls.server_name if tls else None) or server.host

    def _client_options(self, server: Server) -> dict[str, Any]:
        from chronos_cli.protocols.nats.client import FOREVER

        return {
            "name": "chronos",
            # A message that waits for a reconnection would be reported as sent.
            "allow_reconnect": False,
            "max_reconnect_attempts": 1,
            "reconnect_time_wait": 0,
            # Nothing is buffered without a connection, and no write is waited for: those waits
            # of the library swallow a cancellation.
            "pending_size": 0,
            "flusher_queue_size": 0,
            "connect_timeout": FOREVER,
            "ping_interval": self._ping_interval,
            "tls": self._context,
            "tls_hostname": self._server_name(server),
            "tls_handshake_first": self._options.is_tls_first,
            "inbox_prefix": self._options.inbox_prefix or _INBOX,
        }

    def _make_context(self) -> "ssl.SSLContext | None":
        needed = any(map(self._options.wants_tls, self._options.servers))
        return make_context(self._options.tls) if needed else None

    def _login_failure(self, error: Exception, client: "Client", server: Server) -> DispatchError:
        from nats.errors import Error

        if isinstance(error, DispatchError):
            return error.with_message(error.message)  # another, since `error` is its cause
        if isinstance(error, ConnectionError) and self._lacks_certificate(client):
            return self._turned_away(client, server)
        if isinstance(error, Error | OSError | UnicodeError):
            failure = translated(error, server.url)
            if failure.code == "AUTHORIZATION":
                return failure.with_message(f"{failure.message}; {self._options.advice(server)}")
            if not client.was_greeted and not self._options.is_tls_first:
                return failure.with_message(f"{failure.message}{_TLS_FIRST}")
            return failure
        # The library lets out whatever a stranger's bytes do to it.
        what = excerpt(f"{type(error).__name__}: {error}", 160)
        return UnreachableError(f"the server does not speak NATS ({server.url}): {what}")

    def _turned_away(self, client: "Client", server: Server) -> DispatchError:
        if self._lacks_certificate(client):
            words = "TLS: the server wants a certificate of ours ('tls.cert')"
            return RejectedError(f"{words} ({server.url})", code="TLS")
        return UnreachableError(f"the server closed the connection at login ({server.url})")

    def _lacks_certificate(self, client: "Client") -> bool:
        tls = self._options.tls
        return client.asked_for_certificate and (tls is None or tls.cert is None)


def _none_reached(servers: Sequence[Server], failures: Sequence[Exception]) -> DispatchError:
    """Return what it means that no server could be reached; one failure stands for each."""
    failed: list[DispatchError] = [
        failure
        if isinstance(failure, DispatchError)
        else TimedOutError(f"no answer in time ({server.url})")
        for server, failure in zip(servers, failures, strict=True)
    ]
    if len(failed) == 1:
        return failed[0]
    message = "; ".join(failure.message for failure in failed)
    return UnreachableError(f"no server can be reached: {message}", code=failed[-1].code)
