"""RabbitMQ (AMQP 0-9-1), by pika: the target block `rabbitmq`.

A dispatch succeeds when the broker has confirmed the message and did not return it as
unroutable. What it returns, and what it closes the channel for, is rejected; a nack means
"not now" and is unreachable. With `confirm_mode: false` the broker has read the message, found
exchange and queue, and promises nothing more.
"""

import json
from typing import TYPE_CHECKING, Any

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.dispatch.plugin import Preview, Receipt
from chronos_cli.protocols.rabbitmq.event import event_headers
from chronos_cli.protocols.rabbitmq.message import Message, timestamp
from chronos_cli.protocols.rabbitmq.target import Rabbitmq, RabbitmqSettings

if TYPE_CHECKING:
    from chronos_cli.protocols.rabbitmq.pool import RabbitmqPool

_DELIVERY_MODES = {True: 2, False: 1}
# Of a message's properties, those that go out as the job file gives them.
_PLAIN_PROPERTIES = "content_encoding priority correlation_id reply_to type app_id user_id".split()


class RabbitmqDispatcher:
    """Sends deliveries over AMQP, one connection for each login and list of servers."""

    def __init__(self, settings: RabbitmqSettings) -> None:
        self._settings = settings
        self._opened_pool: RabbitmqPool | None = None

    async def send(self, delivery: Delivery[Rabbitmq]) -> Receipt:
        """Publish one message; see `Dispatcher.send`."""
        target = delivery.target
        message = _message(delivery, target)
        async with self._pool.lend(target, delivery.timeout) as connection:
            await connection.publish(message)
        if message.confirmed:
            return Receipt(data={"confirmed": True})
        return Receipt(message="unconfirmed (confirm_mode: false)", data={"confirmed": False})

    async def preview(self, delivery: Delivery[Rabbitmq]) -> Preview:
        """Return the message as it would leave; see `Dispatcher.preview`."""
        message = _message(delivery, delivery.target)
        properties = dict(message.properties)
        headers = properties.pop("headers")
        lines = [(name, str(value)) for name, value in properties.items()]
        lines += [(name, _shown(value)) for name, value in headers.items()]
        return Preview(
            summary=f"publish to {message.where}",
            headers=lines,
            body=message.body.decode(errors="replace"),
        )

    async def close(self) -> None:
        """Close all connections."""
        if self._opened_pool is not None:
            await self._opened_pool.close()

    @property
    def _pool(self) -> "RabbitmqPool":
        if self._opened_pool is None:
            from chronos_cli.protocols.rabbitmq.pool import RabbitmqPool  # imports pika

            self._opened_pool = RabbitmqPool()
        return self._opened_pool


def _shown(value: Any) -> str:
    """Return a header's value as a job file has it; a text without quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _message(delivery: Delivery[Rabbitmq], target: Rabbitmq) -> Message:
    properties: dict[str, Any] = {
        "content_type": target.content_type or delivery.content_type,
        "delivery_mode": _DELIVERY_MODES[target.persistent],
        "message_id": target.message_id or delivery.execution.id,
        "timestamp": timestamp(),
        "headers": {
            **delivery.metadata,
            **event_headers(delivery.event, target.cloudevents_prefix),
            **target.headers,
        },
    }
    for name in _PLAIN_PROPERTIES:
        value = getattr(target, name)
        if value is not None:
            properties[name] = value
    if target.expiration is not None:
        properties["expiration"] = str(round(target.expiration * 1000))
    return Message(
        exchange=target.exchange,
        routing_key=target.key,
        mandatory=target.mandatory,
        confirmed=target.confirm_mode,
        properties=properties,
        body=delivery.body,
    )
