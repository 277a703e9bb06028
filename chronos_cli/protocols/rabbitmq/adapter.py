"""pika's protocol on asyncio's own transports, without pika's I/O.

pika's connection workflow cannot be called off while the broker is silent (an assertion
fails), and it gives up on the first name that cannot be resolved. The adapter methods are those
that pika's own adapters implement.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pika
from pika import exceptions, spec
from pika.connection import Connection

from chronos_cli import __version__
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.greeting import speaks
from chronos_cli.protocols.network import from_cause
from chronos_cli.protocols.rabbitmq.address import Address, Login
from chronos_cli.protocols.rabbitmq.errors import REJECTED, by_reply, readable, translated
from chronos_cli.protocols.rabbitmq.frames import LARGEST_FRAME, FrameBuffer, message_frames
from chronos_cli.protocols.rabbitmq.message import Message

if TYPE_CHECKING:
    import ssl

_TLS_RECORDS = frozenset({0x15, 0x16})
_METHOD_FRAME = 0x01
_HEARTBEAT_FRAME = 0x08
# Seconds for which one connection may work off what it got, and then leaves the time to others.
_TURN, _REST = 0.002, 0.004


class AsyncioAdapter(Connection):
    """One AMQP connection, over one TCP connection.

    Its own attributes begin with `chronos_`, because pika's class has very many.
    """

    def __init__(self, login: Login, address: Address) -> None:
        self.chronos_loop = asyncio.get_running_loop()
        self.chronos_address = str(address)
        self.chronos_server_name = (login.tls.server_name if login.tls else None) or address.host
        self.chronos_port = address.port
        # It has been opened, or has ended.
        self.chronos_decided = asyncio.Event()
        # Cleared while the broker blocks publishers, for the reason that it gave.
        self.chronos_flowing = asyncio.Event()
        self.chronos_flowing.set()
        self.chronos_blocked_by = ""
        self.chronos_socket: asyncio.Transport | None = None
        self.chronos_greeted = False
        self.chronos_buffer = FrameBuffer()
        self.chronos_unsent: list[bytes] = []
        self.chronos_is_tls = False
        # What is known of its end: the exception below, the broker's words, pika's reason.
        self.chronos_lost_by: Exception | None = None
        self.chronos_reply: tuple[int, str | bytes] | None = None
        self.chronos_reason: BaseException | None = None
        super().__init__(
            _parameters(login, address),
            on_open_callback=lambda _connection: self.chronos_decided.set(),
            on_open_error_callback=self.chronos_note_end,
            on_close_callback=self.chronos_note_end,
            internal_connection_workflow=False,
        )
        self.callbacks.add(0, spec.Connection.Close, self.chronos_note_reply)
        self.add_on_connection_blocked_callback(self.chronos_note_blocked)
        self.add_on_connection_unblocked_callback(lambda *_: self.chronos_flowing.set())

    async def chronos_open(self, ip: str, context: "ssl.SSLContext | None") -> None:
        """Connect to one IP address, over TLS with a context, and log in.

        Raises OSError when there is no connection, and DispatchError for what comes after it.
        """
        self.chronos_is_tls = context is not None
        try:
            await self.chronos_loop.create_connection(
                lambda: AdapterProtocol(self),
                ip,
                self.chronos_port,
                ssl=context,
                server_hostname=self.chronos_server_name if context else None,
            )
            await self.chronos_decided.wait()
            self.chronos_check()
        except BaseException:
            self.chronos_abort()
            raise

    async def chronos_close(self, seconds: float) -> None:
        """Say goodbye, and wait for the broker's answer for so long at most."""
        self.chronos_decided.clear()
        self.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.chronos_decided.wait(), seconds)

    def chronos_abort(self) -> None:
        """Drop the connection at once."""
        if self.chronos_socket is not None and not self.chronos_socket.is_closing():
            self._terminate_stream(exceptions.ConnectionOpenAborted("closed by chronos"))

    def chronos_check(self) -> None:
        """Raise why the connection has ended, if it has; each time a new exception."""
        if self.chronos_reason is not None:
            raise self.chronos_failure(self.chronos_reason)

    def chronos_failure(self, reason: BaseException) -> DispatchError:
        """Return what the end of this connection means, by the best of what is known.

        It is a new exception each time; `reason` is the worst of it, pika's own.
        """
        if self.chronos_reply is not None:
            return by_reply(*self.chronos_reply, self.chronos_address)
        lost_by = self.chronos_lost_by
        if isinstance(lost_by, DispatchError):
            return lost_by.with_message(lost_by.message)
        if lost_by is not None:
            return from_cause(lost_by, self.chronos_address)
        if not self.chronos_greeted:
            cure = "" if self.chronos_is_tls else "; is this a port of AMQP without TLS?"
            words = f"closed before the broker's greeting{cure}"
            return UnreachableError(f"{words} ({self.chronos_address})")
        return translated(reason, self.chronos_address)

    def chronos_publish(self, channel_number: int, message: Message) -> None:
        """Write a message; raises as `message_frames` does, and then nothing has been written."""
        frames = message_frames(channel_number, message, self._body_max_length)
        self._output_marshaled_frames([frames])

    def chronos_expect(self, size: int) -> None:
        """Let the broker send back a body of so many bytes."""
        self.chronos_buffer.largest_body = max(self.chronos_buffer.largest_body, size)

    def chronos_note_reply(self, frame: Any) -> None:
        """Keep the broker's code and text, which pika loses while it opens."""
        self.chronos_reply = (frame.method.reply_code, frame.method.reply_text)

    def chronos_note_end(self, _connection: Any, reason: BaseException) -> None:
        """Keep why the connection has ended, and tell."""
        self.chronos_reason = reason
        self.chronos_decided.set()
        self.chronos_flowing.set()

    def chronos_note_blocked(self, _connection: Any, frame: Any) -> None:
        """Keep why the broker blocks publishers."""
        self.chronos_blocked_by = readable(frame.method.reason)
        self.chronos_flowing.clear()

    # What asyncio tells, through `AdapterProtocol`.

    def chronos_connected(self, transport: asyncio.Transport) -> None:
        """Begin to speak AMQP."""
        self.chronos_socket = transport
        self._on_stream_connected()

    def chronos_received(self, data: bytes) -> None:
        """Take in what the broker sent."""
        try:
            if not self.chronos_greeted:
                self.chronos_check_greeting(data)
        except exceptions.ProtocolSyntaxError as error:
            self._terminate_stream(exceptions.StreamLostError(str(error)))
            return
        self.chronos_buffer.add(data)
        self.chronos_work_off()

    def chronos_work_off(self) -> None:
        """Hand over the frames that are whole, for one turn; nothing is read before the last.

        So a broker that floods us has a share of the time, and no more memory than one read takes.
        """
        transport = self.chronos_socket
        if transport is None or transport.is_closing():
            return
        end = self.chronos_loop.time() + _TURN
        try:
            for frame in self.chronos_buffer.frames():
                # pika would log each that comes before any are agreed on.
                if frame[0] != _HEARTBEAT_FRAME or self._heartbeat_checker is not None:
                    self._on_data_available(frame)
                if self.chronos_loop.time() > end:
                    transport.pause_reading()
                    self.chronos_loop.call_later(_REST, self.chronos_work_off)
                    return
            transport.resume_reading()
        except Exception as error:  # noqa: BLE001 - whatever a stranger's bytes do to the parser
            self.chronos_lost_by = self.chronos_lost_by or _of_parser(error, self.chronos_address)
            self._terminate_stream(exceptions.StreamLostError(str(error)))

    def chronos_check_greeting(self, data: bytes) -> None:
        """Tell apart a server that does not speak AMQP; pika would wait for more of it."""
        if data[0] in _TLS_RECORDS:
            self.chronos_lost_by = RejectedError(
                f"TLS: the port wants TLS: write amqps:// ({self.chronos_address})", code="TLS"
            )
        elif data[0] != _METHOD_FRAME:
            words = "the server does not speak AMQP 0-9-1"
            if found := speaks(data) if data[:4] != b"AMQP" else None:
                words += f" but {found}"
            self.chronos_lost_by = RejectedError(f"{words} ({self.chronos_address})")
        else:
            self.chronos_greeted = True
            return
        raise exceptions.ProtocolSyntaxError("no AMQP greeting")

    def chronos_lost(self, error: Exception | None) -> None:
        """Tell pika that the connection is gone."""
        self.chronos_lost_by = self.chronos_lost_by or error
        is_known = error is None and self._error is not None
        reason = None if is_known else exceptions.StreamLostError("the connection was lost")
        self._on_stream_terminated(reason)

    def chronos_flush(self) -> None:
        """Write what has come together."""
        data, self.chronos_unsent = b"".join(self.chronos_unsent), []
        # asyncio warns on stderr about writes to what is closing; `chronos_lost` tells the end.
        if data and self.chronos_socket is not None and not self.chronos_socket.is_closing():
            self.chronos_socket.write(data)

    # What pika asks of an adapter.

    def _adapter_call_later(self, delay: float, callback: Callable[[], Any]) -> object:
        return self.chronos_loop.call_later(delay, callback)

    def _adapter_remove_timeout(self, timeout_id: Any) -> None:
        timeout_id.cancel()

    def _adapter_add_callback_threadsafe(self, callback: Callable[..., Any]) -> None:
        self.chronos_loop.call_soon_threadsafe(callback)

    def _adapter_connect_stream(self) -> None:
        raise NotImplementedError

    def _adapter_disconnect_stream(self) -> None:
        if self.chronos_socket is not None:
            self.chronos_flush()
            self.chronos_socket.abort()

    def _adapter_emit_data(self, data: bytes) -> None:
        # pika hands over each frame, and a message has three: they leave together.
        if not self.chronos_unsent:
            self.chronos_loop.call_soon(self.chronos_flush)
        self.chronos_unsent.append(data)


class AdapterProtocol(asyncio.Protocol):
    """Hands on what asyncio tells of a connection."""

    def __init__(self, adapter: AsyncioAdapter) -> None:
        self._adapter = adapter

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to speak AMQP."""
        assert isinstance(transport, asyncio.Transport)
        self._adapter.chronos_connected(transport)

    def data_received(self, data: bytes) -> None:
        """Take in what the broker sent."""
        self._adapter.chronos_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell pika that the connection is gone."""
        self._adapter.chronos_lost(exc)


def _parameters(login: Login, address: Address) -> pika.ConnectionParameters:
    return pika.ConnectionParameters(
        host=address.host,
        port=address.port,
        virtual_host=login.vhost,
        credentials=pika.PlainCredentials(login.username, login.password),
        heartbeat=login.heartbeat,
        frame_max=LARGEST_FRAME,
        client_properties={"connection_name": f"chronos {__version__}"},
    )


def _of_parser(error: Exception, where: str) -> DispatchError:
    """Return what an exception means that pika raised over the bytes of a broker."""
    if isinstance(error, REJECTED):
        return translated(error, where)
    return UnreachableError(f"the broker sent what is not AMQP: {error} ({where})")
