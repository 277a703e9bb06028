"""One connection to a RabbitMQ broker, which many sends share at the same time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from pika import exceptions

from chronos_cli.errors import DispatchError
from chronos_cli.protocols.network import from_cause
from chronos_cli.protocols.rabbitmq.address import Login, Place
from chronos_cli.protocols.rabbitmq.channel import ConfirmChannel, Disturbed
from chronos_cli.protocols.rabbitmq.errors import translated
from chronos_cli.protocols.rabbitmq.message import Message
from chronos_cli.protocols.rabbitmq.wire import Stream, Wire
from chronos_cli.protocols.resolver import resolve

if TYPE_CHECKING:
    import ssl

_MOST_SHARED_CHANNELS = 32
_MOST_LONE_CHANNELS = 16
_GOODBYE = 1.0


class Link:
    """A connection and its channels.

    One of which a send was cut off is not used again, because it may be dead without telling;
    it closes after its last send.
    """

    def __init__(self, login: Login, place: Place) -> None:
        self._login = login
        self._place = place
        self._decided = asyncio.Event()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._ended = False
        self._retired = False
        self._active = 0
        self._shared: dict[tuple[str, bool], ConfirmChannel] = {}
        self._lone = asyncio.Semaphore(_MOST_LONE_CHANNELS)
        self._wire = Wire(login, place, self._decided.set, self._on_end)
        self._blocked_by = ""
        self._wire.add_on_connection_blocked_callback(self._on_blocked)
        self._wire.add_on_connection_unblocked_callback(lambda *_: self._flowing.set())

    async def open(self, address: str, context: "ssl.SSLContext | None") -> None:
        """Connect to one address and log in; raises OSError when there is no connection."""
        server_name = self._login.tls.server_name if self._login.tls else None
        try:
            await asyncio.get_running_loop().create_connection(
                lambda: Stream(self._wire),
                address,
                self._place.port,
                ssl=context,
                server_hostname=(server_name or self._place.host) if context else None,
            )
            await self._decided.wait()
            self._check()
        except BaseException:
            self.abort()
            raise

    @property
    def is_open(self) -> bool:
        """Whether there still is a connection."""
        return not self._ended

    @property
    def is_usable(self) -> bool:
        """Whether a new send may begin here."""
        return self._wire.is_open and not self._retired and not self._ended

    async def publish(self, message: Message) -> None:
        """Publish, and return when the broker has taken the message; raise if it has not."""
        async with self._use():
            channel = await self._shared_channel(message)
            if channel is not None:
                try:
                    return await channel.publish(message)
                except Disturbed:
                    # Another message may be what the broker closed the channel for. Alone on a
                    # channel, this one gets an answer of its own.
                    pass
            async with self._lone:
                return await self._publish_alone(message)

    async def goodbye(self) -> None:
        """Close politely if the broker answers soon, else at once."""
        if self.is_usable and not self._active and self._flowing.is_set():
            self._decided.clear()
            self._wire.close()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._decided.wait(), _GOODBYE)
        self.abort()

    def abort(self) -> None:
        """Drop the connection at once."""
        self._retired = True
        self._wire.chronos_abort()

    @contextlib.asynccontextmanager
    async def _use(self) -> AsyncIterator[None]:
        self._active += 1
        try:
            yield
        except asyncio.CancelledError as error:
            self._retired = True
            if not self._flowing.is_set():
                error.add_note(f"the broker blocks publishers: {self._blocked_by} ({self._place})")
            raise
        finally:
            self._active -= 1
            if self._retired and not self._active:
                self.abort()

    async def _shared_channel(self, message: Message) -> ConfirmChannel | None:
        """Return the channel of an exchange: what is wrong with one disturbs no other.

        None when there are too many, since exchanges may be templates.
        """
        key = (message.exchange, message.confirmed)
        while True:
            channel = self._shared.get(key)
            if channel is None or channel.is_closed:
                if not self._has_room():
                    return None
                channel = self._shared[key] = self._new_channel(message)
            await self._ready(channel)
            if not channel.is_closed:
                return channel

    async def _publish_alone(self, message: Message) -> None:
        channel = self._new_channel(message)
        try:
            await self._ready(channel)
            await channel.publish(message)
        finally:
            channel.close()

    def _new_channel(self, message: Message) -> ConfirmChannel:
        self._check()
        try:
            return ConfirmChannel(
                self._wire,
                str(self._place),
                self._wire.chronos_failure,
                confirmed=message.confirmed,
            )
        except exceptions.AMQPError as error:
            raise translated(error, str(self._place)) from error

    async def _ready(self, channel: ConfirmChannel) -> None:
        """Wait until the channel is open, and as long as the broker blocks publishers."""
        await channel.ready()
        await self._flowing.wait()
        self._check()

    def _has_room(self) -> bool:
        """Whether there may be another shared channel; gives back those that nobody uses."""
        if len(self._shared) >= _MOST_SHARED_CHANNELS:
            for key, channel in list(self._shared.items()):
                if channel.is_idle:
                    channel.close()
                    del self._shared[key]
        return len(self._shared) < _MOST_SHARED_CHANNELS

    def _check(self) -> None:
        """Raise why the connection has ended, if it has; each time a new exception."""
        if self._ended:
            raise self._failure()

    def _failure(self) -> DispatchError:
        reason = self._wire.chronos_reason
        return self._wire.chronos_failure(reason or exceptions.StreamLostError())

    def _on_blocked(self, _connection: Any, frame: Any) -> None:
        self._blocked_by = str(frame.method.reason)
        self._flowing.clear()

    def _on_end(self) -> None:
        self._ended = True
        self._decided.set()
        self._flowing.set()


async def connect(login: Login, place: Place, context: "ssl.SSLContext | None") -> Link:
    """Return a connection to the first address of a server that accepts one, logged in."""
    try:
        *others, last = await resolve(place.host, place.port)
        for address in others:
            with contextlib.suppress(OSError):
                return await _link(login, place, address, context)
        return await _link(login, place, last, context)
    except OSError as error:
        raise from_cause(error, str(place)) from error


async def _link(login: Login, place: Place, address: str, context: "ssl.SSLContext | None") -> Link:
    link = Link(login, place)
    await link.open(address, context)
    return link
