"""RabbitMQ: a connection that ends in the middle is no refusal, at whatever byte."""

import asyncio
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from chronos_cli.dispatch.delivery import Delivery, prepare
from chronos_cli.dispatch.execution import Execution, new_id
from chronos_cli.errors import DispatchError, RejectedError, UnreachableError
from chronos_cli.jobs.model import Job, JobSpec, Payload
from chronos_cli.problems import Position
from chronos_cli.protocols.rabbitmq.dispatcher import RabbitmqDispatcher
from chronos_cli.protocols.rabbitmq.target import Rabbitmq, RabbitmqSettings
from tests.protocols.harness_rabbitmq import RabbitNode, declare_queue
from tests.servers.streams import Cut, Side, cutting, serving

# No login is over before so many bytes of either side.
_LEAST = 200


async def sent(target: Rabbitmq, limit: float = 5.0) -> DispatchError | None:
    """What sending a message raises; None when it succeeds."""
    spec = JobSpec(name="job", timeout=limit)
    job = Job("job", spec, "rabbitmq", "rabbitmq", target, Payload("x"), Position("job.yaml"))
    delivery = prepare(Execution(new_id(), job, datetime.now(UTC)), 1)
    dispatcher = RabbitmqDispatcher(RabbitmqSettings())
    try:
        async with asyncio.timeout(limit):
            await dispatcher.send(cast("Delivery[Rabbitmq]", delivery))
    except DispatchError as error:
        return error
    finally:
        await dispatcher.close()
    return None


@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
@pytest.mark.parametrize("side", ["server", "client"])
def test_cut_at_any_byte(rabbitmq_broker: RabbitNode, side: Side, reset: bool) -> None:
    queue = declare_queue(rabbitmq_broker.url)
    port = int(rabbitmq_broker.url.rpartition(":")[2].partition("/")[0])

    async def work() -> None:
        for after in range(0, 5000, 9):
            async with cutting(port, Cut(side, after, reset)) as proxy:
                url = f"amqp://guest:guest@127.0.0.1:{proxy}/"
                failure = await sent(Rabbitmq(url=url, queue=queue))
            if failure is None and after > _LEAST:
                return  # all that it takes has gone through
            assert isinstance(failure, UnreachableError), (after, failure)

    asyncio.run(work())


class Broker:
    """Says to every client what a broker says, up to the end of a login, and then `last`."""

    # Connection.Start: version 0-9, no properties, PLAIN, en_US.
    START = b"\x00\x0a\x00\x0a\x00\x09\x00\x00\x00\x00\x00\x00\x00\x05PLAIN\x00\x00\x00\x05en_US"

    def __init__(self, *answers: bytes) -> None:
        self._answers = answers

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in self._answers:
            if not await reader.read(65536):
                break
            writer.write(b"\x01\x00\x00" + len(answer).to_bytes(4, "big") + answer + b"\xce")
        while await reader.read(65536):
            pass

    async def failure(self) -> Any:
        async with serving(self.serve) as port:
            return await sent(Rabbitmq(url=f"amqp://u:p@127.0.0.1:{port}/", queue="q"))


def closing(code: int, text: bytes) -> bytes:
    """A Connection.Close."""
    head = b"\x00\x0a\x00\x32" + code.to_bytes(2, "big")
    return head + bytes([len(text)]) + text + b"\x00\x0a\x00\x0b"


def test_a_text_that_is_no_utf8() -> None:
    for code, kind in ((403, RejectedError), (320, UnreachableError)):
        failure = asyncio.run(Broker(Broker.START, closing(code, b"NO - \xff\xfe why")).failure())
        assert type(failure) is kind
        assert failure.code == f"{code} NO"
        assert "\\xff\\xfe why" in failure.message


def test_a_login_that_the_broker_does_not_offer_is_rejected() -> None:
    start = Broker.START.replace(b"PLAIN", b"OTHER")
    failure = asyncio.run(Broker(start).failure())
    assert isinstance(failure, RejectedError)
    assert "PLAIN" in failure.message
