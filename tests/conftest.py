"""What all tests may ask for."""

import socket
from collections.abc import Iterator

import pytest

from tests.brokers.fixtures import (
    certificates,
    kafka_broker,
    nats_secured,
    nats_server,
    rabbitmq_broker,
)
from tests.support import HttpServer, SilentPort

__all__ = ["certificates", "kafka_broker", "nats_secured", "nats_server", "rabbitmq_broker"]


@pytest.fixture(scope="session")
def server() -> Iterator[HttpServer]:
    running = HttpServer()
    yield running
    running.stop()


@pytest.fixture
def silent_port() -> Iterator[SilentPort]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield SilentPort.of(listener)


@pytest.fixture
def closed_port() -> int:
    """A port where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
        return port
