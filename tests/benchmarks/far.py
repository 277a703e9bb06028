"""The far sides that are sent to: servers of the benchmarks' own, and the brokers of the tests.

Each counts what arrived, so that no row can measure messages that did not.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from tests.benchmarks.measure import FailureError
from tests.support import ROOT


class CountingServer:
    """One of `servers/`, in a process of its own, which ends with its stdin."""

    def __init__(self, module: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"tests.benchmarks.servers.{module}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self.port = int(self._read())
        self.address = f"127.0.0.1:{self.port}"

    def take(self) -> list[tuple[float, str]]:
        """Return what arrived since the last call: when, and the scheduled time that it named."""
        assert self._process.stdin is not None
        self._process.stdin.write("take\n")
        self._process.stdin.flush()
        return [(moment, scheduled) for moment, scheduled in json.loads(self._read())]

    def expect(self, count: int) -> None:
        """Raise FailureError unless so many messages came since the last call."""
        check_count(len(self.take()), count)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate(timeout=10)

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise FailureError(f"the server {self._process.args!r} has ended")
        return line


def check_count(arrived: int, expected: int) -> None:
    """Raise FailureError unless all messages arrived, and each of them once."""
    if arrived != expected:
        raise FailureError(f"{arrived} messages arrived where {expected} were sent")


class Stream:
    """A fresh stream of JetStream, in memory so that the disk is not measured."""

    def __init__(self, url: str) -> None:
        self.name = self.subject = f"bench-{uuid4()}"
        self._url = url
        self._ask(
            lambda js: js.add_stream(name=self.name, subjects=[self.subject], storage="memory")
        )

    def expect(self, count: int) -> None:
        """Check how many messages it holds, and delete it."""
        held = self._ask(lambda js: js.stream_info(self.name)).state.messages
        self._ask(lambda js: js.delete_stream(self.name))
        check_count(held, count)

    def _ask(self, question: Callable[[Any], Awaitable[Any]]) -> Any:
        from nats.aio.client import Client

        async def ask() -> Any:
            client = Client()
            await client.connect(self._url)
            try:
                return await question(client.jetstream())
            finally:
                await client.close()

        return asyncio.run(ask())


class Queue:
    """A fresh queue of RabbitMQ."""

    def __init__(self, url: str) -> None:
        self.name = f"bench-{uuid4()}"
        self._url = url
        self._ask(lambda channel: channel.queue_declare(self.name))

    def expect(self, count: int) -> None:
        """Check how many messages it holds, and delete it."""
        declared = self._ask(lambda channel: channel.queue_declare(self.name, passive=True))
        self._ask(lambda channel: channel.queue_delete(self.name))
        check_count(declared.method.message_count, count)

    def _ask(self, question: Callable[[Any], Any]) -> Any:
        import pika

        connection = pika.BlockingConnection(pika.URLParameters(self._url))
        try:
            return question(connection.channel())
        finally:
            connection.close()


class Topic:
    """A fresh topic of Kafka, with one partition."""

    def __init__(self, broker: Any) -> None:
        self.name = f"bench-{uuid4()}"
        self._address = broker.plaintext
        broker.create_topic(self.name)

    def expect(self, count: int) -> None:
        """Check how many messages it holds."""
        from confluent_kafka import Consumer, TopicPartition

        consumer = Consumer({"bootstrap.servers": self._address, "group.id": self.name})
        try:
            first, end = consumer.get_watermark_offsets(TopicPartition(self.name, 0), timeout=10)
        finally:
            consumer.close()
        check_count(end - first, count)
