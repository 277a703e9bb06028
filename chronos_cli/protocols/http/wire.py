"""Bytes to a far side and back, through as many layers of TLS as the way to it has.

TLS is done here, not by asyncio's transports, for two reasons. What the far side said last, an
alert above all, is read although a write has failed already; and whether a connection still
stands can be seen before it is used again.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

from chronos_cli.protocols.http.errors import RequestError

_CHUNK = 256 * 1024
# Of what was said before a connection broke, so many chunks are read.
_LAST_CHUNKS = 16


class Receiver:
    """What takes the bytes that a far side sends: the base of each connection.

    A class, since a Protocol costs every start of the program half a millisecond.
    """

    def received(self, data: bytes) -> None:
        """Take bytes; there is at least one."""
        raise NotImplementedError

    def ended(self, error: Exception | None) -> None:
        """Take note of the end, and of the error (OSError) that brought it; called once."""
        raise NotImplementedError


class Wire(asyncio.Protocol):
    """A connection; `on_end` is called when it has ended, by whichever side."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._layers: list[_Layer] = []
        self._transport: asyncio.Transport | None = None
        self._handshake: asyncio.Future[None] | None = None
        self._receiver: Receiver | None = None
        self._early = b""  # came before there was anybody to take it
        self.failure: Exception | None = None
        self.has_ended = False
        # The end came over TLS without its farewell, so that something may be missing.
        self.was_cut = False
        self.on_end: Callable[[], None] = _nothing

    async def open(self) -> None:
        """Begin to listen; to be called once, before all else."""
        await asyncio.get_running_loop().create_connection(lambda: self, sock=self._socket)

    async def start_tls(self, context: ssl.SSLContext, name: str) -> str | None:
        """Speak TLS from now on, within the layers that are there.

        Returns the protocol that was agreed on (ALPN). Raises OSError, ssl.SSLError among them,
        and RequestError for a name that cannot be one.
        """
        try:
            layer = _Layer(context, name)
        except ValueError as error:
            raise RequestError(f"TLS cannot ask for '{name[:60]}': {error}") from error
        self._layers.append(layer)
        self._handshake = asyncio.get_running_loop().create_future()
        try:
            if self.has_ended:
                raise self.failure or _ended_in_handshake()
            layer.receive(b"")
            self.write(b"")
            await self._handshake
        finally:
            self._handshake = None
        return layer.agreed()

    @property
    def peer(self) -> ssl.SSLObject:
        """The innermost layer of TLS, to be asked for the far side's certificate."""
        return self._layers[-1].peer

    @property
    def is_tls(self) -> bool:
        """Whether TLS has begun."""
        return bool(self._layers)

    @property
    def is_in_handshake(self) -> bool:
        """Whether TLS has begun, and its handshake has not ended, nor failed."""
        return self.is_tls and not self._layers[-1].is_ready

    def give_to(self, receiver: Receiver | None) -> None:
        """Name who takes what comes from now on; None when it is to be kept until there is one.

        What came before, and an end that was before, are told at once.
        """
        self._receiver = receiver
        if receiver is not None and self._early:
            early, self._early = self._early, b""
            receiver.received(early)
        if receiver is not None and self.has_ended:
            receiver.ended(self.failure)

    def write(self, data: bytes) -> None:
        """Send bytes, and what the layers of TLS have to say; a failure is told to the receiver."""
        try:
            self._send(data)
        except ssl.SSLError as error:
            self._end(error)

    @property
    def has_unsent(self) -> bool:
        """Whether bytes wait for the far side to take them."""
        return self._transport is not None and self._transport.get_write_buffer_size() > 0

    def still_stands(self) -> bool:
        """Read what has come meanwhile; return whether the connection can be used."""
        if self.has_ended:
            return False
        try:
            if not self._read():
                self.eof_received()
        except BlockingIOError:
            return True  # nothing has come
        except OSError as error:
            self._end(error)
        return not self.has_ended

    def close(self) -> None:
        """End the connection with the farewell of TLS."""
        if not self.has_ended and not self.has_unsent:
            for layer in reversed(self._layers):
                layer.say_farewell()
                self.write(b"")
        self.abort()

    def abort(self) -> None:
        """End the connection at once."""
        self.has_ended = True
        if self._transport is None:
            self._socket.close()
        elif self.has_unsent:
            self._transport.abort()
        else:
            self._transport.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take bytes off the layers of TLS and hand them on."""
        try:
            for layer in self._layers:
                data = layer.receive(data)
            if self._layers:
                self._send(b"")
        except ssl.SSLError as error:
            with suppress(ssl.SSLError):
                self._send(b"")  # the alert that tells the far side what is wrong
            self._end(error)
            return
        is_over = any(layer.is_over for layer in self._layers)
        if self._handshake is not None and not is_over and self._layers[-1].is_ready:
            _settle(self._handshake, None)
        if data and not self.has_ended:
            self._hand_on(data)
        if is_over:
            self._end(None)

    def eof_received(self) -> None:
        """Take note that the far side says no more."""
        self.was_cut = any(not layer.is_over for layer in self._layers)
        self._end(None)

    def connection_lost(self, error: Exception | None) -> None:
        """Read what was said before a connection broke, and take note of the end."""
        if error is not None and not self.has_ended:
            with suppress(OSError):
                for _ in range(_LAST_CHUNKS):
                    if not self._read():
                        break
        self._end(error)
        self.on_end()

    def _hand_on(self, data: bytes) -> None:
        if self._receiver is not None:
            self._receiver.received(data)
        elif len(self._early) < _CHUNK:
            self._early += data
        else:
            self._end(ConnectionError("the far side spoke before it was asked"))

    def _read(self) -> bool:
        """Hand on what lies in the socket; return False at its end. Raises OSError."""
        data = self._socket.recv(_CHUNK)
        if data:
            self.data_received(data)
        return bool(data)

    def _send(self, data: bytes) -> None:
        for layer in reversed(self._layers):
            data = layer.send(data)
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def _end(self, error: Exception | None) -> None:
        if self.has_ended:
            return
        self.has_ended = True
        self.failure = error
        if self._handshake is not None:
            _settle(self._handshake, error or _ended_in_handshake())
        elif self._receiver is not None:
            self._receiver.ended(error)
        if self._transport is not None:
            self._transport.close()


class _Layer:
    """One layer of TLS: bytes in, bytes out."""

    def __init__(self, context: ssl.SSLContext, name: str) -> None:
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self.peer = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name)
        self._unsent = b""  # cannot be written before more has been read
        self.is_ready = False  # the handshake is done
        self.is_over = False  # the far side has said farewell

    def agreed(self) -> str | None:
        """Return the protocol that was agreed on."""
        return self.peer.selected_alpn_protocol()

    def receive(self, data: bytes) -> bytes:
        """Take what came; return what it holds. Raises ssl.SSLError."""
        self._incoming.write(data)
        parts: list[bytes] = []
        try:
            if not self.is_ready:
                self.peer.do_handshake()
                self.is_ready = True
            while part := self.peer.read(_CHUNK):
                parts.append(part)
            self.is_over = True
        except ssl.SSLWantReadError:
            pass
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def send(self, data: bytes) -> bytes:
        """Return what is to be sent for `data`, and for TLS itself."""
        if self.is_ready and (data or self._unsent):
            rest = memoryview(self._unsent + data)
            try:
                while rest:
                    rest = rest[self.peer.write(rest) :]
            except ssl.SSLWantReadError:
                pass
            self._unsent = bytes(rest)
        return self._outgoing.read()

    def say_farewell(self) -> None:
        """Write the alert that ends TLS; the far side's own is not waited for."""
        if self.is_ready:
            with suppress(ssl.SSLError):
                self.peer.unwrap()


def _settle(future: "asyncio.Future[None]", error: Exception | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(None)
    else:
        future.set_exception(error)


def _ended_in_handshake() -> ConnectionError:
    return ConnectionError("the far side closed the connection in the TLS handshake")


def _nothing() -> None:
    """Do nothing."""
