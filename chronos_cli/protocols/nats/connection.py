"""One connection to NATS, shared by many sends, each of which learns what became of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from chronos_cli.errors import DispatchError, RejectedError, TimedOutError, UnreachableError
from chronos_cli.protocols.nats.errors import translated
from chronos_cli.protocols.nats.login import Access
from chronos_cli.protocols.nats.target import Server
from chronos_cli.protocols.tls import make_context

if TYPE_CHECKING:
    import ssl

    from chronos_cli.protocols.nats.client import Client

# With several servers, one that does not answer must leave time for the next.
_NEXT_SERVER_AFTER = 2.0
_CANCEL_AGAIN_AFTER = 0.1

T = TypeVar("T")
Operation = Callable[["Client"], Coroutine[Any, Any, T]]


@dataclass(eq=False, slots=True)
class Send:
    """One message on its way: what it may be refused for, and whether it was."""

    subject: str
    reply: str | None = None
    needs_inbox: bool = False
    refused: RejectedError | None = None
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def identity(self) -> tuple[str, str | None, bool]:
        """What the server could name when it refuses it."""
        return self.subject, self.reply, self.needs_inbox

    def is_meant(self, said: str) -> bool:
        """Whether a permissions violation, as the library tells it, is about this message.

        The library has put it into lower case, so subjects that differ in nothing else are
        refused together; the server quotes subjects as JSON would.
        """
        if "subscription to" in said:
            return self.needs_inbox
        named = [f"publish to {_quoted(self.subject)}"]
        if self.reply is not None:
            named.append(f"reply of {_quoted(self.reply)}")
        return any(name in said for name in named)


class Link:
    """One connection, opened by the first send; it knows the sends that are on their way."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._context = self._make_context()
        self._sends: set[Send] = set()
        # Those that were cancelled or refused, for what the server still has to say of them: one
        # violation refuses all of a subject, and the server tells of each.
        self._over: dict[tuple[str, str | None, bool], Send] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._next_ping: asyncio.Task[None] | None = None
        self._client: Client | None = None
        self._no_inbox: str | None = None
        self._where = ", ".join(server.url for server in access.servers)
        self._opening = asyncio.create_task(self._open())
        self._opening.add_done_callback(_looked_at)
        self.users = 0
        self.is_retired = False

    @property
    def is_lost(self) -> bool:
        """Whether it cannot be used, now or any more."""
        if not self._opening.done():
            return False
        return self._client is None or not self._client.is_reading

    async def opened(self) -> "Client":
        """Wait for the connection; raises what keeps it from being made."""
        try:
            return await asyncio.shield(self._opening)
        except DispatchError as error:
            # Several sends wait for the same connection: to each its own exception.
            raise _copied(error) from error

    async def carry(self, send: Send, operation: Operation[T]) -> T:
        """Run what sends a message, until it is done, refused, or the connection ends."""
        client = await self.opened()
        if send.needs_inbox and self._no_inbox:
            raise self._refusal(self._no_inbox)
        task = asyncio.create_task(operation(client))
        self._kept(task)
        ended = asyncio.create_task(send.over.wait())
        self._sends.add(send)
        try:
            if not client.is_reading:
                send.over.set()
            await asyncio.wait({task, ended}, return_when=asyncio.FIRST_COMPLETED)
            if send.refused is not None:
                self._over[send.identity] = send
                raise send.refused
            if not task.done():
                raise self._loss(client)
            return await self._result(task)
        except asyncio.CancelledError:
            self._over[send.identity] = send
            raise
        finally:
            self._sends.discard(send)
            task.cancel()
            ended.cancel()

    async def confirmed(self, client: "Client") -> None:
        """Wait until the server has worked off, and answered, all that was published so far.

        The library's first ping overtakes messages that still wait for its writer; by the time
        that its pong is back, they are written, so the second one follows them. A refusal comes
        before the second pong. Its `flush` may return with nothing written, `rtt` never does.
        """
        for _ in range(2):
            await self._round_trip(client)

    async def close(self) -> None:
        """Close the connection and leave nothing behind."""
        self._opening.cancel()
        if self._client is not None:
            await self._client.abandon()
        await _end({self._opening, *self._tasks})

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
        task.add_done_callback(_looked_at)
        return task

    async def _result(self, task: "asyncio.Task[T]") -> T:
        from nats.errors import Error

        try:
            return await task
        except (Error, OSError) as error:
            raise translated(error, self._where) from error

    async def _open(self) -> "Client":
        failures: list[DispatchError] = []
        *others, last = self._access.servers
        for server in others:
            try:
                async with asyncio.timeout(_NEXT_SERVER_AFTER):
                    return await self._connect(server)
            except TimeoutError:
                failures.append(TimedOutError(f"no answer in time ({server.url})"))
            except (UnreachableError, TimedOutError) as error:
                failures.append(error)
        try:
            return await self._connect(last)
        except (UnreachableError, TimedOutError) as error:
            if not failures:
                raise
            told = "; ".join(failure.message for failure in [*failures, error])
            raise UnreachableError(f"no server can be reached: {told}", code=error.code) from error

    async def _connect(self, server: Server) -> "Client":
        from nats.errors import Error

        from chronos_cli.protocols.nats.client import Client

        options = self._access.options(server)
        client = Client(wants_tls=self._access.wants_tls(server), on_lost=self._on_lost)
        try:
            await client.connect(
                servers=server.url, error_cb=self._on_error, **self._options(), **options
            )
            # On a connection that was closed instead of answered, `connect` returns as if it had.
            if not client.is_connected:
                raise self._turned_away(client, server)
        except (Error, OSError, UnicodeError) as error:
            await client.abandon()
            if self._lacks_certificate(client) and isinstance(error, ConnectionError):
                raise self._turned_away(client, server) from error
            raise translated(error, server.url) from error
        except BaseException:
            await client.abandon()
            raise
        self._client, self._where = client, server.url
        return client

    def _options(self) -> dict[str, Any]:
        from chronos_cli.protocols.nats.client import FOREVER

        tls = self._access.tls
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
            "tls_hostname": tls.server_name if tls else None,
        }

    def _make_context(self) -> "ssl.SSLContext | None":
        needed = any(map(self._access.wants_tls, self._access.servers))
        return make_context(self._access.tls) if needed else None

    def _turned_away(self, client: "Client", server: Server) -> DispatchError:
        if self._lacks_certificate(client):
            words = "TLS: the server wants a certificate of ours ('tls.cert')"
            return RejectedError(f"{words} ({server.url})", code="TLS")
        return UnreachableError(f"the server closed the connection at login ({server.url})")

    def _lacks_certificate(self, client: "Client") -> bool:
        tls = self._access.tls
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
        return RejectedError(f"refused by the server: {words} ({self._where})", code="PERMISSIONS")

    def _on_lost(self) -> None:
        for send in self._sends:
            send.over.set()

    async def _on_error(self, error: Exception) -> None:
        """Take what the server says without being asked; the end of a connection comes apart."""
        said = str(error)
        if "permissions violation" not in said:
            return
        if "subscription to" in said:
            self._no_inbox = said
        meant = {send for send in self._sends if send.is_meant(said)}
        if not meant and not any(send.is_meant(said) for send in self._over.values()):
            # No message can be found for it: better refuse them all than a false success.
            meant = self._sends
        for send in meant:
            send.refused = self._refusal(said)
            send.over.set()


async def _end(tasks: "set[asyncio.Task[Any]]") -> None:
    """Cancel tasks until they have ended.

    Once is not always enough: `asyncio.wait_for` of Python 3.11, which the library uses, loses a
    cancellation that comes in the moment in which what it waits for is there.
    """
    pending = tasks
    while pending:
        for task in pending:
            task.cancel()
        _, pending = await asyncio.wait(pending, timeout=_CANCEL_AGAIN_AFTER)


def _quoted(subject: str) -> str:
    return json.dumps(subject.lower(), ensure_ascii=False)


def _copied(error: DispatchError) -> DispatchError:
    return type(error)(error.message, code=error.code)


def _looked_at(task: "asyncio.Task[Any]") -> None:
    """Take note of a task's exception, so that none is reported as never retrieved."""
    if not task.cancelled():
        task.exception()
