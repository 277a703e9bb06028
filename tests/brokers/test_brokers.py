"""Whether the brokers do what the other tests build on, tried with bare clients."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pika
import pytest
from confluent_kafka import Consumer, KafkaError, Message, Producer
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.errors import NoServersError
from pika.adapters.blocking_connection import BlockingChannel
from pika.adapters.utils.connection_workflow import AMQPConnectorException
from pika.exceptions import AMQPConnectionError, ConnectionClosedByBroker

from tests.brokers.certificates import Certificates, Identity
from tests.brokers.kafka import KafkaBroker
from tests.brokers.nats import LIMITED_USER, PASSWORD, TOKEN, USER, NatsServer, SecuredNats
from tests.brokers.rabbitmq import RabbitServer

TlsContext = Callable[..., ssl.SSLContext]
PATIENCE = 15.0


@pytest.fixture
def client_context(certificates: Certificates) -> TlsContext:
    def make(client: Identity | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(certificates.ca))
        if client:
            context.load_cert_chain(client.certificate, client.key)
        return context

    return make


# Kafka


@pytest.fixture
def topic(kafka_broker: KafkaBroker) -> str:
    name = f"smoke-{uuid4()}"
    kafka_broker.create_topic(name)
    return name


def produce(topic: str, settings: dict[str, Any], wait: float = PATIENCE) -> KafkaError | None:
    """Produce one message and return the error of its delivery report."""
    outcome: list[KafkaError | None] = []

    def report(error: KafkaError | None, _: Message) -> None:
        outcome.append(error)

    limit = {"message.timeout.ms": int(wait * 1000), "log_level": 0}
    producer = Producer({**settings, **limit})
    producer.produce(topic, b"value", b"key", on_delivery=report)
    assert producer.flush(wait + 5) == 0
    return outcome[0]


def consume(topic: str, settings: dict[str, Any]) -> bytes | None:
    consumer = Consumer({**settings, "group.id": str(uuid4()), "auto.offset.reset": "earliest"})
    try:
        consumer.subscribe([topic])
        message = consumer.poll(PATIENCE)
        assert message is not None
        assert message.error() is None
        return message.value()
    finally:
        consumer.close()


def login(kafka: KafkaBroker, certificates: Certificates, mechanism: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": kafka.sasl_ssl,
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(certificates.ca),
        "sasl.mechanism": mechanism,
        "sasl.username": kafka.user,
        "sasl.password": kafka.password,
    }


def over_tls(address: str | None, certificates: Certificates) -> dict[str, Any]:
    return {
        "bootstrap.servers": address,
        "security.protocol": "SSL",
        "ssl.ca.location": str(certificates.ca),
    }


def test_kafka_plaintext_and_ssl(
    kafka_broker: KafkaBroker, certificates: Certificates, topic: str
) -> None:
    plain = {"bootstrap.servers": kafka_broker.plaintext}
    assert produce(topic, plain) is None
    assert consume(topic, plain) == b"value"
    secure = over_tls(kafka_broker.ssl, certificates)
    assert produce(topic, secure) is None
    assert consume(topic, secure) == b"value"


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_kafka_login(
    kafka_broker: KafkaBroker, certificates: Certificates, topic: str, mechanism: str
) -> None:
    settings = login(kafka_broker, certificates, mechanism)
    assert produce(topic, settings) is None
    assert produce(topic, {**settings, "sasl.password": "wrong"}, wait=2) is not None
    limited = produce(topic, {**settings, "sasl.username": kafka_broker.limited_user})
    assert limited is not None
    assert limited.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def test_kafka_certificates_that_do_not_do(
    kafka_broker: KafkaBroker, certificates: Certificates, topic: str
) -> None:
    elsewhere = over_tls(kafka_broker.wrong_host_ssl, certificates)
    assert produce(topic, elsewhere, wait=2) is not None
    assert produce(topic, elsewhere | {"ssl.endpoint.identification.algorithm": "none"}) is None
    mutual = over_tls(kafka_broker.mutual_ssl, certificates)
    assert produce(topic, mutual, wait=2) is not None

    def with_identity(identity: Identity) -> dict[str, Any]:
        locations = {"certificate": identity.certificate, "key": identity.key}
        return mutual | {f"ssl.{name}.location": str(path) for name, path in locations.items()}

    assert produce(topic, with_identity(certificates.other_client), wait=2) is not None
    assert produce(topic, with_identity(certificates.client)) is None


def test_kafka_refuses_an_unknown_topic_and_freezes(kafka_broker: KafkaBroker, topic: str) -> None:
    plain = {"bootstrap.servers": kafka_broker.plaintext}
    assert produce(f"unknown-{uuid4()}", plain, wait=1) is not None
    with kafka_broker.paused():
        assert produce(topic, plain, wait=1) is not None
    assert produce(topic, plain) is None


# NATS


def with_nats(
    server: NatsServer, talk: Callable[[Client], Awaitable[None]], **options: Any
) -> list[Exception]:
    """Connect, talk, and return what the server complained about in the meantime."""
    complaints: list[Exception] = []
    once: dict[str, Any] = {
        "allow_reconnect": False,
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0,
    }

    async def complain(error: Exception) -> None:
        complaints.append(error)

    async def run() -> None:
        client = Client()
        try:
            await client.connect(
                server.url, error_cb=complain, connect_timeout=2, **once, **options
            )
            await talk(client)
        finally:
            # A failed attempt leaves its socket open, and after a TLS error close() never returns.
            with suppress(TimeoutError):
                await asyncio.wait_for(client.close(), 1)

    asyncio.run(run())
    return complaints


async def send_and_receive(client: Client) -> None:
    subscription = await client.subscribe("jobs.smoke")
    await client.publish("jobs.smoke", b"value")
    assert (await subscription.next_msg(PATIENCE)).data == b"value"


def test_nats_plain_and_jetstream(nats_server: NatsServer) -> None:
    async def store(client: Client) -> None:
        stream = f"smoke-{uuid4()}"
        await client.jetstream().add_stream(name=stream, subjects=[f"{stream}.*"])
        ack = await client.jetstream().publish(
            f"{stream}.a", b"value", headers={"Nats-Msg-Id": "1"}
        )
        assert (ack.stream, ack.seq) == (stream, 1)

    assert with_nats(nats_server, send_and_receive) == []
    assert with_nats(nats_server, store) == []


def test_nats_users(nats_secured: SecuredNats) -> None:
    async def overstep(client: Client) -> None:
        await client.publish("elsewhere", b"value")
        await client.flush()
        await asyncio.sleep(0.2)

    server = nats_secured.users
    for user in (USER, LIMITED_USER):
        assert with_nats(server, send_and_receive, user=user, password=PASSWORD) == []
    assert with_nats(server, overstep, user=USER, password=PASSWORD) == []
    (refused,) = with_nats(server, overstep, user=LIMITED_USER, password=PASSWORD)
    assert "permissions violation" in str(refused).lower()
    with pytest.raises(NatsError, match="Authorization Violation"):
        with_nats(server, send_and_receive, user=USER, password="wrong")


def test_nats_token(nats_secured: SecuredNats) -> None:
    assert with_nats(nats_secured.token, send_and_receive, token=TOKEN) == []
    with pytest.raises(NatsError, match="Authorization Violation"):
        with_nats(nats_secured.token, send_and_receive, token="wrong")


def test_nats_tls(
    nats_secured: SecuredNats, certificates: Certificates, client_context: TlsContext
) -> None:
    assert with_nats(nats_secured.tls, send_and_receive, tls=client_context()) == []
    identified = client_context(certificates.client)
    assert with_nats(nats_secured.mutual_tls, send_and_receive, tls=identified) == []
    with pytest.raises(ssl.SSLCertVerificationError):
        with_nats(nats_secured.wrong_host, send_and_receive, tls=client_context())


def test_nats_pause(nats_server: NatsServer) -> None:
    with nats_server.paused(), pytest.raises((NatsError, TimeoutError)):
        with_nats(nats_server, send_and_receive)
    assert with_nats(nats_server, send_and_receive) == []


def test_nats_comes_back_after_a_crash(nats_server: NatsServer) -> None:
    nats_server.process.kill()
    with pytest.raises(NoServersError):
        with_nats(nats_server, send_and_receive)
    nats_server.start()
    assert with_nats(nats_server, send_and_receive) == []


# RabbitMQ


@contextmanager
def channel_to(url: str, context: ssl.SSLContext | None = None) -> Iterator[BlockingChannel]:
    parameters = pika.URLParameters(url)
    parameters.blocked_connection_timeout = 2
    parameters.socket_timeout = parameters.stack_timeout = 3
    if context:
        parameters.ssl_options = pika.SSLOptions(context, parameters.host)
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


def publish_and_get(channel: BlockingChannel) -> None:
    queue = channel.queue_declare("", exclusive=True).method.queue
    channel.confirm_delivery()
    channel.basic_publish("", queue, b"value", mandatory=True)
    assert channel.basic_get(queue, auto_ack=True)[2] == b"value"


def test_rabbitmq_amqp_and_amqps(rabbitmq_broker: RabbitServer, client_context: TlsContext) -> None:
    with channel_to(rabbitmq_broker.url) as channel:
        publish_and_get(channel)
    assert rabbitmq_broker.tls_url
    with channel_to(rabbitmq_broker.tls_url, client_context()) as channel:
        publish_and_get(channel)


def test_rabbitmq_memory_alarm(rabbitmq_broker: RabbitServer) -> None:
    rabbitmq_broker.alarm()
    try:
        with pytest.raises(AMQPConnectionError), channel_to(rabbitmq_broker.url) as channel:
            publish_and_get(channel)
    finally:
        rabbitmq_broker.clear_alarm()
    with channel_to(rabbitmq_broker.url) as channel:
        publish_and_get(channel)


def test_rabbitmq_closes_connections_and_freezes(rabbitmq_broker: RabbitServer) -> None:
    with channel_to(rabbitmq_broker.url) as channel:
        rabbitmq_broker.close_connections()
        with pytest.raises(ConnectionClosedByBroker):
            publish_and_get(channel)
    with (
        rabbitmq_broker.paused(),
        pytest.raises((AMQPConnectionError, AMQPConnectorException)),
        channel_to(rabbitmq_broker.url),
    ):
        pass
    with channel_to(rabbitmq_broker.url) as channel:
        publish_and_get(channel)
