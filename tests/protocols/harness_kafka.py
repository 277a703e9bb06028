"""Kafka for the shared scenarios: the real broker, and a bare consumer."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import confluent_kafka
import pytest
from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType

from chronos_cli.testing.harness import Gate, Harness, Received, attributes_of, raising
from tests.brokers.kafka import KafkaBroker
from tests.support import Result, chronos


def open_harness(folder: Path, request: pytest.FixtureRequest) -> "KafkaHarness":
    return KafkaHarness(request.getfixturevalue("kafka_broker"))


class KafkaHarness(Harness):
    key = "kafka"

    def __init__(self, broker: KafkaBroker) -> None:
        self.broker = broker
        self.authorities = broker.certificates.authorities

    def topic(self, partitions: int = 1, config: dict[str, str] | None = None) -> str:
        """A topic of its own for one test."""
        name = f"jobs-{uuid4()}"
        self.broker.create_topic(name, partitions, config)
        return name

    def allow(self, user: str, topic: str, operation: AclOperation) -> None:
        """Give a user one right to a topic."""
        admin = AdminClient({"bootstrap.servers": self.broker.plaintext, "log_level": 0})
        right = (f"User:{user}", "*", operation, AclPermissionType.ALLOW)
        binding = AclBinding(ResourceType.TOPIC, topic, ResourcePatternType.LITERAL, *right)
        for done in admin.create_acls([binding]).values():
            done.result(10)

    def target(self) -> dict[str, Any]:
        return {"brokers": [self.broker.plaintext], "topic": self.topic()}

    def received(self, target: dict[str, Any], limit: float = 10.0) -> list[Received]:
        return [
            Received(
                body=message.value() or b"",
                headers={
                    name.lower(): (value or b"").decode() for name, value in headers_of(message)
                },
            )
            for message in self.messages(target["topic"], limit)
        ]

    def messages(self, topic: str, limit: float = 10.0) -> list[Message]:
        """Everything in a topic, asked of the broker's plaintext listener."""
        return consume(self.broker.plaintext, topic, limit)

    def at_port(self, port: int) -> dict[str, Any]:
        return {"brokers": f"127.0.0.1:{port}", "topic": "jobs"}

    def bad_credentials(self, secret: str) -> dict[str, Any] | None:
        target = self._at(self.broker.sasl_ssl, self.broker.certificates.ca)
        return target and {**target, "sasl": self.login(password=secret)}

    def tls(self, ca: Path) -> dict[str, Any] | None:
        return self._at(self.broker.ssl, ca)

    def login_target(self) -> dict[str, Any] | None:
        target = self._at(self.broker.sasl_ssl, self.broker.certificates.ca)
        return target and {**target, "sasl": self.login("PLAIN")}

    def gates(self, target: dict[str, Any]) -> list[Gate]:
        (address,) = (
            [target["brokers"]] if isinstance(target["brokers"], str) else target["brokers"]
        )
        return [Gate(port, listener) for port, listener in self.broker.proxied(address)]

    def rerouted(self, target: dict[str, Any], port: int) -> dict[str, Any]:
        return {**target, "brokers": f"127.0.0.1:{port}"}

    def break_client(self, patch: pytest.MonkeyPatch, error: Exception) -> bool:
        # Its methods are written in C: none can be replaced, but by those of a subclass.
        broken = type("Producer", (confluent_kafka.Producer,), {"produce": raising(error)})
        patch.setattr(confluent_kafka, "Producer", broken)
        return True

    def event_attributes(self, target: dict[str, Any]) -> Mapping[str, str]:
        (message,) = self.received(target)
        return attributes_of(message.headers, "ce_")

    def login(self, mechanism: str = "SCRAM-SHA-512", **changes: str) -> dict[str, str]:
        known = {"username": self.broker.user, "password": self.broker.password}
        return {"mechanism": mechanism, **known, **changes}

    def _at(self, address: str | None, ca: Path) -> dict[str, Any] | None:
        if address is None:
            return None
        return {"brokers": address, "topic": self.topic(), "tls": {"ca": str(ca)}}


def headers_of(message: Message) -> list[tuple[str, bytes | None]]:
    found: Any = message.headers() or []
    return list(found)


def consume(address: str, topic: str, limit: float = 10.0) -> list[Message]:
    """Every message of a topic, oldest first."""
    settings = {"bootstrap.servers": address, "group.id": str(uuid4()), "log_level": 0}
    consumer = Consumer(settings)
    try:
        partitions = consumer.list_topics(topic, timeout=limit).topics[topic].partitions
        wanted = 0
        for number in partitions:
            marks = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=limit)
            wanted += marks[1] - marks[0] if marks else 0
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        messages: list[Message] = []
        end = time.monotonic() + limit
        while len(messages) < wanted and time.monotonic() < end:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                messages.append(message)
        return sorted(messages, key=lambda message: message.timestamp()[1])
    finally:
        consumer.close()


def run_all(
    folder: Path,
    targets: dict[str, dict[str, Any]],
    *,
    env: dict[str, str] | None = None,
    **more: Any,
) -> Result:
    """Run several jobs in one process; the report has them in this order."""
    policy = {"max_attempts": 2, "initial_interval": "10ms"}
    defaults = {"timeout": "10s", "retry_policy": policy, **more}
    jobs = [{"name": name, "kafka": target} for name, target in targets.items()]
    path = folder / "jobs.yaml"
    path.write_text(json.dumps({"defaults": defaults, "jobs": jobs}))
    return chronos("run", "--output=json", str(path), env=env)
