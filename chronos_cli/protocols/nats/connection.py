"""One connection to NATS, shared by many sends, each of which learns what became of it."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.lending import end_tasks, look_at
from chronos_cli.protocols.nats.errors import translated
from chronos_cli.protocols.nats.login import ConnectionOptions
from chronos_cli.protocols.nats.opening import Opening
from chronos_cli.protocols.nats.pending import PendingMessage
from chronos_cli.protocols.servers import Limit

if TYPE_CHECKING:
    import ssl

    from nats.aio.msg import Msg

    from chronos_cli.protocols.nats.client import Client

# The code of a request on which nobody listens, and the status by which the server says so.
NO_RESPONDERS, _STATUS = "NO_RESPONDERS", "503"

T = TypeVar("T")
Operation = Callable[["Client"], Coroutine[Any, Any, T]]


class Connection:
    """One connection; it knows the messages that are on their way.

    One that failed anybody is not used again.
    """

    def __init__(self, options: ConnectionOptions) -> None:
        self._options = options
        self._is_retired = False
        self._pending: set[PendingMessage] = set()
        # Those that were cancelled or refused, for what the server still has to say of them: one
        # violation refuses all of a subject, and the server tells of each.
        self._former: dict[tuple[str, str | None, bool], PendingMessage] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._next_ping: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._no_inbox: str | None = None
        self._opening: Opening | None = None
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
        self._opening = Opening(self._options, on_lost=self._on_lost, on_error=self._on_error)
        self._client, server = await self._opening.first(limit)
        self._where = server.url

    def waits_for(self) -> str | None:
        """Return what the opening waits for."""
        return self._opening.waits_for() if self._opening is not None else None

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

    async def ask(self, message: PendingMessage, body: bytes, headers: bytes = b"") -> "Msg":
        """Send a request, and return the reply; RejectedError if nobody listens.

        `headers` are as they go out, or empty.
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

    async def _replied(self, message: PendingMessage, body: bytes, headers: bytes) -> "Msg":
        client = self._client
        assert client is not None
        if self._no_inbox:
            raise self._refusal(self._no_inbox)
        if not client.is_reading:
            raise self._loss(client)
        try:
            await client.ask(message.subject, headers, body, message.ended)
        except Exception as error:
            if (failure := self._meaning_of(error)) is None:
                raise
            raise failure from error
        reply: Msg | None = await message.ended
        if message.refused is not None:
            self._former[message.identity] = message
            raise message.refused
        if reply is None:
            raise self._loss(client)
        if reply.headers and reply.headers.get("Status") == _STATUS:
            text = f"nobody listens on {message.subject}, so there was no responder"
            raise RejectedError(text, code=NO_RESPONDERS)
        return reply

    @property
    def max_payload(self) -> int:
        """Bytes of the largest message, with its headers, that the server takes."""
        assert self._client is not None
        return self._client.max_payload

    @property
    def server_name(self) -> str:
        """The name that the server gave itself."""
        return self._client.server_name if self._client is not None else ""

    @property
    def server_version(self) -> tuple[int, ...]:
        """The first two numbers of the server's version; empty for a server of another kind."""
        return self._client.server_version if self._client is not None else ()

    @property
    def peer(self) -> "ssl.SSLObject | None":
        """The far side's part of TLS, to be asked for its certificate; None without TLS."""
        return self._client.peer if self._client is not None else None

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
        try:
            return await task
        except Exception as error:
            if (failure := self._meaning_of(error)) is None:
                raise
            raise failure from error

    def _meaning_of(self, error: Exception) -> DispatchError | None:
        """Return what an exception of the library, or of the network below it, means."""
        from nats.errors import Error  # for a failure only: each message would pay for it

        is_theirs = isinstance(error, Error | OSError)
        return translated(error, self._where) if is_theirs else None

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
