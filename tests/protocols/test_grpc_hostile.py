"""gRPC: what no application said is no refusal, on a server that speaks bare HTTP/2."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamEnded

from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.execution import Execution, new_id
from chronos_cli.dispatch.plugin import Receipt
from chronos_cli.errors import RejectedError, UnreachableError
from chronos_cli.jobs.model import Job, JobSpec, Payload
from chronos_cli.problems import Position
from chronos_cli.protocols.grpc.dispatcher import GrpcDispatcher
from chronos_cli.protocols.grpc.expect import GrpcExpect
from chronos_cli.protocols.grpc.target import Grpc, GrpcSettings, ProtoSource
from tests.servers.streams import Serve, serving

# Answers one call: the connection, what writes bytes as they are, and the stream.
Answer = Callable[[H2Connection, Callable[[bytes], None], int], None]

PROTO = """syntax = "proto3";
package probe;
message Text { string text = 1; }
service Probe { rpc Do(Text) returns (Text); rpc Many(Text) returns (stream Text); }
"""
HEAD = [(":status", "200"), ("content-type", "application/grpc")]
OK = [("grpc-status", "0")]
WHOLE = b"\0\0\0\0\x04\x0a\x02hi"


@pytest.fixture(scope="module")
def proto(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("proto") / "probe.proto"
    path.write_text(PROTO)
    return str(path)


def speaking(answer: Answer) -> Serve:
    """A server that answers every call so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = H2Connection(H2Configuration(client_side=False))
        connection.initiate_connection()

        def write(raw: bytes) -> None:
            writer.write(connection.data_to_send() + raw)

        write(b"")
        while data := await reader.read(65536):
            for event in connection.receive_data(data):
                if isinstance(event, StreamEnded):
                    assert event.stream_id is not None
                    answer(connection, write, event.stream_id)
            write(b"")

    return serve


def delivery(target: Grpc) -> Delivery[Grpc]:
    spec = JobSpec(name="job", timeout=10)
    job = Job("job", spec, "grpc", "grpc", target, Payload({}), Position("job.yaml"))
    return cast("Delivery[Grpc]", prepare(Execution(new_id(), job, datetime.now(UTC)), 1))


async def called(serve: Serve, proto: str, method: str = "Do", expect: str = "OK") -> Any:
    """The receipt of a call, or what it raises."""

    async with serving(serve) as port:
        target = Grpc(
            address=f"127.0.0.1:{port}",
            method=f"probe.Probe/{method}",
            proto=ProtoSource(files=(proto,)),
            expect=GrpcExpect(status=expect),
        )
        dispatcher = GrpcDispatcher(GrpcSettings())
        try:
            async with asyncio.timeout(10):
                return await dispatcher.send(delivery(target))
        except (RejectedError, UnreachableError) as error:
            return error
        finally:
            await dispatcher.close()


def answering(*parts: Sequence[tuple[str, str]] | bytes) -> Answer:
    """Headers and data, of which the last ends the stream."""

    def answer(connection: H2Connection, _write: Callable[[bytes], None], stream: int) -> None:
        for number, part in enumerate(parts, 1):
            is_last = number == len(parts)
            if isinstance(part, bytes):
                connection.send_data(stream, part, end_stream=is_last)
            else:
                connection.send_headers(stream, list(part), end_stream=is_last)

    return answer


def reset(code: int, *, begun: bool = False) -> Answer:
    def answer(connection: H2Connection, write: Callable[[bytes], None], stream: int) -> None:
        if begun:
            connection.send_headers(stream, HEAD)
            write(b"")
        connection.reset_stream(stream, code)

    return answer


def bytes_after_head(raw: bytes) -> Answer:
    def answer(connection: H2Connection, write: Callable[[bytes], None], stream: int) -> None:
        connection.send_headers(stream, HEAD)
        write(raw)

    return answer


def status(code: str, message: str = "") -> list[tuple[str, str]]:
    return [*HEAD, ("grpc-status", code), ("grpc-message", message)]


def test_the_server_can_answer(proto: str) -> None:
    receipt = asyncio.run(called(speaking(answering(HEAD, WHOLE, OK)), proto))
    assert isinstance(receipt, Receipt)
    assert receipt.data == {"reply": {"text": "hi"}}


