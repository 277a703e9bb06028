"""The NATS client, made fit for messages that must not be lost in silence.

This module imports the library, so it is imported when the first message is due. It changes
the library in these ways, each by one overridden method:

- It reports the end of the read loop, whatever ended it. The library lets everyone wait who waits
  for a reply or a flush.
- It tries a server once, and raises the real cause of a failure.
- It never drops TLS that was asked for. The library would go on in plain text, login included,
  when the server does not ask for TLS.
- It is silent when a server ends a connection over TLS. With the library's own protocol asyncio
  would warn on stderr.
- It closes at once, also when the server reads nothing and answers no TLS goodbye.
- It reads in turns with the rest of the program, and keeps no server that another one names.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import ParseResult

from nats.aio import client as library
from nats.aio.transport import TcpTransport
from nats.errors import (
    ConnectionClosedError,
    Error,
    SecureConnRequiredError,
    SecureConnWantedError,
)

from chronos_cli.protocols.nats.parser import Parser

# A limit for every wait inside the library: the attempt's own limit is the one that counts.
FOREVER = 366 * 86400

# The library logs tracebacks of errors that we learn of in other ways.
logging.getLogger("nats").addHandler(logging.NullHandler())


class _TlsProtocol(asyncio.StreamReaderProtocol):
    """Reads what comes over TLS, where no connection is half open."""

    def eof_received(self) -> bool:
        """Take in the end of the connection."""
        super().eof_received()
        return False


class Transport(TcpTransport):
    """A socket that is closed without waiting for the other side."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # the library has no annotation here

    def __bool__(self) -> bool:
        """Keep the library from replacing it before it is connected."""
        return True

    async def connect_tls(
        self,
        uri: str | ParseResult,
        ssl_context: ssl.SSLContext,
        buffer_size: int,
        connect_timeout: int,
    ) -> None:
        """Go on over TLS on the connection that there is, as the library does."""
        del connect_timeout
        assert self._io_writer is not None
        loop = asyncio.get_running_loop()
        # Of its own: what came in plain text is not read as if it had come over TLS.
        reader = asyncio.StreamReader(limit=buffer_size)
        protocol = _TlsProtocol(reader)
        transport = await loop.start_tls(
            self._io_writer.transport,
            protocol,
            ssl_context,
            server_hostname=uri if isinstance(uri, str) else uri.hostname,
        )
        assert transport is not None
        self._io_reader = reader
        self._io_writer = asyncio.StreamWriter(transport, protocol, reader, loop)

    @property
    def peer(self) -> ssl.SSLObject | None:
        """The far side's part of TLS; None without TLS."""
        found = self._io_writer.get_extra_info("ssl_object") if self._io_writer else None
        return found if isinstance(found, ssl.SSLObject) else None

    @property
    def is_unused(self) -> bool:
        """Whether it was never connected."""
        return self._io_writer is None

    def close(self) -> None:
        """Close the socket at once, dropping what was not sent."""
        for writer in (self._io_writer, self._bare_io_writer):
            if writer is not None:
                writer.transport.abort()

    async def wait_closed(self) -> None:
        """Leave the event loop a turn to close the socket."""
        await asyncio.sleep(0)


