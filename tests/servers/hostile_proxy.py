"""A TCP proxy before a real far side that breaks what goes through it, in a way of its own."""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal

from msgspec import Struct

CHUNK = 65536
Direction = Literal["to server", "to client"]
Ending = Literal["FIN", "RST"]


class Cut(Struct, frozen=True):
    """Ends the connection once so many packets have gone in one direction."""

    direction: Direction
    packets: int
    ending: Ending

    @property
    def name(self) -> str:
        return f"{self.ending} after packet {self.packets} {self.direction}"


class Odd(Struct, frozen=True):
    """Does something else than the server after so many packets of it: see the names."""

    name: Literal["garbage", "silence", "flood", "drip", "end"]
    packets: int = 0


Behaviour = Cut | Odd


class HostileProxy:
    """Listens on a port (0: any) and speaks to a server on this machine."""

    def __init__(self, behaviour: Behaviour, server_port: int, port: int = 0) -> None:
        self._behaviour = behaviour
        self._server_port = server_port
        self.port = port
        self._server: asyncio.Server | None = None
        self._talks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> "HostileProxy":
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for talk in list(self._talks):
            talk.cancel()
        await asyncio.gather(*self._talks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await self._talk(reader, writer)
        finally:
            self._talks.discard(task)
            writer.close()

    async def _talk(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        server, to_server = await asyncio.open_connection("127.0.0.1", self._server_port)
        ended = asyncio.Event()
        cut = self._behaviour if isinstance(self._behaviour, Cut) else None
        odd = self._behaviour if isinstance(self._behaviour, Odd) else None

        def limit(direction: Direction) -> int | None:
            return cut.packets if cut and cut.direction == direction else None

        pumps = [
            asyncio.create_task(_pump(client, to_server, ended, limit("to server"))),
            asyncio.create_task(
                _pump_oddly(server, to_client, odd)
                if odd
                else _pump(server, to_client, ended, limit("to client"))
            ),
        ]
        waiter = asyncio.create_task(ended.wait())
        try:
            await asyncio.wait([*pumps, waiter], return_when=asyncio.FIRST_COMPLETED)
            if ended.is_set() and cut is not None:
                for writer in (to_client, to_server):
                    _end(writer, cut.ending)
            else:
                await asyncio.wait(pumps)
        finally:
            for task in (*pumps, waiter):
                task.cancel()
            await asyncio.gather(*pumps, waiter, return_exceptions=True)
            to_server.close()


async def _pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    ended: asyncio.Event,
    limit: int | None,
) -> None:
    count = 0
    while data := await reader.read(CHUNK):
        if limit == 0:
            ended.set()
            return
        writer.write(data)
        await writer.drain()
        count += 1
        if limit is not None and count >= limit:
            ended.set()
            return
    with suppress(OSError):
        writer.write_eof()


async def _pump_oddly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, odd: Odd) -> None:
    """Pass so many packets of the server on, then be odd."""
    for _ in range(odd.packets):
        if not (data := await reader.read(CHUNK)):
            return
        writer.write(data)
        await writer.drain()
    await _ODD[odd.name](reader, writer)


async def _garbage(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(os.urandom(4096))
    await writer.drain()
    await asyncio.sleep(60)


async def _silence(_: asyncio.StreamReader, __: asyncio.StreamWriter) -> None:
    await asyncio.sleep(60)


async def _flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Say again and again what the server said, or a byte that means nothing to anybody."""
    data = await reader.read(CHUNK) or b"\0"
    while True:
        writer.write(data * (CHUNK // len(data) + 1))
        await writer.drain()


async def _drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what the server says, a byte at a time, far too slowly."""
    while data := await reader.read(1):
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.2)


async def _end_at_once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.close()


_ODD: dict[str, Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]] = {
    "garbage": _garbage,
    "silence": _silence,
    "flood": _flood,
    "drip": _drip,
    "end": _end_at_once,
}


def _end(writer: asyncio.StreamWriter, ending: Ending) -> None:
    if ending == "RST":
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()
