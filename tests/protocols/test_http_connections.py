"""Connections that end at any moment, in any way: none of it is a success, a crash or a leak.

The dispatcher and the far side run in one loop, so that hundreds of cuts take a second.
"""

import asyncio
import json
import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.execution import Execution, in_zone
from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.dispatch.registry import Registry
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.jobs.config import Config
from chronos_cli.jobs.files import SourceFile
from chronos_cli.jobs.interpolate import Sources
from chronos_cli.jobs.load import load_jobs
from chronos_cli.protocols.http import dial
from chronos_cli.protocols.http.connect import Contexts, connected
from chronos_cli.protocols.http.dispatcher import HttpDispatcher
from chronos_cli.protocols.http.errors import ResponseError
from chronos_cli.protocols.http.http1 import Http1Connection
from chronos_cli.protocols.http.request import outgoing
from chronos_cli.protocols.http.route import route
from chronos_cli.protocols.http.target import HttpSettings
from chronos_cli.redact import Redactor
from chronos_cli.testing.checks import open_sockets
from tests.brokers.certificates import Certificates
from tests.protocols.test_http_ways import server_context
from tests.servers.raw import response
from tests.servers.web import proxying, serving

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


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("by_reset", [False, True])
def test_an_answer_that_is_cut_anywhere_is_not_now(
    certificates: Certificates, secured: bool, by_reset: bool
) -> None:
    context = server_context(certificates.server) if secured else None
    tls: dict[str, Any] = {"tls": {"ca": str(certificates.ca)}} if secured else {}

    async def test() -> None:
        cut = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(ANSWER[:cut])
            await writer.drain()
            if by_reset:
                reset(writer)

        async with listening(serve, context) as url, dispatching() as dispatcher:
            sent = delivery(url, **tls)
            for cut in range(len(ANSWER)):
                found = await outcome(dispatcher, sent)
                assert isinstance(found, UnreachableError), (cut, found)

    run(test())


@pytest.mark.parametrize("said_farewell", [False, True])
def test_a_body_that_ends_with_the_connection_needs_the_farewell_of_tls(
    certificates: Certificates, said_farewell: bool
) -> None:
    """Without it the rest may be missing, and nobody could tell."""

    async def test() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\naccepted")
            await writer.drain()
            if not said_farewell:
                writer.get_extra_info("socket").shutdown(socket.SHUT_WR)

        async with (
            listening(serve, server_context(certificates.server)) as url,
            dispatching() as dispatcher,
        ):
            found = await outcome(dispatcher, delivery(url, tls={"ca": str(certificates.ca)}))
            assert isinstance(found, Receipt if said_farewell else UnreachableError), found

    run(test())


@pytest.mark.parametrize("by_reset", [False, True])
def test_a_handshake_that_is_cut_anywhere_is_not_now(
    certificates: Certificates, by_reset: bool
) -> None:
    """A load balancer that starts anew is no refusal of a certificate."""
    context = server_context(certificates.server)

    async def test() -> None:
        left = 0

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(ANSWER)
            await writer.drain()

        async def between(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            room = left
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)

            async def there() -> None:
                while data := await reader.read(65536):
                    far_writer.write(data)

            onward = asyncio.create_task(there())
            try:
                while room > 0 and (data := await far_reader.read(min(room, 65536))):
                    room -= len(data)
                    writer.write(data)
                    await writer.drain()
                if by_reset:
                    reset(writer)
            finally:
                onward.cancel()
                far_writer.close()

        async with listening(answer, context) as far, dispatching() as dispatcher:
            port = int(far.split(":")[2].partition("/")[0])
            async with listening(between) as url:
                sent = delivery(url.replace("http:", "https:"), tls={"ca": str(certificates.ca)})
                statuses = []
                for left in range(0, 4000, 61):
                    found = await outcome(dispatcher, sent)
                    assert isinstance(found, (UnreachableError, Receipt)), (left, found)
                    statuses.append(isinstance(found, Receipt))
                assert statuses == sorted(statuses)  # failed until all came through
                assert statuses[0] is False
                assert statuses[-1] is True

    run(test())


