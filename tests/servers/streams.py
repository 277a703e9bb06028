"""TCP servers inside a test: what a handler says, and a proxy that ends connections."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Literal

Side = Literal["client", "server"]


Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(serve: Serve) -> AsyncIterator[int]:
    """Yield the port of a server; afterwards none of its connections is left."""
    handlers: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        handlers.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):
                await serve(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for handler in handlers:
            handler.cancel()
        await asyncio.gather(*handlers, return_exceptions=True)


@dataclass(frozen=True)
class Cut:
    """After how many bytes from which side the connection ends, and how."""

    side: Side
    after: int
    reset: bool = False


@asynccontextmanager
async def cutting(port: int, cut: Cut) -> AsyncIterator[int]:
    """Yield the port of a proxy to a port on this machine, which cuts every connection."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        ends = (
            pump(reader, far_writer, cut.after if cut.side == "client" else None),
            pump(far_reader, writer, cut.after if cut.side == "server" else None),
        )
        pumps = [asyncio.create_task(end) for end in ends]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in pumps:
                task.cancel()
            if cut.reset:
                _reset(writer)
                _reset(far_writer)
            far_writer.close()

    async with serving(serve) as proxy:
        yield proxy


async def pump(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, left: int | None
) -> None:
    with suppress(OSError):
        while left is None or left > 0:
            data = await reader.read(65536 if left is None else left)
            if not data:
                return
            if left is not None:
                left -= len(data)
            writer.write(data)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection = writer.get_extra_info("socket")
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
