"""Kafka: a far side that is no broker never gets to librdkafka, which would end the process."""

import asyncio
import ssl
import struct
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from chronos_cli.errors import UnreachableError
from chronos_cli.protocols.kafka.api_versions import REQUEST, check_answer, length_of_answer
from tests.brokers.certificates import Certificates
from tests.protocols.harness_kafka import run_all
from tests.protocols.mock_kafka import MockCluster
from tests.servers.streams import serving
from tests.support import Result

# What a far side says to a request, which may be empty; None ends the connection.
Answer = Callable[[bytes], bytes | None]


def framed(request: bytes, answer: bytes) -> bytes:
    """An answer with its length and the request's correlation ID."""
    return struct.pack(">i", len(answer) + 4) + request[8:12] + answer


def versions(*ranges: tuple[int, int, int], error: int = 0, count: int | None = None) -> bytes:
    known = b"".join(struct.pack(">hhh", *each) for each in ranges)
    return struct.pack(">hi", error, len(ranges) if count is None else count) + known


PRODUCE, METADATA = (0, 0, 10), (3, 0, 13)

# The first eight of these end the process of a librdkafka that is asked to connect: to version 3
# of the request they are an answer without error and with an array that is null.
FAR_SIDES: dict[str, tuple[Answer, str]] = {
    "200 zeros": (lambda asked: framed(asked, b"\0" * 200), "no broker"),
    "3 zeros": (lambda asked: framed(asked, b"\0" * 3), "does not speak Kafka"),
    "6 zeros": (lambda asked: framed(asked, b"\0" * 6), "no broker"),
    "20 zeros": (lambda asked: framed(asked, b"\0" * 20), "no broker"),
    "20,000 zeros": (lambda asked: framed(asked, b"\0" * 20_000), "no broker"),
    "a count that is huge": (
        lambda asked: framed(asked, b"\0\0\0\0" + b"\x7f\xff\xff\xff" * 50),
        "no broker",
    ),
    "zeros and ones": (lambda asked: framed(asked, b"\0" * 5 + b"\1" * 200), "no broker"),
    "zeros and bits": (lambda asked: framed(asked, b"\0" * 5 + b"\xff" * 200), "no broker"),
    "another's answer": (lambda _: framed(b"\1" * 12, versions(PRODUCE, METADATA)), "not asked"),
    "an error": (lambda asked: framed(asked, versions(error=35)), "error 35"),
    "a controller": (lambda asked: framed(asked, versions((18, 0, 4))), "controller"),
    "ranges upside down": (
        lambda asked: framed(asked, versions((0, 9, 3), METADATA)),
        "takes no messages",
    ),
    "a count that is wrong": (
        lambda asked: framed(asked, versions(PRODUCE, METADATA, count=3)),
        "no broker",
    ),
    "zeros only": (lambda _: b"\0" * 4000, "does not speak Kafka"),
    "ones only": (lambda _: b"\xff" * 4000, "does not speak Kafka"),
    "HTTP": (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "speaks HTTP"),
    "NATS": (lambda _: b'INFO {"server_id":"N"}\r\n', "speaks NATS"),
    "AMQP": (lambda _: b"AMQP\0\0\x09\x01", "speaks AMQP"),
    "TLS": (lambda _: b"\x15\x03\x03\x00\x02\x02\x46", "want TLS?"),
    "the end": (lambda _: None, "want TLS?"),
    "half an answer": (lambda asked: framed(asked, versions(PRODUCE))[:9], "no answer within 3s"),
}


def against(folder: Path, answers: dict[str, Answer], **more: Any) -> Result:
    """Run one process with one job for each far side."""

    def serve(answer: Answer) -> Any:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while asked := await reader.read(65536):
                said = answer(asked)
                if said is None:
                    return
                writer.write(said)

        return serving(one)

    async def work() -> Result:
        jobs = {}
        async with asyncio.timeout(30), AsyncExitStack() as stack:
            for name, answer in answers.items():
                port = await stack.enter_async_context(serve(answer))
                jobs[name] = {"brokers": f"127.0.0.1:{port}", "topic": "t"}
            return await asyncio.to_thread(run_all, folder, jobs, **more)

    return asyncio.run(work())


