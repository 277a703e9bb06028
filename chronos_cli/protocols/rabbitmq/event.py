"""The attributes of a binary CloudEvent as headers of an AMQP message.

CloudEvents has no binding for AMQP 0-9-1. These are written as the one for AMQP 1.0 wants them
(3.1.3.2), since its clients read from the same queues: true is a boolean, a number a long. The
time stays text, which that binding allows: a timestamp of 0-9-1 has whole seconds, and no zone.
Knative's draft for RabbitMQ leaves the types to the sender, and its reader takes all.
"""

from chronos_cli.dispatch.cloudevents import Event
from chronos_cli.protocols.rabbitmq.fields import Long


def event_headers(event: Event | None, prefix: str) -> dict[str, str | int]:
    """Return the attributes under a prefix, without the content type, which is a property."""
    if event is None or event.is_structured:
        return {}
    return {
        prefix + name: _typed(value)
        for name, value in event.attributes.items()
        if name != "datacontenttype"
    }


def _typed(value: str | int) -> str | int:
    """Let the broker make a long of a number for AMQP 1.0; of a shorter one it makes an int."""
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return Long(value) if is_number else value
