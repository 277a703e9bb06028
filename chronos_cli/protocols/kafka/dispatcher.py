"""Kafka, by confluent-kafka (librdkafka): the target block `kafka`.

A dispatch succeeds when the broker has acknowledged the message, by default for all in-sync
replicas. With `acks: 0` there is no acknowledgement, and the report says so.
"""

from contextlib import AbstractAsyncContextManager
from typing import Any

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Preview, Receipt
from chronos_cli.errors import RejectedError
from chronos_cli.protocols.event_headers import kafka_event_headers
from chronos_cli.protocols.kafka.configuration import acks
from chronos_cli.protocols.kafka.connection import Connection, Report
from chronos_cli.protocols.kafka.errors import RefusedTogetherError
from chronos_cli.protocols.kafka.pool import KafkaPool
from chronos_cli.protocols.kafka.target import KafkaSettings, KafkaTarget


class KafkaDispatcher:
    """Sends deliveries to Kafka, with one client for each configuration."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._pool = KafkaPool(settings)

    async def send(self, delivery: Delivery[KafkaTarget]) -> Receipt:
        """Send one message and wait for its acknowledgement; see `Dispatcher.send`."""
        target = delivery.target
        message = message_of(delivery)
        if target.partition is not None:
            message["partition"] = target.partition
        try:
            report = await _sent(self._pool.lend(target, delivery.timeout), target, message)
        except RefusedTogetherError:
            # A broker refuses a batch for one of its messages, and says not for which.
            lent = self._pool.lend_for_one(target, delivery.timeout)
            report = await _sent(lent, target, message)
        return _receipt(report, is_confirmed=acks(target, self._settings) != "0")

    async def preview(self, delivery: Delivery[KafkaTarget]) -> Preview:
        """Return the message as it would leave; see `Dispatcher.preview`."""
        target = delivery.target
        message = message_of(delivery)
        partition = "" if target.partition is None else f" partition {target.partition}"
        key = "no key" if message["key"] is None else f"key {message['key'].decode()}"
        headers = [
            (name, "" if value is None else value.decode()) for name, value in message["headers"]
        ]
        value = message["value"]
        body = "(null)" if value is None else value.decode(errors="replace")
        return Preview(f"PRODUCE {target.topic}{partition}, {key}", headers, body)

    async def close(self) -> None:
        """Let every client go."""
        await self._pool.close()


async def _sent(
    lent: AbstractAsyncContextManager[Connection], target: KafkaTarget, message: dict[str, Any]
) -> Report:
    async with lent as connection:
        return await connection.send(target.topic, target.describe(), **message)


def message_of(delivery: Delivery[KafkaTarget]) -> dict[str, Any]:
    """Return key, value and headers; raises RejectedError when there are two values."""
    target = delivery.target
    key = target.partition_key(delivery.execution.job.id)
    value: bytes | None = delivery.body
    if target.value is None:
        if not delivery.default_payload:
            raise RejectedError("the job has both a payload and 'value: null'; keep one")
        value = None
    own = target.header_list()
    headers: list[tuple[str, str | bytes | None]] = list(delivery.metadata.items())
    headers += kafka_event_headers(delivery).items()
    if value is not None and not any(name.lower() == "content-type" for name, _ in own):
        # Readers of CloudEvents look for it by exactly this name.
        name = "Content-Type" if delivery.event is None else "content-type"
        headers.append((name, delivery.content_type))
    return {
        "key": _encoded(key),
        "value": value,
        "headers": [(name, _encoded(item)) for name, item in (*headers, *own)],
    }


def _encoded(text: str | bytes | None) -> bytes | None:
    return text.encode() if isinstance(text, str) else text


def _receipt(report: Report, *, is_confirmed: bool) -> Receipt:
    """Return what the broker gave back; without acknowledgement there is no offset."""
    data: dict[str, Any] = {"topic": report.topic, "partition": report.partition}
    if is_confirmed:
        return Receipt(data={**data, "offset": report.offset})
    message = "sent, but unconfirmed: with acks 0 no broker says that it has the message"
    return Receipt(message=message, data={**data, "offset": None, "confirmed": False})