def test_the_alert_of_a_far_side_is_read_before_the_broken_pipe(
    certificates: Certificates,
) -> None:
    """TLS 1.3 refuses our certificate after our handshake: the request is on its way by then."""
    wanting = server_context(certificates.server, certificates.ca)
    foreign = certificates.other_client
    strange = {"cert": str(foreign.certificate), "key": str(foreign.key)}

    async def test(url: str) -> None:
        async with dispatching() as dispatcher:
            for own in ({}, strange):
                for size in (1, 10_000, 3_000_000):
                    tls = {"ca": str(certificates.ca), **own}
                    found = await outcome(dispatcher, delivery(url, "x" * size, tls=tls))
                    assert isinstance(found, RejectedError), found
                    assert found.code == "TLS"
                    assert "another client certificate" in found.message

    with serving(context=wanting) as far:
        asyncio.run(test(far.url))
    assert far.seen == []


@pytest.mark.parametrize("secured", [False, True])
@pytest.mark.parametrize("ending", ["before", "at the request", "by reset", "timeout answer"])
def test_a_kept_connection_that_has_ended_is_replaced_in_silence(
    certificates: Certificates, secured: bool, ending: str
) -> None:
    context = server_context(certificates.server) if secured else None
    tls: dict[str, Any] = {"tls": {"ca": str(certificates.ca)}} if secured else {}

    async def test() -> None:
        connections, requests = 0, 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections, requests
            connections += 1
            await asked(reader)
            requests += 1
            writer.write(ANSWER)
            await writer.drain()
            if ending == "before":
                return
            await asked(reader)
            if ending == "by reset":
                reset(writer)
            elif ending == "timeout answer":
                writer.write(response(b"", "408 Request Timeout", "Connection: close"))

        async with listening(serve, context) as url, dispatching() as dispatcher:
            sent = delivery(url, **tls)
            for _ in range(20):
                assert isinstance(await outcome(dispatcher, sent), Receipt)
            assert (connections, requests) == (20, 20)

    run(test())


def test_a_far_side_that_always_ends_is_not_asked_for_ever() -> None:
    async def test() -> None:
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            if connections == 1:
                await asked(reader)
                writer.write(ANSWER)
                await writer.drain()
            await asked(reader)

        async with listening(serve) as url, dispatching() as dispatcher:
            assert isinstance(await outcome(dispatcher, delivery(url)), Receipt)
            found = await outcome(dispatcher, delivery(url))
            assert isinstance(found, UnreachableError)
            assert connections == 2  # a new connection has no excuse

    run(test())


def test_a_message_whose_answer_has_begun_is_not_sent_again() -> None:
    async def test() -> None:
        requests = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal requests
            for answer in (ANSWER, b"HTTP/1.1 1"):
                await asked(reader)
                requests += 1
                writer.write(answer)
                await writer.drain()

        async with listening(serve) as url, dispatching() as dispatcher:
            assert isinstance(await outcome(dispatcher, delivery(url)), Receipt)
            assert isinstance(await outcome(dispatcher, delivery(url)), UnreachableError)
            assert requests == 2

    run(test())


def test_an_answer_before_the_body_is_sent_is_the_answer() -> None:
    """The far side reads nothing of sixteen megabytes, answers and goes."""

    async def test() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(response(b"too much", "413 Content Too Large", "Connection: close"))
            await writer.drain()
            writer.write_eof()
            await asyncio.sleep(0.02)  # it is writing yet, and will be reset

        async with listening(serve) as url, dispatching() as dispatcher:
            sent = delivery(url, "x" * 15_000_000)
            found = await outcome(dispatcher, sent)
            assert isinstance(found, RejectedError), found
            assert found.code == "413"

    run(test())


