"""The attributes of a binary CloudEvent as headers, by the bindings of its own package.

A structured event, or none, has no such headers; the package is not even imported then.
"""

from typing import TypeVar

from chronos_cli.dispatch.delivery import Delivery
from chronos_cli.jobs.model import Target

V = TypeVar("V")


def http_event_headers(delivery: Delivery[Target]) -> dict[str, str]:
    """Return `ce-*`, percent-encoded (HTTP binding 3.1.3); the content type is not among them."""
    event = delivery.header_event()
    if event is None:
        return {}
    from cloudevents.core.bindings.http import to_binary_event

    return _attributes(to_binary_event(event).headers)


def kafka_event_headers(delivery: Delivery[Target]) -> dict[str, bytes]:
    """Return `ce_*` (Kafka binding 3.2.3); the content type is not among them."""
    event = delivery.header_event()
    if event is None:
        return {}
    from cloudevents.core.bindings.kafka import to_binary_event

    return _attributes(to_binary_event(event).headers)


def _attributes(headers: dict[str, V]) -> dict[str, V]:
    return {name: value for name, value in headers.items() if name != "content-type"}
