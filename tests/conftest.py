"""What all tests may ask for."""

from collections.abc import Iterator

import pytest

from chronos_cli.testing import ports
from chronos_cli.testing.hostile_table import pytest_terminal_summary
from tests.brokers.fixtures import (
    certificates,
    kafka_broker,
    nats_secured,
    nats_server,
    rabbitmq_broker,
)
from tests.support import HttpServer, SilentPort

# A package of its own, whose tests run where it is installed (test_plugin_package.py).
collect_ignore = ["plugin_package"]

__all__ = [
    "certificates",
    "kafka_broker",
    "nats_secured",
    "nats_server",
    "pytest_terminal_summary",
    "rabbitmq_broker",
]


@pytest.fixture(scope="session")
def server() -> Iterator[HttpServer]:
    running = HttpServer()
    yield running
    running.stop()


@pytest.fixture
def silent_port() -> Iterator[SilentPort]:
    with ports.silent_port() as port:
        yield port


@pytest.fixture
def closed_port() -> int:
    return ports.closed_port()
