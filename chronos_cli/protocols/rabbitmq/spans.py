"""The span of one message, by the semantic conventions for messaging and RabbitMQ."""

from collections.abc import Mapping
from typing import Any

from chronos_cli.dispatch.spans import MessageSpan
from chronos_cli.protocols.rabbitmq.target import Rabbitmq


def message_span(target: Rabbitmq, code: str | None, receipt: Mapping[str, Any]) -> MessageSpan:  # noqa: ARG001
    """Return the span of a message to a target's exchange; of its hosts the first stands for all.

    The name of a destination is exchange and routing key, as far as there are any.
    """
    destination = ":".join(part for part in (target.exchange, target.key) if part) or "amq.default"
    _, addresses = target.login()
    attributes: dict[str, str | int] = {
        "messaging.system": "rabbitmq",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": destination,
        "server.address": addresses[0].host,
        "server.port": addresses[0].port,
    }
    if target.key:
        attributes["messaging.rabbitmq.destination.routing_key"] = target.key
    return MessageSpan(name=f"publish {destination}", kind="producer", attributes=attributes)