class Client(library.Client):
    """A client that connects once, and tells when its connection has ended."""

    def __init__(self, *, wants_tls: bool | None, on_lost: Callable[[], None]) -> None:
        super().__init__()
        self._transport = self._socket = Transport()
        self._ps = Parser(self)
        self._wants_tls = wants_tls
        self._asked = 0
        self._on_lost = on_lost

    @property
    def server_name(self) -> str:
        """The name that the server gave itself."""
        return str(self._server_info.get("server_name", ""))

    @property
    def server_version(self) -> tuple[int, ...]:
        """The first two numbers of the server's version; empty for a server of another kind."""
        found = re.match(r"(\d{1,4})\.(\d{1,4})\.", str(self._server_info.get("version", "")))
        is_original = bool(self._server_info.get("go"))  # what it was made with
        return (int(found[1]), int(found[2])) if found and is_original else ()

    @property
    def was_greeted(self) -> bool:
        """Whether the server has said what it is; or there was no connection to hear it on."""
        return bool(self._server_info) or self._socket.is_unused

    @property
    def peer(self) -> ssl.SSLObject | None:
        """The far side's part of TLS, to be asked for its certificate; None without TLS."""
        return self._socket.peer

    @property
    def has_jetstream(self) -> bool:
        """Whether the server stores messages itself."""
        return bool(self._server_info.get("jetstream"))

    @property
    def asked_for_certificate(self) -> bool:
        """Whether the server wants to see a certificate of ours."""
        return bool(self._server_info.get("tls_verify"))

    @property
    def is_reading(self) -> bool:
        """Whether the connection works, and is still listened to."""
        task = self._reading_task
        return self.is_connected and task is not None and not task.done()

    async def write(self, subject: str, reply: str, headers: bytes, body: bytes) -> None:
        """Write one message; `headers` are as they go out, or empty.

        The library's own `publish` checks and writes each header in turn, for twice the time.
        """
        if not self.is_connected:
            raise ConnectionClosedError
        if headers:
            sizes = f"{len(headers)} {len(headers) + len(body)}"
            command = f"HPUB {subject} {reply} {sizes}\r\n".encode()
        else:
            command = f"PUB {subject} {reply} {len(body)}\r\n".encode()
        await self._send_command(b"".join((command, headers, body, b"\r\n")))
        if self._flush_queue is not None and self._flush_queue.empty():
            await self._flush_pending()

    async def ask(
        self, subject: str, headers: bytes, body: bytes, answer: "asyncio.Future[Any]"
    ) -> None:
        """Publish with a subject of the one inbox to reply to; a reply is the answer's result.

        The library's own way has a timer, a random number and a task for each request.
        """
        if not self._resp_sub_prefix:
            await self._init_request_sub()
        self._asked += 1
        token = str(self._asked)
        self._resp_map[token] = answer
        answer.add_done_callback(lambda _: self._resp_map.pop(token, None))
        prefix = self._resp_sub_prefix
        assert prefix is not None
        await self.write(subject, f"{prefix.decode()}{token}", headers, body)

    async def abandon(self) -> None:
        """Close the connection, in whatever state it is."""
        if self._flush_queue is not None:
            await self._close(library.Client.CLOSED, False)
        self._socket.close()
        await asyncio.sleep(0)

    async def _close(self, status: int, do_cbs: bool = True) -> None:
        # Those who wait for these messages know of the end; writing them could block or fail.
        self._pending.clear()
        self._pending_data_size = 0
        await super()._close(status, do_cbs)

    async def _select_next_server(self) -> None:
        self._current_server = self._server_pool[0]
        await self._connect_to_server(self._current_server)

    async def _process_info(self, info: dict[str, Any], initial_connection: bool = False) -> None:
        _check(info)
        if not initial_connection:
            # They are never tried, and the list would grow with each INFO.
            info.pop("connect_urls", None)
        if initial_connection:
            required = bool(info.get("tls_required"))
            if self._wants_tls and not required:
                if not info.get("tls_available"):
                    raise SecureConnWantedError
                info["tls_required"] = True
            if self._wants_tls is False and required:
                raise SecureConnRequiredError
        await super()._process_info(info, initial_connection)

    async def _read_loop(self) -> None:
        try:
            await super()._read_loop()
        except Exception as error:  # noqa: BLE001 - whatever it was, the connection is over
            self._err = self._err or error
        finally:
            self._on_lost()


def _check(info: dict[str, Any]) -> None:
    """Raise the library's Error when what a server says of itself cannot be used."""
    limit, urls = info.get("max_payload", 0), info.get("connect_urls") or []
    has_urls = isinstance(urls, list) and all(isinstance(url, str) for url in urls)
    if not isinstance(limit, int) or not has_urls:
        raise Error("nats: the server's INFO cannot be read")
