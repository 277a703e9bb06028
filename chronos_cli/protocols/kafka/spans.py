"""The span of one message, by the semantic conventions for messaging."""

from collections.abc import Mapping
from typing import Any

from chronos_cli.dispatch.spans import MessageSpan
from chronos_cli.protocols.kafka.target import KafkaTarget


def message_span(
    target: KafkaTarget,
    code: str | None,  # noqa: ARG001
    receipt: Mapping[str, Any],
) -> MessageSpan:
    """Return the span of a message to a target's topic; of its brokers the first stands for all."""
    host, _, port = target.broker_list()[0].rpartition(":")
    attributes: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": target.topic,
        "server.address": host.strip("[]") or port,
    }
    if host and port.isdecimal():
        attributes["server.port"] = int(port)
    if receipt.get("partition") is not None:
        attributes["messaging.destination.partition.id"] = str(receipt["partition"])
    if receipt.get("offset") is not None:
        attributes["messaging.kafka.offset"] = receipt["offset"]
    return MessageSpan(name=f"send {target.topic}", kind="producer", attributes=attributes)