BROKEN: dict[str, Answer] = {
    **{f"RST_STREAM {code}": reset(code) for code in (0, 1, 2, 3, 7, 8, 11, 12, 13, 99)},
    **{f"RST_STREAM {code} later": reset(code, begun=True) for code in (0, 2, 8)},
    "no status": answering(HEAD),
    "a page": answering([(":status", "200"), ("content-type", "text/html")]),
    "a status that is no number": answering(status("x")),
    **{f"HTTP {code}": answering([(":status", code)]) for code in ("408", "425", "429", "500")},
    "no frame": bytes_after_head(b"\xff" * 60),
    "compressed without saying how": answering(HEAD, b"\x01\0\0\0\x03abc", OK),
    "broken gzip": answering([*HEAD, ("grpc-encoding", "gzip")], b"\x01\0\0\0\x03abc", OK),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("method", ["Do", "Many"])
def test_a_call_that_was_broken_off(proto: str, name: str, method: str) -> None:
    failure = asyncio.run(called(speaking(BROKEN[name]), proto, method))
    assert isinstance(failure, UnreachableError), failure


@pytest.mark.parametrize("name", ["RST_STREAM 2", "no status", "no frame"])
@pytest.mark.parametrize("expect", ["INTERNAL", "UNKNOWN"])
def test_what_nobody_said_is_never_expected(proto: str, name: str, expect: str) -> None:
    failure = asyncio.run(called(speaking(BROKEN[name]), proto, expect=expect))
    assert isinstance(failure, UnreachableError), failure


@pytest.mark.parametrize(
    "answer",
    [
        answering([*HEAD, *OK]),
        answering(HEAD, OK),
        answering(HEAD, b"\0\0", OK),
        answering(HEAD, b"\0\0\0\0\x64abc", OK),
        answering(HEAD, b"\x07\0\0\0\x03abc", OK),
    ],
    ids=["only the end", "no message", "a cut length", "a cut message", "an odd flag"],
)
def test_ok_without_a_whole_message(proto: str, answer: Answer) -> None:
    failure = asyncio.run(called(speaking(answer), proto))
    assert isinstance(failure, UnreachableError), failure
    assert failure.code == "REPLY"


@pytest.mark.parametrize("size", [0, 1, 3, 8, 9])
def test_cut_in_the_first_frame(proto: str, size: int) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(b"\0\0\0\x04\0\0\0\0\0"[:size])
        await writer.drain()

    failure = asyncio.run(called(serve, proto))
    assert isinstance(failure, UnreachableError), failure


@pytest.mark.parametrize(
    ("code", "name"), [("1", "CANCELLED"), ("2", "UNKNOWN"), ("13", "INTERNAL")]
)
def test_what_an_application_says_stays_a_refusal(proto: str, code: str, name: str) -> None:
    answer = speaking(answering(status(code, "no")))
    failure = asyncio.run(called(answer, proto))
    assert isinstance(failure, RejectedError), failure
    assert failure.code == name
    if name != "CANCELLED":
        assert isinstance(asyncio.run(called(answer, proto, expect=name)), Receipt)


# --- a connection that was kept


async def called_twice(serve: Serve, proto: str, method: str = "Do") -> Any:
    """The receipts of two calls one after the other, or what the second raises."""
    async with serving(serve) as port:
        target = Grpc(
            address=f"127.0.0.1:{port}",
            method=f"probe.Probe/{method}",
            proto=ProtoSource(files=(proto,)),
        )
        dispatcher = GrpcDispatcher(GrpcSettings())
        try:
            first = await dispatcher.send(delivery(target))
            return first, await dispatcher.send(delivery(target))
        except UnreachableError as error:
            return error
        finally:
            await dispatcher.close()


def ending(connections: list[list[Answer]]) -> tuple[Serve, list[int]]:
    """A server with a list of answers for each connection; and the connections of the calls.

    It answers well, and ends the connection after any other answer.
    """
    used: list[int] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(set(used))
        answers = iter(connections[number])

        def answer(connection: H2Connection, write: Callable[[bytes], None], stream: int) -> None:
            used.append(number)
            chosen = next(answers)
            chosen(connection, write, stream)
            if chosen is not WELL:
                # Real time: what came before the end is to be read before it.
                asyncio.get_running_loop().call_later(0.2, writer.close)

        await speaking(answer)(reader, writer)

    return serve, used


WELL = answering(HEAD, WHOLE, OK)


def nothing(_connection: H2Connection, _write: Callable[[bytes], None], _stream: int) -> None:
    """Give no answer."""


def half(connection: H2Connection, write: Callable[[bytes], None], stream: int) -> None:
    connection.send_headers(stream, HEAD)
    connection.send_data(stream, WHOLE)
    write(b"")


def test_a_kept_connection_that_ends_is_replaced(proto: str) -> None:
    serve, used = ending([[WELL, nothing], [WELL]])
    found = asyncio.run(called_twice(serve, proto))
    assert not isinstance(found, UnreachableError), found
    first, second = found
    assert first.data == second.data == {"reply": {"text": "hi"}}
    assert used == [0, 0, 1]


def test_it_is_replaced_once(proto: str) -> None:
    serve, used = ending([[WELL, nothing], [nothing], [WELL]])
    assert isinstance(asyncio.run(called_twice(serve, proto)), UnreachableError)
    assert used == [0, 0, 1]


def test_a_call_is_not_made_again_after_a_reply(proto: str) -> None:
    serve, used = ending([[WELL, half], [WELL]])
    assert isinstance(asyncio.run(called_twice(serve, proto, "Many")), UnreachableError)
    assert used == [0, 0]


def test_a_fresh_connection_is_not_replaced(proto: str) -> None:
    serve, used = ending([[nothing], [WELL]])
    assert isinstance(asyncio.run(called_twice(serve, proto)), UnreachableError)
    assert used == [0]
