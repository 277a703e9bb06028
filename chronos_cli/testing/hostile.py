"""A TCP proxy before a real far side, which breaks what goes through it."""

import asyncio
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal, Self

from msgspec import Struct

from chronos_cli.testing.harness import Gate

_CHUNK = 65536
_GARBAGE = 4096
# A byte of a dripping far side comes every so many seconds.
_DRIP = 0.2

Side = Literal["client", "server"]


class Behaviour(Struct, frozen=True):
    """What the proxy does with each connection, once `packets` packets have passed.

    `kind` is a key of `KINDS`, which says whose packets count. A packet is what one read gave.
    """

    kind: str
    packets: int

    def __str__(self) -> str:
        return f"{self.kind} (after {self.packets})"


class _End(Struct, frozen=True):
    """One of the two connections of a proxy."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def reset(self) -> None:
        """End the connection with an RST."""
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


class _Link(Struct, frozen=True):
    """A client, the server behind the proxy, and what passes between them.

    `onward` ends when nothing more comes from the client.
    """

    client: _End
    server: _End
    onward: "asyncio.Task[bool]"
    back: "asyncio.Task[bool]"
    dice: random.Random


class HostileProxy:
    """Listens at `port`, before the server that a gate leads to.

    `has_acted` tells whether a connection came so far that the proxy did something. An asynchronous
    context manager; at its end no connection is left.
    """

    def __init__(self, behaviour: Behaviour, gate: Gate, seed: int = 0) -> None:
        self.port = 0
        self.has_acted = False
        self._behaviour = behaviour
        self._gate = gate
        self._dice = random.Random(f"{seed} {behaviour}")  # noqa: S311
        self._links: set[asyncio.Task[None]] = set()
        self._has_ended = False

    async def __aenter__(self) -> Self:
        if self._gate.listener is None:
            self._listener = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        else:
            listener = _emptied(self._gate.listener.dup())
            self._listener = await asyncio.start_server(self._accept, sock=listener)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._has_ended = True
        self._listener.close()
        for task in self._links:
            task.cancel()
        await asyncio.gather(*self._links, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._has_ended:
            writer.transport.abort()  # it came while the proxy ended
            return
        # A task of our own: that of asyncio would complain of its cancellation.
        task = asyncio.create_task(self._serve(_End(reader, writer)))
        self._links.add(task)
        task.add_done_callback(self._links.discard)
        # One that is cancelled before it begins closes nothing.
        task.add_done_callback(lambda _: writer.transport.abort())

    async def _serve(self, client: _End) -> None:
        ends = [client]
        try:
            with suppress(OSError):
                far = await asyncio.open_connection("127.0.0.1", self._gate.server_port)
                ends.append(_End(*far))
                await self._connect(*ends)
        finally:
            for end in ends:
                end.writer.transport.abort()

    async def _connect(self, client: _End, server: _End) -> None:
        """Let pass what has to, then act."""
        counted, act = KINDS[self._behaviour.kind]
        limits = {counted: self._behaviour.packets}
        onward = asyncio.create_task(_pass(client, server, limits.get("client")))
        back = asyncio.create_task(_pass(server, client, limits.get("server")))
        try:
            if await (onward if counted == "client" else back):
                self.has_acted = True
                await act(_Link(client, server, onward, back, self._dice))
            else:
                await asyncio.wait({onward, back})
        finally:
            onward.cancel()
            back.cancel()
            await asyncio.gather(onward, back, return_exceptions=True)


def _emptied(listener: socket.socket) -> socket.socket:
    """Hang up on clients that came after the last proxy at this socket."""
    listener.setblocking(False)
    with suppress(BlockingIOError):
        while True:
            listener.accept()[0].close()
    return listener


async def _pass(source: _End, sink: _End, limit: int | None) -> bool:
    """Let so many packets pass (None: all); return whether there were so many."""
    count = 0
    while count != limit:
        data = await source.reader.read(_CHUNK)
        if not data:
            sink.writer.write_eof()
            return False
        sink.writer.write(data)
        await sink.writer.drain()
        count += 1
    return True


async def _finish(link: _Link) -> None:
    """Say to both that nothing more comes, and read on without passing it."""
    link.onward.cancel()
    link.back.cancel()
    await asyncio.wait({link.onward, link.back})
    for end in (link.client, link.server):
        end.writer.write_eof()
    # Closed with something unread, it would be a reset.
    while await link.client.reader.read(_CHUNK):
        pass


async def _reset(link: _Link) -> None:
    link.client.reset()
    link.server.reset()


async def _garbage(link: _Link) -> None:
    link.client.writer.write(link.dice.randbytes(_GARBAGE))
    await link.client.writer.drain()
    await link.onward


async def _silence(link: _Link) -> None:
    await link.onward


async def _flood(link: _Link) -> None:
    """Say again and again what the server says next, or a byte that means nothing."""
    data = await link.server.reader.read(_CHUNK) or b"\0"
    while True:
        link.client.writer.write(data * (_CHUNK // len(data) + 1))
        await link.client.writer.drain()
        # While the client reads as fast as this writes, the line above lets nobody else work.
        await asyncio.sleep(0)


async def _drip(link: _Link) -> None:
    """Pass on what the server says, a byte at a time."""
    while data := await link.server.reader.read(1):
        link.client.writer.write(data)
        await link.client.writer.drain()
        await asyncio.sleep(_DRIP)


KINDS: dict[str, tuple[Side, Callable[[_Link], Awaitable[None]]]] = {
    "FIN after the client's": ("client", _finish),
    "RST after the client's": ("client", _reset),
    "FIN after the server's": ("server", _finish),
    "RST after the server's": ("server", _reset),
    "garbage": ("server", _garbage),
    "flood": ("server", _flood),
    "drip": ("server", _drip),
    "silence": ("server", _silence),
}