ONCE: dict[str, Any] = {"retry_policy": {"max_attempts": 1}, "timeout": "3s"}


def test_no_far_side_ends_the_process(tmp_path: Path) -> None:
    answers = {name: answer for name, (answer, _) in FAR_SIDES.items()}
    result = against(tmp_path, answers, **ONCE)
    assert (result.code, result.err) == (6, "")
    for (name, (_, words)), only in zip(FAR_SIDES.items(), result.report["results"], strict=True):
        expected = "timed_out" if name == "half an answer" else "unreachable"
        assert only["status"] == expected, (name, only)
        assert words in only["message"], (name, only)


def test_a_broker_beside_them_is_found(tmp_path: Path) -> None:
    async def zeros(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while asked := await reader.read(65536):
            writer.write(framed(asked, b"\0" * 200))

    async def work() -> Result:
        async with serving(zeros) as port:
            brokers = f"127.0.0.1:{port},PLAINTEXT://{mock.address}"
            jobs = {"job": {"brokers": brokers, "topic": "orders"}}
            return await asyncio.to_thread(run_all, tmp_path, jobs)

    with MockCluster() as mock:
        result = asyncio.run(work())
    assert (result.code, len(result.only["attempts"])) == (0, 1)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda asked: framed(asked, b"\0" * 200), "no broker"),
        # What ends after the handshake may have refused our certificate: librdkafka looks again.
        (lambda _: None, "127.0.0.1"),
    ],
    ids=["zeros", "the end"],
)
def test_over_tls(certificates: Certificates, tmp_path: Path, answer: Answer, words: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server.joined)

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if said := answer(await reader.read(65536)):
            writer.write(said)
        writer.close()

    async def work() -> Result:
        async with await asyncio.start_server(one, "127.0.0.1", 0, ssl=context) as server:
            broker = f"SSL://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            jobs = {"job": {"brokers": broker, "topic": "t", "tls": {"ca": str(certificates.ca)}}}
            return await asyncio.to_thread(run_all, tmp_path, jobs, **ONCE)

    result = asyncio.run(work())
    assert (result.code, result.only["status"]) == (5, "unreachable")
    assert words in result.only["message"]


def test_a_name_server_that_keeps_silent(tmp_path: Path) -> None:
    """The limit holds; a name that is not there is told at once."""
    (tmp_path / "sitecustomize.py").write_text(
        "import socket, time\nreal = socket.getaddrinfo\n"
        "def silent(host, *more, **named):\n"
        "    time.sleep(30 if host == 'silent.example' else 0)\n"
        "    if host == 'none.example':\n"
        "        raise socket.gaierror(socket.EAI_AGAIN, 'try again')\n"
        "    return real(host, *more, **named)\n"
        "socket.getaddrinfo = silent\n"
    )
    names = ("silent.example", "none.example", "nosuch.invalid")
    jobs = {name: {"brokers": f"{name}:9092", "topic": "t"} for name in names}
    result = run_all(tmp_path, jobs, env={"PYTHONPATH": str(tmp_path)}, **ONCE | {"timeout": "1s"})
    silent, none, unknown = result.report["results"]
    assert silent["status"] == "timed_out"
    assert silent["duration_ms"] < 1500
    assert (none["status"], none["code"]) == ("unreachable", "DNS")
    assert "no name server answers" in none["message"]
    assert (unknown["status"], unknown["code"]) == ("unreachable", "DNS")
    assert "there is no such name" in unknown["message"]


def test_the_request_as_the_protocol_has_it() -> None:
    """https://kafka.apache.org/protocol#The_Messages_ApiVersions"""
    assert REQUEST.hex() == "00000011" + "0012" + "0000" + "43484f4e" + "0007" + b"chronos".hex()
    answer = framed(REQUEST, versions(PRODUCE, METADATA))
    assert length_of_answer(answer[:4], "here") == len(answer) - 4
    check_answer(answer[4:], "here")


@pytest.mark.parametrize("size", [-1, 0, 9, 64 * 1024 + 1])
def test_lengths_that_no_answer_has(size: int) -> None:
    with pytest.raises(UnreachableError, match="does not speak Kafka"):
        length_of_answer(struct.pack(">i", size), "here")
