"""One connection to NATS, shared by many sends, each of which learns what became of it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.lending import end_tasks, look_at
from chronos_cli.protocols.nats.errors import translated
from chronos_cli.protocols.nats.login import ConnectionOptions
from chronos_cli.protocols.nats.pending import PendingMessage
from chronos_cli.protocols.nats.target import Server
from chronos_cli.protocols.resolver import resolve
from chronos_cli.protocols.servers import Limit, first_reachable
from chronos_cli.protocols.tls import make_context
from chronos_cli.redact import excerpt

if TYPE_CHECKING:
    import ssl

    from nats.aio.msg import Msg

    from chronos_cli.protocols.nats.client import Client

_INBOX = "_INBOX"
_NO_RESPONDERS = "503"
_TLS_FIRST = "; if it wants TLS before it speaks (handshake_first), set 'tls: {first: true}'"

T = TypeVar("T")
Operation = Callable[["Client"], Coroutine[Any, Any, T]]


class Connection:
    """One connection; it knows the messages that are on their way.

    One that failed anybody is not used again.
    """

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self._context: ssl.SSLContext | None = None
        self._is_retired = False
        self._pending: set[PendingMessage] = set()
        # Those that were cancelled or refused, for what the server still has to say of them: one
        # violation refuses all of a subject, and the server tells of each.
        self._former: dict[tuple[str, str | None, bool], PendingMessage] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._next_ping: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._no_inbox: str | None = None
        self._where = ", ".join(server.url for server in options.servers)

    @property
    def is_usable(self) -> bool:
        """Whether a new send may begin here."""
        client = self._client
        return client is not None and client.is_reading and not self._is_retired

    async def open(self, limit: Limit) -> None:
        """Try the servers in turn; a rejection is the answer, whoever gave it.

        Raises DispatchError when none takes us, and RejectedError when a file of TLS is unusable.
        """
        self._context = self._make_context()
        passing = (UnreachableError, TimedOutError)
        try:
            await first_reachable(self._options.servers, self._connect, limit, passing)
        except ExceptionGroup as group:
            raise _none_reached(self._options.servers, group.exceptions) from group

    async def close(self) -> None:
        """Close the connection and leave nothing behind."""
        if self._client is not None:
            await self._client.abandon()
        await end_tasks(self._tasks)

    async def carry(self, message: PendingMessage, operation: Operation[T]) -> T:
        """Run what sends a message, until it is done, refused, or the connection ends.

        Raises RejectedError when the server refuses it, and UnreachableError when the connection
        ends before that is known.
        """
        try:
            return await self._carried(message, operation)
        except (asyncio.CancelledError, UnreachableError, TimedOutError):
            self._is_retired = True
            raise

    async def ask(
        self, message: PendingMessage, body: bytes, headers: dict[str, str] | None = None
    ) -> "Msg":
        """Send a request, and return the reply; RejectedError if nobody listens.

        All requests have their replies through one subscription. Raises as `carry` does.
        """
        self._pending.add(message)
        try:
            return await self._replied(message, body, headers)
        except asyncio.CancelledError:
            self._former[message.identity] = message
            self._is_retired = True
            raise
        except (UnreachableError, TimedOutError):
            self._is_retired = True
            raise
        finally:
            self._pending.discard(message)

    async def _replied(
        self, message: PendingMessage, body: bytes, headers: dict[str, str] | None
    ) -> "Msg":
        from nats.errors import Error

        client = self._client
        assert client is not None
        if self._no_inbox:
            raise self._refusal(self._no_inbox)
        if not client.is_reading:
            raise self._loss(client)
        try:
            await client.ask(message.subject, body, headers, message.ended)
        except (Error, OSError) as error:
            raise translated(error, self._where) from error
        reply: Msg | None = await message.ended
        if message.refused is not None:
            self._former[message.identity] = message
            raise message.refused
        if reply is None:
            raise self._loss(client)
        if reply.headers and reply.headers.get("Status") == _NO_RESPONDERS:
            text = f"nobody listens on {message.subject}, so there was no responder"
            raise RejectedError(text, code="NO_RESPONDERS")
        return reply

    @property
    def max_payload(self) -> int:
        """Bytes of the largest message, with its headers, that the server takes."""
        assert self._client is not None
        return self._client.max_payload

    @property
    def has_jetstream(self) -> bool:
        """Whether the server stores messages itself."""
        return self._client is not None and self._client.has_jetstream

    async def _carried(self, message: PendingMessage, operation: Operation[T]) -> T:
        client = self._client
        assert client is not None
        task = asyncio.create_task(operation(client))
        self._kept(task)
        self._pending.add(message)
        try:
            if not client.is_reading:
                message.end()
            awaited: set[asyncio.Future[Any]] = {task, message.ended}
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            if message.refused is not None:
                self._former[message.identity] = message
                raise message.refused
            if not task.done():
                raise self._loss(client)
            return await self._result(task)
        except asyncio.CancelledError:
            self._former[message.identity] = message
            raise
        finally:
            self._pending.discard(message)
            task.cancel()

    async def confirmed(self, client: "Client") -> None:
        """Wait until the server has worked off, and answered, all that was published so far.

        The library's first ping overtakes messages that still wait for its writer; by the time
        that its pong is back, they are written, so the second one follows them. A refusal comes
        before the second pong. Its `flush` may return with nothing written, `rtt` never does.
        """
        for _ in range(2):
            await self._round_trip(client)

    def _round_trip(self, client: "Client") -> Awaitable[None]:
        """Wait for a ping that has yet to be sent, with all who ask for one before it is.

        It has a task of the link's own: the pong of a cancelled ping kills the connection.
        """
        if self._next_ping is None:
            self._next_ping = self._kept(asyncio.create_task(self._ping(client)))
        return asyncio.shield(self._next_ping)

    async def _ping(self, client: "Client") -> None:
        from chronos_cli.protocols.nats.client import FOREVER

        self._next_ping = None
        await client.rtt(FOREVER)

    def _kept(self, task: "asyncio.Task[T]") -> "asyncio.Task[T]":
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(look_at)
        return task

    async def _result(self, task: "asyncio.Task[T]") -> T:
        from nats.errors import Error

        try:
            return await task
        except (Error, OSError) as error:
            raise translated(error, self._where) from error

    async def _connect(self, server: Server, share: Limit) -> None:
        """Connect to the first address of a server that accepts a connection, and log in."""

        async def connect(address: str, _share: Limit) -> None:
            await self._log_in(server, address)

        try:
            addresses = await resolve(server.host, server.port)
        except OSError as error:
            raise translated(error, server.url) from error
        passing = (UnreachableError, TimedOutError)
        try:
            await first_reachable(addresses, connect, share, passing)
        except ExceptionGroup as group:
            raise group.exceptions[-1] from group

    async def _log_in(self, server: Server, address: str) -> None:
        from chronos_cli.protocols.nats.client import Client

        login = self._options.login(server)
        client = Client(
            # Once it has begun, there is nothing left to agree on.
            wants_tls=None if self._options.is_tls_first else self._options.wants_tls(server),
            on_lost=self._on_lost,
        )
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
            if isinstance(error, DispatchError) or not isinstance(error, Exception):
                raise
            raise self._login_failure(error, client, server) from error
        self._client, self._where = client, server.url

    def _client_options(self, server: Server) -> dict[str, Any]:
        from chronos_cli.protocols.nats.client import FOREVER

        tls = self._options.tls
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
            "tls": self._context,
            "tls_hostname": (tls.server_name if tls else None) or server.host,
            "tls_handshake_first": self._options.is_tls_first,
            "inbox_prefix": self._options.inbox_prefix or _INBOX,
        }

    def _make_context(self) -> "ssl.SSLContext | None":
        needed = any(map(self._options.wants_tls, self._options.servers))
        return make_context(self._options.tls) if needed else None

    def _login_failure(self, error: Exception, client: "Client", server: Server) -> DispatchError:
        from nats.errors import Error

        if isinstance(error, ConnectionError) and self._lacks_certificate(client):
            return self._turned_away(client, server)
        if isinstance(error, Error | OSError | UnicodeError):
            failure = translated(error, server.url)
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

    def _loss(self, client: "Client") -> UnreachableError:
        reason = client.last_error
        words = "the connection was lost before the message was confirmed"
        if reason is not None:
            words += f": {str(reason).removeprefix('nats: ')}"
        failure = UnreachableError(f"{words} ({self._where})", code="CONNECTION_LOST")
        failure.__cause__ = reason
        return failure

    def _refusal(self, said: str) -> RejectedError:
        words = said.removeprefix("nats: ")
        if "subscription to" in words and self._options.inbox_prefix is None:
            words += "; if replies to this user come to another subject, set 'inbox_prefix'"
        return RejectedError(f"refused by the server: {words} ({self._where})", code="PERMISSIONS")

    def _on_lost(self) -> None:
        for message in self._pending:
            message.end()

    async def _on_error(self, error: Exception) -> None:
        """Take an error that the server sends unasked; `_on_lost` tells of the end."""
        said = str(error)
        if "permissions violation" not in said:
            return
        if "subscription to" in said:
            self._no_inbox = said
        meant = {message for message in self._pending if message.is_meant(said)}
        if not meant and not any(message.is_meant(said) for message in self._former.values()):
            # No message can be found for it: better refuse them all than a false success.
            meant = self._pending
        for message in meant:
            message.refused = self._refusal(said)
            message.end()


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
