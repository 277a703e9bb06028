"""The brokers as pytest fixtures: each starts when the first test asks for it.

Every worker of pytest-xdist has brokers of its own, since two that share one would see each
other's alarms and pauses.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.brokers import kafka, nats, rabbitmq
from tests.brokers.certificates import Certificates
from tests.brokers.kafka import KafkaBroker
from tests.brokers.nats import NatsServer, SecuredNats
from tests.brokers.rabbitmq import RabbitServer, RabbitTls


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates.make(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def kafka_broker(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[KafkaBroker]:
    require("Kafka", kafka.missing(), kafka.EXTERNAL)
    with KafkaBroker(tmp_path_factory.mktemp("kafka"), certificates) as broker:
        yield broker


@pytest.fixture(scope="session")
def nats_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    require("NATS", nats.missing(), nats.EXTERNAL)
    with NatsServer(tmp_path_factory.mktemp("nats")) as server:
        yield server


@pytest.fixture(scope="session")
def nats_secured(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[SecuredNats]:
    """Always servers of our own, whatever the environment names: nobody else's have these users."""
    require("NATS", nats.missing())
    secured = SecuredNats(tmp_path_factory.mktemp("nats-secured"), certificates)
    with ExitStack() as running:
        for server in secured.servers():
            running.enter_context(server)
        yield secured


@pytest.fixture(scope="session")
def rabbitmq_broker(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[RabbitServer]:
    require("RabbitMQ", rabbitmq.missing(), rabbitmq.EXTERNAL)
    folder = tmp_path_factory.mktemp("rabbitmq")
    with RabbitServer(folder, tls=RabbitTls.of(certificates)) as broker:
        yield broker


def require(broker: str, reason: str | None, external: str | None = None) -> None:
    """Skip without the broker; but where the whole suite has to run, an absence is a failure."""
    if reason is None or (external and os.environ.get(external)):
        return
    told = f"{broker}: {reason}; see python -m tests.brokers.provision"
    if os.environ.get("CI") == "true":
        pytest.fail(told)
    pytest.skip(told)
