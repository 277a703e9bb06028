"""Dispatching over HTTP in the loop in which the far side runs: hundreds of tries take a second."""

import asyncio
import json
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import DispatchError
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.protocols.http.dispatcher import HttpDispatcher
from chronos_cli.protocols.http.target import HttpSettings
from chronos_cli.redact import Redactor
from chronos_cli.testing.checks import open_sockets
from tests.servers.raw import response

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

ANSWER = response(b"accepted")


def delivery(url: str, payload: str = "x", **webhook: Any) -> Delivery[Any]:
    document = {"name": "a", "payload": payload, "webhook": {"url": url, **webhook}}
    source = SourceFile("job.yaml", json.dumps(document).encode())
    loaded = load_jobs([source], Config(), Registry(), Sources({}, Redactor()))
    assert loaded.problems == []
    (job,) = loaded.jobs
    return prepare(Execution("id", job, in_zone(job, SystemClock().now())), 1)


@asynccontextmanager
async def listening(serve: Serve, context: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """Serve each connection by a function; its end is the connection's."""

    tasks: set[asyncio.Task[None]] = set()

    async def held(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, asyncio.IncompleteReadError):
                await serve(reader, writer)
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        finally:
            writer.transport.abort()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(held(reader, writer))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(accepted, "127.0.0.1", 0, ssl=context)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http{'s' if context else ''}://127.0.0.1:{port}/job"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for _ in range(3):
            await asyncio.sleep(0)  # the loop closes the sockets


async def asked(reader: asyncio.StreamReader) -> str:
    """Read a request; return its path."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    lengths = [int(line[15:]) for line in lines if line.startswith(b"content-length:")]
    await reader.readexactly(lengths[0] if lengths else 0)
    return head.split(b" ")[1].decode()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST."""
    own: socket.socket = writer.get_extra_info("socket")
    own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


def run(test: Coroutine[Any, Any, None]) -> None:
    """Run a test to its end; no socket of it is left."""
    before = open_sockets()

    async def whole() -> None:
        async with asyncio.timeout(50):
            await test

    asyncio.run(whole())
    assert open_sockets() <= before


@asynccontextmanager
async def dispatching() -> AsyncIterator[HttpDispatcher]:
    dispatcher = HttpDispatcher(HttpSettings())
    try:
        yield dispatcher
    finally:
        await dispatcher.close()


async def outcome(dispatcher: HttpDispatcher, sent: Delivery[Any]) -> Receipt | DispatchError:
    try:
        return await dispatcher.send(sent)
    except DispatchError as error:
        return error
