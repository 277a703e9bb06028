"""Connections that are kept, replaced, called off and closed: nothing is lost, nothing is left."""

import asyncio
import socket
from typing import Any

import pytest

from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols import dial
from chronos_cli.protocols.http.dispatcher import HttpDispatcher
from chronos_cli.protocols.http.target import HttpSettings
from chronos_cli.testing.checks import open_sockets
from tests.brokers.certificates import Certificates
from tests.protocols.http_far_sides import (
    ANSWER,
    asked,
    delivery,
    dispatching,
    listening,
    outcome,
    reset,
    run,
)
from tests.servers.raw import response
from tests.servers.web import proxying, server_context, serving


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


@pytest.mark.parametrize(
    ("settings", "at_once", "opened"),
    [
        # What is not said follows from use: each further round finds its connections.
        (HttpSettings(), 150, [150, 150, 150]),
        (HttpSettings(max_idle_conns=3), 10, [10, 17, 24]),
    ],
)
def test_no_more_connections_are_kept_than_are_of_use_or_allowed(
    settings: HttpSettings, at_once: int, opened: list[int]
) -> None:
    async def test() -> None:
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            while True:
                await asked(reader)
                writer.write(ANSWER)

        async with listening(serve) as url:
            dispatcher = HttpDispatcher(settings)
            for expected in opened:
                await asyncio.gather(*(dispatcher.send(delivery(url)) for _ in range(at_once)))
                assert connections == expected
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
