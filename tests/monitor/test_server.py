"""The HTTP server, at clients that want to hold it up."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from chronos_cli.receiver.http import Bounds, HttpReceiver, ReceivedRequest, Reply

ASK = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENT = Bounds(body=100, connections=4, seconds=20.0)
HASTY = Bounds(body=100, connections=4, seconds=0.3)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Connect = Callable[[], Awaitable[Streams]]


@asynccontextmanager
async def serving(bounds: Bounds, body: bytes = b"{}") -> AsyncIterator[Connect]:
    async def answer(_: ReceivedRequest) -> Reply:
        return Reply(body=body)

    server = HttpReceiver(answer, bounds)
    address = await server.start("127.0.0.1", 0)
    opened: list[Streams] = []

    async def connect() -> Streams:
        opened.append(await asyncio.open_connection(*address))
        return opened[-1]

    try:
        yield connect
    finally:
        await server.close()
        for _, writer in opened:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()


async def said(streams: Streams, text: bytes) -> bytes:
    """Say something; return the head of the answer, empty where the connection ends without."""
    reader, writer = streams
    writer.write(text)
    try:
        return await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    except (asyncio.IncompleteReadError, ConnectionError):
        return b""


async def ended(streams: Streams) -> float:
    """Return after how many seconds a connection ends."""
    began = time.monotonic()
    with suppress(ConnectionError):
        await asyncio.wait_for(streams[0].read(), 10)
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (ASK, 200),
        (ASK.replace(b"GET", b"HEAD"), 200),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000, 431),
        (b"GET /" + b"x" * 40_000, 431),
        (ASK.replace(b"\r\n\r\n", b"\r\nContent-Length: -1\r\n\r\n"), 400),
    ],
)
def test_what_is_no_request_is_refused(text: bytes, status: int) -> None:
    async def play() -> None:
        async with serving(PATIENT) as connect:
            assert (await said(await connect(), text)).startswith(b"HTTP/1.1 %d" % status)
            assert (await said(await connect(), ASK)).startswith(b"HTTP/1.1 200")

    asyncio.run(play())


def test_a_head_has_no_body_and_the_connection_is_kept() -> None:
    async def play() -> None:
        async with serving(PATIENT) as connect:
            streams = await connect()
            for _ in range(3):
                head = await said(streams, ASK.replace(b"GET", b"HEAD"))
                assert b"Content-Length: 2\r\n" in head
            await said(streams, ASK)
            assert await streams[0].readexactly(2) == b"{}"

    asyncio.run(play())


@pytest.mark.parametrize(
    "text", [b"", b"GET / HT", ASK, ASK[:-2] + b"Content-Length: 9\r\n\r\nabc"]
)
def test_who_takes_his_time_loses_his_connection(text: bytes) -> None:
    async def play() -> None:
        async with serving(HASTY) as connect:
            streams = await connect()
            streams[1].write(text)
            assert 0.2 < await ended(streams) < 5

    asyncio.run(play())


def test_one_letter_after_the_other_is_no_way_to_stay() -> None:
    async def play() -> None:
        async with serving(HASTY) as connect:
            streams = await connect()
            gone = asyncio.create_task(ended(streams))
            for letter in ASK[:-1] * 10:
                if gone.done():
                    break
                streams[1].write(bytes([letter]))
                await asyncio.sleep(0.02)
            assert await gone < 5

    asyncio.run(play())


def test_who_does_not_read_loses_his_connection() -> None:
    async def play() -> None:
        async with serving(HASTY, body=b"x" * 20_000_000) as connect:
            reader, writer = await connect()
            writer.write(ASK)
            await asyncio.sleep(0.6)  # the reader takes what it has room for, and no more
            came = 0
            with suppress(ConnectionError):
                while chunk := await reader.read(1_000_000):
                    came += len(chunk)
            assert 0 < came < 20_000_000

    asyncio.run(play())


@pytest.mark.parametrize(
    "head", [b"Content-Length: 101\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n65\r\n"]
)
def test_a_body_without_end_is_not_read(head: bytes) -> None:
    async def play() -> None:
        async with serving(PATIENT) as connect:
            streams = await connect()
            assert await said(streams, ASK[:-2] + head + b"x" * 101 + b"\r\n") == b""

    asyncio.run(play())


def test_so_many_connections_and_no_more() -> None:
    async def play() -> None:
        async with serving(PATIENT) as connect:
            idle = [await connect() for _ in range(4)]
            assert await said(await connect(), ASK) == b""
            idle[0][1].close()
            await idle[0][1].wait_closed()
            await asyncio.sleep(0.05)
            assert (await said(await connect(), ASK)).startswith(b"HTTP/1.1 200")

    asyncio.run(play())
