"""The span of one message, by the semantic conventions for messaging."""

from collections.abc import Mapping
from typing import Any

from chronos_cli.dispatch.spans import MessageSpan
from chronos_cli.protocols.nats.target import Nats, Server


def message_span(target: Nats, code: str | None, receipt: Mapping[str, Any]) -> MessageSpan:  # noqa: ARG001
    """Return the span of a message to a target's subject; of its servers the first stands for all.

    Who asks for a reply is a client; else others receive the message when they like.
    """
    operation = "request" if target.mode == "request" else "publish"
    server = Server.parse(target.urls[0])
    return MessageSpan(
        name=f"{operation} {target.subject}",
        kind="client" if target.mode == "request" else "producer",
        attributes={
            "messaging.system": "nats",
            "messaging.operation.name": operation,
            "messaging.operation.type": "send",
            "messaging.destination.name": target.subject,
            "server.address": server.host,
            "server.port": server.port,
        },
    )
