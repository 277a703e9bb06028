"""One connection to a RabbitMQ broker, which many sends share at the same time."""

import asyncio
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pika import exceptions

from chronos_cli.errors import DispatchError, TimedOutError, UnreachableError
from chronos_cli.protocols.network import from_cause
from chronos_cli.protocols.rabbitmq.adapter import AsyncioAdapter
from chronos_cli.protocols.rabbitmq.address import Address, Login
from chronos_cli.protocols.rabbitmq.channel import ConfirmChannel
from chronos_cli.protocols.rabbitmq.errors import readable, translated
from chronos_cli.protocols.rabbitmq.message import Message
from chronos_cli.protocols.rabbitmq.passive import Kind, declare_passively, publish_in_vain
from chronos_cli.protocols.rabbitmq.trials import Trials
from chronos_cli.protocols.refusal import refusal
from chronos_cli.protocols.resolver import resolve
from chronos_cli.protocols.servers import Limit, first_reachable
from chronos_cli.protocols.tls import NO_TLS, make_context

if TYPE_CHECKING:
    import ssl

_MOST_SHARED_CHANNELS = 32
_MOST_SINGLE_CHANNELS = 16
# Seconds that the broker has to answer our goodbye.
_GOODBYE = 1.0
# Since this version RabbitMQ knows an expiration of each message, and refuses one that is none.
_LOOKS_FIRST = 3
_NOT_GREETED = (
    "connected, but the first bytes of AMQP have no answer; does this port speak another protocol, "
    "such as HTTP, or TLS (amqps://)?"
)


