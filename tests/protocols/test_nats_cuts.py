"""NATS: whatever a server's first bytes are, and wherever they end, it is unreachable."""

import asyncio
import socket
import threading
import time
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.execution import Execution, new_id
from chronos_cli.errors import DispatchError, UnreachableError
from chronos_cli.jobs.model import Job, JobSpec, Payload
from chronos_cli.problems import Position
from chronos_cli.protocols.nats.dispatcher import NatsDispatcher
from chronos_cli.protocols.nats.target import Nats, NatsSettings
from tests.brokers.nats import NatsServer
from tests.protocols.nats_support import fresh
from tests.servers.streams import Cut, Side, cutting, serving

# No login is over before so many bytes of either side.
_LEAST = 100


async def sent(target: Nats, limit: float = 5.0) -> DispatchError | None:
    """What sending a message raises; None when it succeeds."""
    spec = JobSpec(name="job", timeout=limit)
    job = Job("job", spec, "nats", "nats", target, Payload("x"), Position("job.yaml"))
    delivery = prepare(Execution(new_id(), job, datetime.now(UTC)), 1)
    dispatcher = NatsDispatcher(NatsSettings())
    try:
        async with asyncio.timeout(limit):
            await dispatcher.send(cast("Delivery[Nats]", delivery))
    except DispatchError as error:
        return error
    finally:
        await dispatcher.close()
    return None


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("side", ["server", "client"])
def test_cut_at_any_byte(nats_server: NatsServer, side: Side, reset: bool) -> None:
    port = int(nats_server.url.rpartition(":")[2])

    async def work() -> None:
        for after in [*range(8), *range(8, 5000, 11)]:
            async with cutting(port, Cut(side, after, reset)) as proxy:
                url = f"nats://127.0.0.1:{proxy}"
                failure = await sent(Nats(url=url, subject=fresh()))
            if failure is None and after > _LEAST:
                return  # all that it takes has gone through
            assert isinstance(failure, UnreachableError), (after, failure)

    asyncio.run(work())


async def failure_with(first: bytes) -> Any:
    """What a send raises when the server's first words are these, and PONG follows."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(first)
        while data := await reader.read(65536):
            writer.write(b"PONG\r\n" * data.count(b"PING\r\n"))

    async with serving(serve) as port:
        return await sent(Nats(url=f"nats://127.0.0.1:{port}", subject="x"))


@pytest.mark.parametrize(
    "first",
    [
        b"\xff\xfe\r\n",
        b"INFO\r\n",
        b"INFO [] \r\n",
        b"INFO null \r\n",
        b'INFO "text" \r\n',
        b"INFO {\r\n",
        b'INFO {"max_payload": "1"} \r\n',
        b'INFO {"max_payload": null} \r\n',
        b'INFO {"max_payload": 100, "connect_urls": 7} \r\n',
        b'INFO {"max_payload": 100, "connect_urls": [7]} \r\n',
        b'INFO {"max_payload": 100, "connect_urls": ["[::"]} \r\n',
        b"INFO " + b'{"max_payload": ' + b"9" * 70_000 + b"} \r\n",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
    ],
)
def test_odd_first_words(first: bytes) -> None:
    failure = asyncio.run(failure_with(first))
    assert isinstance(failure, UnreachableError), failure
    assert len(failure.message) < 400


def named(addresses: list[str], port: int) -> Any:
    """A name server that knows these addresses, in this order."""
    kind = socket.SOCK_STREAM
    found = [(socket.AF_INET, kind, 6, "", (address, port)) for address in addresses]
    return lambda *_, **__: found


def test_every_address_of_a_name_is_tried(
    nats_server: NatsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = int(nats_server.url.rpartition(":")[2])
    monkeypatch.setattr(socket, "getaddrinfo", named(["127.0.0.2", "127.0.0.1"], port))
    target = Nats(url=f"nats://nats.example:{port}", subject=fresh())
    assert asyncio.run(sent(target)) is None


def test_a_name_server_that_does_not_answer_keeps_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    released = threading.Event()

    def stuck(*_: Any, **__: Any) -> Any:
        released.wait(10)
        raise socket.gaierror(socket.EAI_AGAIN, "late")

    monkeypatch.setattr(socket, "getaddrinfo", stuck)
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        asyncio.run(sent(Nats(url="nats://slow.example", subject="x"), limit=0.2))
    assert time.monotonic() - began < 5
    released.set()
