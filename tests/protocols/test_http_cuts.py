"""Far sides that cut, flood and garble at any byte: no success, no crash, and the right class."""

import asyncio
import random
import socket
import ssl
from typing import Any

import pytest

from chronos_cli.clock import SystemClock
from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.protocols.http.connect import Contexts, connected
from chronos_cli.protocols.http.errors import ResponseError
from chronos_cli.protocols.http.http1 import Http1Connection
from chronos_cli.protocols.http.request import outgoing
from chronos_cli.protocols.http.route import route
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
@pytest.mark.parametrize("by_reset", [False, True])
@pytest.mark.parametrize("answer", [ANSWER, response(b"")], ids=["body", "no body"])
def test_an_answer_that_is_cut_anywhere_is_not_now(
    certificates: Certificates, secured: bool, by_reset: bool, answer: bytes
) -> None:
    context = server_context(certificates.server) if secured else None
    tls: dict[str, Any] = {"tls": {"ca": str(certificates.ca)}} if secured else {}

    async def test() -> None:
        cut = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await asked(reader)
            writer.write(answer[:cut])
            await writer.drain()
            if by_reset:
                reset(writer)

        async with listening(serve, context) as url, dispatching() as dispatcher:
            sent = delivery(url, **tls)
            for cut in range(len(answer)):
                found = await outcome(dispatcher, sent)
                assert isinstance(found, UnreachableError), (cut, found)
                assert found.code == ("ECONNRESET" if by_reset else None)

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