class Connection:
    """A connection to the first of several servers that takes us, and its channels.

    It is not used again after a send on it was cut off: it may be dead, and nobody would know.
    """

    def __init__(self, login: Login, addresses: Sequence[Address]) -> None:
        self._login = login
        self._addresses = addresses
        self._opened: AsyncioAdapter | None = None
        self._trying: AsyncioAdapter | None = None
        self._is_retired = False
        self._shared: dict[tuple[str, bool], ConfirmChannel] = {}
        self._single = asyncio.Semaphore(_MOST_SINGLE_CHANNELS)
        self._free_singles: dict[bool, list[ConfirmChannel]] = {True: [], False: []}
        self._trials = Trials()

    @property
    def is_usable(self) -> bool:
        """Whether a new send may begin here."""
        adapter = self._opened
        return adapter is not None and bool(adapter.is_open) and not self._is_retired

    async def open(self, limit: Limit) -> None:
        """Try the servers in turn; a rejection is the answer, whoever gave it.

        Raises DispatchError when none takes us, and RejectedError when a file of TLS is unusable.
        """
        context = make_context(self._login.tls) if self._login.tls is not None else None
        login = self._login

        async def connect(address: Address, share: Limit) -> AsyncioAdapter:
            return await self._connected(login, address, context, share)

        passing = (UnreachableError, TimedOutError)
        try:
            self._opened = await first_reachable(self._addresses, connect, limit, passing)
        except ExceptionGroup as group:
            raise self._none_reached(group.exceptions) from group

    def waits_for(self) -> str | None:
        """Return that a server does not answer the first bytes of AMQP."""
        adapter = self._trying
        if adapter is None or adapter.chronos_socket is None or adapter.chronos_greeted:
            return None
        return _NOT_GREETED

    async def close(self) -> None:
        """Close politely if the broker answers soon, else at once."""
        adapter = self._opened
        if adapter is None:
            return
        if self.is_usable and adapter.chronos_flowing.is_set():
            await adapter.chronos_close(_GOODBYE)
        adapter.chronos_abort()

    async def publish(self, message: Message) -> None:
        """Publish, and return when the broker has taken the message.

        Raises RejectedError, UnreachableError or TimedOutError when it has not.
        """
        self._adapter.chronos_expect(len(message.body))
        try:
            await self._publish(message)
        except asyncio.CancelledError as error:
            self._retire(error)
            raise

    async def declared(self, kind: Kind, name: str) -> Any:
        """Return what the broker says of an exchange or a queue; see `declare_passively`."""
        try:
            return await declare_passively(self._adapter, kind, name)
        except asyncio.CancelledError as error:
            self._retire(error)
            raise

    async def permitted(self, exchange: str, key: str, user_id: str | None) -> None:
        """Return when we may publish, and publishers are not blocked; see `publish_in_vain`."""
        try:
            await publish_in_vain(self._adapter, exchange, key, user_id)
            # The first publish is what a broker with an alarm blocks us for.
            await self._adapter.chronos_flowing.wait()
            self._adapter.chronos_check()
        except asyncio.CancelledError as error:
            self._retire(error)
            raise

    @property
    def is_rabbitmq(self) -> bool:
        """Whether the broker is RabbitMQ, of a version that looks at a message before it acts."""
        told = self._adapter.server_properties or {}
        product, version = (str(readable(told.get(name, ""))) for name in ("product", "version"))
        found = re.match(r"(\d{1,3})\.", version)
        return product == "RabbitMQ" and found is not None and int(found[1]) >= _LOOKS_FIRST

    def _retire(self, error: asyncio.CancelledError) -> None:
        """Use the connection no more: it may be dead, and a goodbye would be waited for."""
        self._is_retired = True
        adapter = self._adapter
        if not adapter.chronos_flowing.is_set():
            reason, where = adapter.chronos_blocked_by, adapter.chronos_address
            error.add_note(f"the broker blocks publishers: {reason} ({where})")

    async def _publish(self, message: Message) -> None:
        is_known = await self._trials.is_known(message)
        channel = await self._shared_channel(message) if is_known else None
        if channel is not None:
            await self._publish_shared(channel, message)
            return
        async with self._trials.trying(message), self._single:
            await self._publish_alone(message)

    @property
    def _adapter(self) -> AsyncioAdapter:
        assert self._opened is not None
        return self._opened

    async def _shared_channel(self, message: Message) -> ConfirmChannel | None:
        """Return the channel of an exchange: if it is deleted, that disturbs no other.

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

    async def _publish_shared(self, channel: ConfirmChannel, message: Message) -> None:
        try:
            await channel.publish(message)
        finally:
            if channel.is_closed:
                self._trials.forget()

    async def _publish_alone(self, message: Message) -> None:
        """Publish on a channel on which nothing else is in flight."""
        channel = self._single_channel(message)
        try:
            await self._ready(channel)
            await channel.publish(message)
        finally:
            if channel.is_idle and not channel.is_closed:
                self._free_singles[message.confirmed].append(channel)
            else:
                channel.close()

    def _single_channel(self, message: Message) -> ConfirmChannel:
        free = self._free_singles[message.confirmed]
        while free:
            channel = free.pop()
            if not channel.is_closed:
                return channel
        return self._new_channel(message)

    def _new_channel(self, message: Message) -> ConfirmChannel:
        adapter = self._adapter
        adapter.chronos_check()
        try:
            return ConfirmChannel(adapter, confirmed=message.confirmed)
        except exceptions.AMQPError as error:
            raise translated(error, adapter.chronos_address) from error

    async def _ready(self, channel: ConfirmChannel) -> None:
        """Wait until the channel is open, and as long as the broker blocks publishers."""
        await channel.ready()
        adapter = self._adapter
        if not adapter.chronos_flowing.is_set():
            await adapter.chronos_flowing.wait()
        adapter.chronos_check()

    def _has_room(self) -> bool:
        """Whether there may be another shared channel; gives back those that nobody uses."""
        if len(self._shared) >= _MOST_SHARED_CHANNELS:
            for key, channel in list(self._shared.items()):
                if channel.is_idle:
                    channel.close()
                    del self._shared[key]
        return len(self._shared) < _MOST_SHARED_CHANNELS

    def _none_reached(self, failures: Sequence[Exception]) -> DispatchError:
        """Return what it means that no server could be reached; one failure stands for each."""
        failed: list[DispatchError] = [
            failure
            if isinstance(failure, DispatchError)
            else TimedOutError(f"no answer to the login ({address})")
            for address, failure in zip(self._addresses, failures, strict=True)
        ]
        if len(failed) == 1:
            return failed[0]
        codes = {failure.code for failure in failed}
        all_silent = all(isinstance(failure, TimedOutError) for failure in failed)
        kind = TimedOutError if all_silent else UnreachableError
        message = "; ".join(failure.message for failure in failed)
        return kind(message, code=codes.pop() if len(codes) == 1 else None)

    async def _connected(
        self, login: Login, address: Address, context: "ssl.SSLContext | None", limit: Limit
    ) -> AsyncioAdapter:
        """Return a connection to the first IP address of a server that accepts one, logged in."""

        async def connect(ip: str, _share: Limit) -> AsyncioAdapter:
            adapter = self._trying = AsyncioAdapter(login, address)
            try:
                await adapter.chronos_open(ip, context)
            except UnreachableError as error:
                if context is None or adapter.chronos_greeted:
                    raise
                place, name = (ip, address.port), adapter.chronos_server_name
                refused = await refusal(place, context, name, str(address))
                raise refused or error from error.__cause__
            return adapter

        try:
            return await first_reachable(
                await resolve(address.host, address.port), connect, limit, (OSError,)
            )
        except ExceptionGroup as group:
            last = group.exceptions[-1]
            raise _of_socket(last, str(address)) from last
        except OSError as error:
            raise _of_socket(error, str(address)) from error


def _of_socket(error: Exception, where: str) -> DispatchError:
    failure = from_cause(error, where)
    if NO_TLS in failure.message:
        return failure.with_message(f"{failure.message}; write amqp:// if it is a port of AMQP")
    return failure
