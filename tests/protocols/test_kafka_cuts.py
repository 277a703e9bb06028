"""Kafka: a TLS handshake that ends in the middle is no refusal, at whatever byte."""

import asyncio
import ssl
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.execution import Execution, new_id
from chronos_cli.errors import DispatchError, UnreachableError
from chronos_cli.jobs.model import Job, JobSpec, Payload
from chronos_cli.problems import Position
from chronos_cli.protocols.kafka.dispatcher import KafkaDispatcher
from chronos_cli.protocols.kafka.target import KafkaSettings, KafkaTarget
from chronos_cli.protocols.tls import Tls
from tests.brokers.certificates import Certificates
from tests.servers.streams import Cut, Side, cutting

CUTS: list[tuple[Side, int]] = [
    *(("server", after) for after in (0, 3, 60, 200, 900)),
    *(("client", after) for after in (10, 250)),
]


async def failure(target: KafkaTarget, limit: float = 10.0) -> Any:
    """What sending a message raises."""
    spec = JobSpec(name="job", timeout=limit)
    job = Job("job", spec, "kafka", "kafka", target, Payload("x"), Position("job.yaml"))
    delivery = prepare(Execution(new_id(), job, datetime.now(UTC)), 1)
    dispatcher = KafkaDispatcher(KafkaSettings())
    try:
        async with asyncio.timeout(limit):
            return await dispatcher.send(cast("Delivery[KafkaTarget]", delivery))
    except DispatchError as error:
        return error
    finally:
        await dispatcher.close()


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_cut_in_the_handshake(certificates: Certificates, reset: bool) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.server.joined)

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.close()

    async def one(port: int, side: Side, after: int) -> Any:
        async with cutting(port, Cut(side, after, reset)) as proxy:
            tls = Tls(ca=str(certificates.ca))
            return await failure(KafkaTarget(brokers=f"127.0.0.1:{proxy}", topic="t", tls=tls))

    async def work() -> list[Any]:
        server = await asyncio.start_server(hold, "127.0.0.1", 0, ssl=context)
        port = server.sockets[0].getsockname()[1]
        found = await asyncio.gather(*(one(port, side, after) for side, after in CUTS))
        server.close()
        return list(found)

    for cut, found in zip(CUTS, asyncio.run(work()), strict=True):
        assert isinstance(found, UnreachableError), (cut, found)
