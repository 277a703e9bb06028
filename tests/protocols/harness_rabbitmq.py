"""RabbitMQ for the shared suite, and a bare pika client to look at what arrived."""

import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from chronos_cli.testing.harness import (
    Authorities,
    Harness,
    Received,
    attributes_of,
    port_of,
    raising,
    with_port,
)

# Method, properties and body, as pika gives them.
Taken = tuple[Any, Any, bytes]


class RabbitNode(Protocol):
    """What these tests want of a broker."""

    url: str
    tls_url: str | None

    def alarm(self) -> None: ...

    def clear_alarm(self) -> None: ...

    def paused(self) -> AbstractContextManager[None]: ...

    def control(self, *arguments: str) -> str: ...


@contextmanager
def bare_channel(url: str) -> Iterator[BlockingChannel]:
    """A channel of a client that shares nothing with the program under test."""
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        yield connection.channel()
    finally:
        if connection.is_open:
            connection.close()


def declare_queue(url: str, arguments: dict[str, Any] | None = None) -> str:
    name = f"q-{uuid.uuid4().hex[:12]}"
    with bare_channel(url) as channel:
        channel.queue_declare(name, durable=True, arguments=arguments)
    return name


def take_all(url: str, queue: str, count: int = 1, limit: float = 10.0) -> list[Taken]:
    """Everything in a queue, in order; waits until there are `count`, or the limit is over."""
    found: list[Taken] = []
    end = time.monotonic() + limit
    with bare_channel(url) as channel:
        while True:
            method, properties, body = channel.basic_get(queue, auto_ack=True)
            if method is not None:
                found.append((method, properties, body or b""))
            elif len(found) >= count or time.monotonic() > end:
                return found
            else:
                time.sleep(0.02)


class RabbitHarness(Harness):
    key = "rabbitmq"

    def __init__(self, broker: RabbitNode, authorities: Authorities | None = None) -> None:
        self._broker = broker
        self.authorities = authorities

    def target(self) -> dict[str, Any]:
        return {"url": self._broker.url, "queue": declare_queue(self._broker.url)}

    def received(self, target: dict[str, Any], limit: float = 10.0) -> list[Received]:
        found = take_all(self._broker.url, target["queue"], limit=limit)
        return [
            Received(
                body=body,
                headers={name.lower(): str(value) for name, value in properties.headers.items()},
            )
            for _, properties, body in found
        ]

    def at_port(self, port: int) -> dict[str, Any]:
        return {"url": f"amqp://guest:guest@127.0.0.1:{port}/", "queue": "none"}

    def bad_credentials(self, secret: str) -> dict[str, Any] | None:
        place = self._broker.url.rpartition("@")[2]
        return {
            "url": f"amqp://{place}",
            "username": "guest",
            "password": secret,
            "queue": "none",
        }

    def tls(self, ca: Path) -> dict[str, Any] | None:
        if self._broker.tls_url is None:
            return None
        queue = declare_queue(self._broker.url)
        return {"url": self._broker.tls_url, "queue": queue, "tls": {"ca": str(ca)}}

    def server_port(self, target: dict[str, Any]) -> int:
        return port_of(target["url"])

    def rerouted(self, target: dict[str, Any], port: int) -> dict[str, Any]:
        return {**target, "url": with_port(target["url"], port)}

    def break_client(self, patch: pytest.MonkeyPatch, error: Exception) -> bool:
        patch.setattr(
            "chronos_cli.protocols.rabbitmq.adapter.AsyncioAdapter.chronos_publish", raising(error)
        )
        return True

    def event_attributes(self, target: dict[str, Any]) -> Mapping[str, str]:
        (message,) = self.received(target)
        return attributes_of(message.headers, "cloudevents:")


def open_harness(folder: Path, request: pytest.FixtureRequest) -> RabbitHarness:
    certificates = request.getfixturevalue("certificates")
    return RabbitHarness(request.getfixturevalue("rabbitmq_broker"), certificates.authorities)
