"""What the pages say of brokers, at real ones: recipes and messages."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from tests.brokers.kafka import KafkaBroker
from tests.brokers.nats import NatsServer
from tests.brokers.rabbitmq import RabbitServer
from tests.docs.failures import Case, check_message, messages
from tests.docs.recipes import RECIPES, paste
from tests.docs.stage import Stage
from tests.protocols.harness_kafka import consume, headers_of


def test_a_recipe_over_kafka(stage: Stage, kafka_broker: KafkaBroker) -> None:
    topic = f"orders-{uuid4().hex}"
    kafka_broker.create_topic(topic)
    stage.addresses["topic: orders"] = f"topic: {topic}"
    for name in ("kafka-1.example.com:9092", "kafka-2.example.com:9092"):
        stage.addresses[name] = kafka_broker.plaintext
    (report,) = paste(stage, RECIPES["Kafka, with key and headers"])
    (message,) = consume(kafka_broker.plaintext, topic)
    day = json.loads(report)["results"][0]["scheduled_time"][:10]
    assert message.key() == day.encode()
    assert json.loads(message.value() or b"") == {"report": "orders", "day": day}
    assert {("source", b"chronos"), ("tenant", b"acme")} <= set(headers_of(message))


def test_a_recipe_over_nats(stage: Stage, nats_server: NatsServer) -> None:
    stage.addresses["nats://nats.example.com:4222"] = nats_server.url
    with responder(nats_server.url, "maintenance.clean-up", b"ok, 3 removed") as asked:
        paste(stage, RECIPES["A NATS request"])
    assert [json.loads(one) for one in asked] == [{"older_than": "30d"}]


@pytest.mark.parametrize(("message", "case"), messages(of_brokers=True))
def test_a_message_of_the_page_is_given(
    message: str, case: Case, stage: Stage, request: pytest.FixtureRequest
) -> None:
    check_message(message, case, stage, request)


@pytest.fixture
def kafka_address(kafka_broker: KafkaBroker) -> str:
    return kafka_broker.plaintext


@pytest.fixture
def nats_url(nats_server: NatsServer) -> str:
    return nats_server.url


@pytest.fixture
def rabbitmq_url(rabbitmq_broker: RabbitServer) -> str:
    return rabbitmq_broker.url


@contextmanager
def responder(url: str, subject: str, reply: bytes) -> Iterator[list[bytes]]:
    """Answer requests on a subject; yields what was asked."""
    import nats
    from nats.aio.msg import Msg

    asked: list[bytes] = []
    ready, over = threading.Event(), threading.Event()

    async def serve() -> None:
        client = await nats.connect(url)

        async def answer(message: Msg) -> None:
            asked.append(message.data)
            await message.respond(reply)

        await client.subscribe(subject, cb=answer)
        await client.flush()
        ready.set()
        await asyncio.to_thread(over.wait, 20)
        await client.close()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield asked
    finally:
        over.set()
        thread.join(10)