@pytest.mark.parametrize("secured", [False, True])
def test_it_can_be_cancelled_at_any_point(certificates: Certificates, secured: bool) -> None:
    """Neither a socket is left, nor does the next request get an answer that is not its own."""
    context = server_context(certificates.server) if secured else None
    tls: dict[str, Any] = {"tls": {"ca": str(certificates.ca)}} if secured else {}

    async def test() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while True:
                path = await asked(reader)
                for byte in response(path.encode()):
                    writer.write(bytes([byte]))
                    await writer.drain()
                    await asyncio.sleep(0)

        async with listening(serve, context) as url, dispatching() as dispatcher:
            for steps in [*range(40), *range(40, 260, 8)]:
                task = asyncio.create_task(dispatcher.send(delivery(f"{url}/cancelled", **tls)))
                for _ in range(steps):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task})
                receipt = await dispatcher.send(delivery(f"{url}/{steps}", **tls))
                assert receipt.data["body"] == f"/job/{steps}"

    run(test())


@pytest.mark.parametrize(
    "flood",
    [
        b"HTTP/1.1 200 OK\r\n" + b"X-Name: value\r\n" * 100_000,
        b"HTTP/1.1 200 OK\r\nX-Name: " + b"v" * 3_000_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 100_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"0" * 3_000_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"X: y\r\n" * 300_000,
        b"\x00" * 3_000_000,
    ],
    ids=["headers", "a header", "interim", "a chunk's size", "trailers", "zeros"],
)
def test_a_flood_is_cut_off(flood: bytes) -> None:
    async def test() -> None:
        sent = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            await asked(reader)
            while not writer.is_closing():
                writer.write(flood)
                await writer.drain()
                sent += len(flood)

        async with listening(serve) as url, dispatching() as dispatcher:
            found = await outcome(dispatcher, delivery(url))
            assert isinstance(found, UnreachableError), found

    run(test())


def test_a_server_that_closes_an_idle_connection_leaves_no_socket() -> None:
    async def test() -> None:
        over = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(ANSWER)
            await writer.drain()
            await over.wait()

        async with listening(serve) as url, dispatching() as dispatcher:
            await asyncio.gather(*(dispatcher.send(delivery(url)) for _ in range(20)))
            before = open_sockets()
            over.set()
            while open_sockets() > before - 40:  # noqa: ASYNC110  # both ends of each
                await asyncio.sleep(0)

    run(test())


def test_no_more_connections_are_kept_than_the_operator_allows() -> None:
    async def test() -> None:
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            while True:
                await asked(reader)
                writer.write(ANSWER)

        async with listening(serve) as url:
            dispatcher = HttpDispatcher(HttpSettings(max_idle_conns=3))
            for round_number in range(3):
                await asyncio.gather(*(dispatcher.send(delivery(url)) for _ in range(10)))
                assert connections == 10 + 7 * round_number
            await dispatcher.close()

    run(test())


def test_the_second_address_is_tried_when_the_first_keeps_silent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """RFC 8305: a dead address costs a quarter of a second, not the attempt."""
    full = socket.socket()
    full.bind(("127.0.0.1", 0))
    full.listen(0)
    dead = full.getsockname()
    fillers = [socket.socket() for _ in range(4)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(dead)  # its queue is full now: further calls get no answer

    async def test() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(ANSWER)

        async with listening(serve) as url, dispatching() as dispatcher:
            port = int(url.split(":")[2].partition("/")[0])
            good = (socket.AF_INET, ("127.0.0.1", port))
            refused = (socket.AF_INET, ("127.0.0.1", 1))
            silent = (socket.AF_INET, dead)

            async def several(host: str, port: int) -> list[Any]:
                return found

            monkeypatch.setattr(dial, "addresses", several)
            for candidates in ([silent, good], [refused, good], [refused, silent, good]):
                found = candidates
                receipt = await outcome(dispatcher, delivery(url))
                assert isinstance(receipt, Receipt), receipt
                await dispatcher._connections.close()
            found = [refused, refused]
            failure = await outcome(dispatcher, delivery(url))
            assert isinstance(failure, UnreachableError)
            assert failure.code == "ECONNREFUSED"

    run(test())
    for one in (full, *fillers):
        one.close()


@pytest.mark.parametrize("secured", [False, True])
def test_tls_through_a_proxy_that_is_spoken_to_over_tls(
    certificates: Certificates, secured: bool
) -> None:
    context = server_context(certificates.server)
    tls = {"ca": str(certificates.ca)}

    async def test(url: str, proxy: str) -> None:
        async with dispatching() as dispatcher:
            for size in (1, 3_000_000):
                sent = delivery(url, "x" * size, tls=tls, proxy=proxy)
                assert isinstance(await outcome(dispatcher, sent), Receipt)

    with (
        serving(context=context if secured else None) as far,
        proxying(context=server_context(certificates.server)) as proxy,
    ):
        asyncio.run(test(far.url, proxy.url))
    assert [len(request.body) for request in far.seen] == [1, 3_000_000]
    # A tunnel stays open for both; without one each request is the proxy's.
    assert [one.method for one in proxy.seen] == (["CONNECT"] if secured else ["POST", "POST"])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"", UnreachableError),
        (b"HTTP/1.1 200", UnreachableError),
        (b"HTTP/1.1 200 OK\r\n\r\n", UnreachableError),  # and goes, in the handshake
        (b"HTTP/1.1 200 OK\r\n\r\nmore", UnreachableError),
        (b"HTTP/1.1 100 Continue\r\n\r\n", UnreachableError),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", UnreachableError),
        (b"HTTP/1.1 503 Later\r\n\r\n", UnreachableError),
        (b"HTTP/1.1 403 No\r\n\r\n", RejectedError),
    ],
)
def test_a_proxy_that_opens_no_tunnel(answer: bytes, expected: type[DispatchError]) -> None:
    async def test() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(answer)

        async with listening(serve) as url, dispatching() as dispatcher:
            proxy = url.removesuffix("/job")
            found = await outcome(dispatcher, delivery("https://far.example/", proxy=proxy))
            assert type(found) is expected, found

    run(test())


def test_an_answer_that_comes_before_the_question_is_none() -> None:
    async def test() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(ANSWER)
            await asked(reader)

        async with listening(serve) as url:
            target = delivery(url).target
            wire, _ = await connected(route(target, url), Contexts())
            connection = Http1Connection(wire)
            while not connection.is_spoilt:  # noqa: ASYNC110
                await asyncio.sleep(0)
            sent = outgoing(delivery(url), target, SystemClock().now())
            with pytest.raises(ResponseError, match="before it was asked"):
                await connection.exchange(sent)

    run(test())


@pytest.mark.parametrize("by_proxy", [False, True])
def test_what_comes_with_the_end_of_the_handshake_is_not_lost(
    certificates: Certificates, by_proxy: bool
) -> None:
    """By TLS 1.2 the far side may speak first, in the same packet; over HTTP/1.1 it must not."""
    context = server_context(certificates.server)
    context.maximum_version = ssl.TLSVersion.TLSv1_2

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context.wrap_bio(incoming, outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
        tls.write(ANSWER)
        writer.write(outgoing.read())
        await reader.read(65536)

    async def test(proxy: dict[str, Any]) -> None:
        async with listening(serve) as url, dispatching() as dispatcher:
            secured = url.replace("http:", "https:")
            sent = delivery(secured, tls={"ca": str(certificates.ca)}, **proxy)
            found = await outcome(dispatcher, sent)
            assert isinstance(found, UnreachableError), found
            assert "before it was asked" in found.message

    with proxying() as proxy:
        run(test({"proxy": proxy.url} if by_proxy else {}))


def test_no_byte_of_an_answer_that_is_wrong_is_a_bug_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    dice = random.Random(7)
    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nT: v\r\n\r\n"

    async def test() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            wrong = bytearray(whole)
            for _ in range(dice.randint(1, 3)):
                wrong[dice.randrange(len(wrong))] = dice.randrange(256)
            writer.write(wrong)

        async with listening(serve) as url, dispatching() as dispatcher:
            sent = delivery(url)
            for _ in range(300):
                found = await outcome(dispatcher, sent)
                assert isinstance(found, (Receipt, DispatchError))

    run(test())
    assert [record.message for record in caplog.records if record.name == "asyncio"] == []
